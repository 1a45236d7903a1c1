"""Windows of audio to texts, as the options ask: language, search, and a second try where a text is rejected.

whisper/transcribe.py@c0d2f62, decode_with_fallback, and whisper/decoding.py, detect_language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.alignment import POSITION_S, WordTiming, align_words, attended_positions
from engine.config import has_spaces
from engine.decoding import DecodedText, DecodingTask, Row, decode_greedily
from engine.early_ends import MOST_TOKENS, may_be_early, with_rest
from engine.encoded import EncodedAudio
from engine.filters import BatchFilters, TokenFilters
from engine.guards import compression_ratio, is_loop
from engine.language_changes import likely_language
from engine.networks import Networks
from engine.options import DEFAULT_DECODING, DecodingOptions
from engine.rules import UNRESTRICTED, FilteredText
from engine.search import Vocabulary, decode_by_sampling, decode_with_beams
from engine.tasks import TaskMaker, Window
from engine.timings import NO_TIMINGS, Observer
from engine.tokenizer import Tokenizer

_SEED = 0
"""Sampling is random to the model and the same every time to the user."""


@dataclass(frozen=True, slots=True)
class Recognized:
    """What was heard in one window.

    Attributes:
        decoded: the text.
        language: what is spoken.
        language_prob: its probability, 1 where it was given.
        temperature: at which the text was found.
        compression_ratio: of the text.
        words: when each was said, seconds from the start of the window; empty where that was not asked for.
        attended_s: for each token of the prefix and the text, where the model looked, seconds from the start of the
            window; empty where that was not asked for.
    """

    decoded: DecodedText
    language: str
    language_prob: float
    temperature: float
    compression_ratio: float
    words: tuple[WordTiming, ...] = ()
    attended_s: tuple[float, ...] = ()

    @property
    def avg_logprob(self) -> float:
        """Mean log-probability over the tokens behind the prefix and the closing end."""
        return float(np.mean(self.decoded.logprobs))


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Windows, a task for each, and the filter table their rules speak of."""

    windows: Sequence[Window]
    tasks: Sequence[DecodingTask]
    filters: NDArray[np.float32]


class Recognizer:
    """Decodes windows with one model.

    Args:
        networks: of the model.
        tokenizer: of the model.
        filters: of the model.
        timings: told when a language is heard and when words are aligned.
    """

    def __init__(
        self, networks: Networks, tokenizer: Tokenizer, filters: TokenFilters, timings: Observer = NO_TIMINGS
    ) -> None:
        self.networks = networks
        self.tokenizer = tokenizer
        self._filters = filters
        self._task_maker = TaskMaker(tokenizer, networks.dims)
        self._timings = timings

    def recognize(self, encoded: EncodedAudio, windows: Sequence[Window]) -> list[Recognized]:
        """Decode ``windows``, one a window of ``encoded``.

        Raises:
            ValueError: a language or a task that the model does not know.
        """
        languages = self._languages(encoded, windows)
        batch = self._batch(windows, [language for language, _ in languages])
        found = [
            self._recognized(text, window.options.temperatures[0], *language)
            for text, window, language in zip(self._first_try(encoded, batch), windows, languages, strict=True)
        ]
        for i, window in enumerate(windows):
            if window.is_heard_again and is_loop(found[i].decoded.ids):
                continue
            for temperature in window.options.temperatures[1:]:
                if not is_rejected(found[i], window.options):
                    break
                found[i] = self._recognized(self._search(encoded, batch, i, temperature), temperature, *languages[i])
            if window.options.words:
                with self._timings.stage("word times"):
                    found[i] = replace(found[i], words=self._words(encoded.window(i), window, found[i]))
            if window.wants_attention and self.networks.can_align:
                with self._timings.stage("attention"):
                    found[i] = replace(found[i], attended_s=self._attended_s(encoded.window(i), window, found[i]))
        return found

    def prefix(self, options: DecodingOptions) -> tuple[int, ...]:
        """Return the ids that the first window's text must begin with."""
        return self._task_maker.prefix(options)

    def detect_languages(self, encoded: EncodedAudio, allowed: Sequence[Sequence[str]]) -> list[dict[str, float]]:
        """Return for each window the probability of every language, the likeliest first.

        Args:
            encoded: the windows.
            allowed: for each window, the languages that may be heard in it; none for all.
        """
        wanted = [[self._known(language) for language in codes] or list(self.tokenizer.languages) for codes in allowed]
        rows = [Row([self.tokenizer.sot], [0], [UNRESTRICTED])] * encoded.n_windows
        decoder = self.networks.decoder(encoded, self._filters.table(DEFAULT_DECODING).rows)
        logits = decoder.advance(rows).fetch_logits()[:, 0]
        return [self._chances(row, codes) for row, codes in zip(logits, wanted, strict=True)]

    def _chances(self, logits: NDArray[np.float32], codes: Sequence[str]) -> dict[str, float]:
        some = logits[[self.tokenizer.languages[code] for code in codes]].astype(np.float64)
        odds = np.exp(some - some.max())
        return {codes[i]: float(odds[i] / odds.sum()) for i in np.argsort(-odds)}

    def _languages(self, encoded: EncodedAudio, windows: Sequence[Window]) -> list[tuple[str, float]]:
        """The language of each window and its probability; heard only where it must be."""
        if not self.tokenizer.is_multilingual:
            return [(window.options.language or "en", 1.0) for window in windows]
        wanted = [window.options for window in windows]
        if all(options.language is not None for options in wanted):
            return [(options.language or "", 1.0) for options in wanted]
        with self._timings.stage("language detection"):
            heard = self.detect_languages(encoded, [options.languages for options in wanted])
        return [
            (given, 1.0) if (given := window.options.language) else likely_language(chances, window.usual_language)
            for window, chances in zip(windows, heard, strict=True)
        ]

    def _batch(self, windows: Sequence[Window], languages: Sequence[str]) -> _Batch:
        maker, tasks = self._task_maker, []
        tables = [
            self._filters.table(options, options.hotwords[maker.n_prompted(options) :])
            for options in (window.options for window in windows)
        ]
        filters = BatchFilters(tables)
        for window, language, table in zip(windows, languages, tables, strict=True):
            rules = FilteredText(maker.rules(window.options), filters.first_row(table), table.hotwords)
            tasks.append(maker.task(window, language, rules))
        return _Batch(windows, tasks, filters.rows)

    def _known(self, language: str) -> str:
        if language not in self.tokenizer.languages:
            raise ValueError(f"language must be one of {', '.join(self.tokenizer.languages)}, got {language!r}")
        return language

    def _first_try(self, encoded: EncodedAudio, batch: _Batch) -> list[DecodedText]:
        """All together where every one is greedy; one by one otherwise."""
        if all(window.options.beam_size == 1 and window.options.temperatures[0] == 0 for window in batch.windows):
            texts = decode_greedily(self.networks.decoder(encoded, batch.filters), batch.tasks)
            return [self._to_the_end(encoded, batch, i, text) for i, text in enumerate(texts)]
        return [
            self._search(encoded, batch, i, window.options.temperatures[0]) for i, window in enumerate(batch.windows)
        ]

    def _to_the_end(self, encoded: EncodedAudio, batch: _Batch, i: int, text: DecodedText) -> DecodedText:
        """Look behind the end of ``text`` where the model doubts it."""
        window, task = batch.windows[i], batch.tasks[i]
        if not window.wants_all or window.options.timestamps or not may_be_early(text, window.n_positions):
            return text
        # What may not be first in a text may not be first in the rest: its end.
        given = (*task.prompt, *task.prefix, *text.ids)
        rest = replace(task, prompt=given, prefix=(), draft=(), max_tokens=min(MOST_TOKENS, task.max_tokens))
        (more,) = decode_greedily(self.networks.decoder(encoded.window(i), batch.filters), [rest])
        return with_rest(text, more, task.prefix, window.n_positions)

    def _search(self, encoded: EncodedAudio, batch: _Batch, i: int, temperature: float) -> DecodedText:
        """Decode window ``i`` by itself."""
        options, task = batch.windows[i].options, replace(batch.tasks[i], draft=())
        vocabulary = Vocabulary(batch.filters, self.tokenizer.first_timestamp)
        n_texts = options.best_of if temperature > 0 else options.beam_size
        decoder = self.networks.decoder(encoded.window(i), batch.filters, n_texts)
        if temperature > 0:
            random = np.random.default_rng(_SEED)
            return decode_by_sampling(
                decoder,
                task,
                vocabulary,
                n_samples=n_texts,
                temperature=temperature,
                random=random,
                length_penalty=options.length_penalty,
            )
        if n_texts == 1:
            return decode_greedily(decoder, [task])[0]
        return decode_with_beams(
            decoder,
            task,
            vocabulary,
            n_beams=n_texts,
            patience=options.patience,
            length_penalty=options.length_penalty,
        )

    def _words(self, encoded: EncodedAudio, window: Window, found: Recognized) -> tuple[WordTiming, ...]:
        tokenizer = self.tokenizer
        spoken = zip(found.decoded.ids, found.decoded.logprobs, strict=False)
        text = [(id, logprob) for id, logprob in spoken if id < tokenizer.eot]
        ids = [*window.prefix, *(id for id, _ in text)]
        scores = self._scores(encoded, window, found.language, ids)
        logprobs = [*[0.0] * len(window.prefix), *(logprob for _, logprob in text)]
        by_spaces = has_spaces(found.language, is_translated=window.options.translate)
        tokens = [*map(tokenizer.token_bytes, ids)]
        return tuple(align_words(scores, tokens, logprobs, by_spaces=by_spaces, n_given=window.n_lead_in))

    def _attended_s(self, encoded: EncodedAudio, window: Window, found: Recognized) -> tuple[float, ...]:
        ids = [*window.prefix, *(id for id in found.decoded.ids if id < self.tokenizer.eot)]
        if not ids or window.options.timestamps:
            return ()
        scores = self._scores(encoded, window, found.language, ids)
        return tuple((attended_positions(scores, len(ids)) * POSITION_S).tolist())

    def _scores(self, encoded: EncodedAudio, window: Window, language: str, ids: Sequence[int]) -> NDArray[np.float32]:
        """What the alignment heads see while ``ids`` are written: (n_heads, n_rows, n_positions)."""
        prompt = self.tokenizer.sot_sequence(language, translate=window.options.translate)
        return self.networks.align(encoded, [*prompt, *ids, self.tokenizer.eot])[:, :, : window.n_positions]

    def _recognized(self, text: DecodedText, temperature: float, language: str, language_prob: float) -> Recognized:
        ratio = compression_ratio(self.tokenizer.decode(text.ids))
        return Recognized(text, language, language_prob, temperature, ratio)


def is_rejected(found: Recognized, options: DecodingOptions) -> bool:
    """Tell whether another temperature is to be tried: the text repeats itself, or the model doubts it."""
    limit = options.logprob_limit
    is_improbable = limit is not None and found.avg_logprob < limit
    if is_improbable and options.is_silence(found.decoded.no_speech_prob, found.avg_logprob):
        return False
    ratio_limit = options.compression_ratio_limit
    return is_improbable or (ratio_limit is not None and found.compression_ratio > ratio_limit)
