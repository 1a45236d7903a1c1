"""Windows of audio to texts, as the options ask: language, search, and a second try where a text is rejected.

whisper/transcribe.py@c0d2f62, decode_with_fallback, and whisper/decoding.py, detect_language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.alignment import WordTiming, align_words
from engine.decoding import DecodedText, DecodingTask, Row, decode_greedily
from engine.guards import compression_ratio
from engine.networks import EncodedAudio, Networks
from engine.options import DecodingOptions
from engine.rules import PLAIN_TEXT, UNRESTRICTED, TimedText
from engine.search import Vocabulary, decode_by_sampling, decode_with_beams
from engine.tokenizer import Tokenizer

_WITHOUT_SPACES = {"zh", "ja", "th", "lo", "my", "yue"}
_SEED = 0
"""Sampling is random to the model and the same every time to the user."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked of one window of encoded audio.

    Attributes:
        options: how it becomes text.
        n_positions: how many of the encoder's positions hold audio.
        prefix: ids the text must begin with.
        draft: a guess at the ids behind them.
    """

    options: DecodingOptions
    n_positions: int
    prefix: tuple[int, ...] = ()
    draft: tuple[int, ...] = ()


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
    """

    decoded: DecodedText
    language: str
    language_prob: float
    temperature: float
    compression_ratio: float
    words: tuple[WordTiming, ...] = ()

    @property
    def avg_logprob(self) -> float:
        """Mean log-probability over the tokens behind the prefix and the closing end."""
        return float(np.mean(self.decoded.logprobs))


class Recognizer:
    """Decodes windows with one model.

    Args:
        networks: of the model.
        tokenizer: of the model.
        vocabulary: the rules' side of it.
    """

    def __init__(self, networks: Networks, tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
        self._networks = networks
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary

    def recognize(self, encoded: EncodedAudio, windows: Sequence[Window]) -> list[Recognized]:
        """Decode ``windows``, one a window of ``encoded``.

        Raises:
            ValueError: a language or a task that the model does not know.
        """
        languages = self._languages(encoded, windows)
        tasks = [self._task(window, language) for window, (language, _) in zip(windows, languages, strict=True)]
        first = self._first_try(encoded, windows, tasks)
        found = [
            self._recognized(text, window.options.temperatures[0], *language)
            for text, window, language in zip(first, windows, languages, strict=True)
        ]
        for i, window in enumerate(windows):
            for temperature in window.options.temperatures[1:]:
                if not is_rejected(found[i], window.options):
                    break
                text = self._search(encoded.window(i), window.options, replace(tasks[i], draft=()), temperature)
                found[i] = self._recognized(text, temperature, *languages[i])
            if window.options.words:
                found[i] = replace(found[i], words=self._words(encoded.window(i), window, found[i]))
        return found

    def detect_languages(self, encoded: EncodedAudio, allowed: Sequence[str] = ()) -> list[dict[str, float]]:
        """Return for each window the probability of every language, or of those ``allowed``, the likeliest first."""
        known = self._tokenizer.languages
        codes = [self._known(language) for language in allowed] or list(known)
        rows = [Row([self._tokenizer.sot], [0], [UNRESTRICTED])] * encoded.n_windows
        logits = self._networks.decoder(encoded).advance(rows).fetch_logits()[:, 0, [known[code] for code in codes]]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
        order = np.argsort(-odds, axis=1)
        return [{codes[j]: float(row[j] / row.sum()) for j in best} for row, best in zip(odds, order, strict=True)]

    def _languages(self, encoded: EncodedAudio, windows: Sequence[Window]) -> list[tuple[str, float]]:
        """The language of each window and its probability; heard only where it must be."""
        if not self._tokenizer.is_multilingual:
            return [(window.options.language or "en", 1.0) for window in windows]
        wanted = [window.options for window in windows]
        if all(options.language is not None for options in wanted):
            return [(options.language or "", 1.0) for options in wanted]
        heard = self.detect_languages(encoded, wanted[0].languages)
        likeliest = [next(iter(probabilities.items())) for probabilities in heard]
        return [
            (options.language, 1.0) if options.language else best
            for options, best in zip(wanted, likeliest, strict=True)
        ]

    def _known(self, language: str) -> str:
        if language not in self._tokenizer.languages:
            raise ValueError(f"language must be one of {', '.join(self._tokenizer.languages)}, got {language!r}")
        return language

    def _task(self, window: Window, language: str) -> DecodingTask:
        options, tokenizer = window.options, self._tokenizer
        n_text_ctx = self._networks.dims.n_text_ctx
        sot = tokenizer.sot_sequence(language, translate=options.translate, timestamps=options.timestamps)
        # As much of the end of the prompt as leaves room for the longest text.
        n_prompt = max(0, min(n_text_ctx // 2, n_text_ctx - options.max_tokens - len(sot)) - 1)
        before = (
            tokenizer.encode(" " + options.prompt.strip())[-n_prompt:] if options.prompt.strip() and n_prompt else []
        )
        prompt = (*([tokenizer.sot_prev, *before] if before else []), *sot)
        rules = TimedText(tokenizer.first_timestamp, self._networks.dims.n_vocab) if options.timestamps else PLAIN_TEXT
        max_tokens = min(options.max_tokens, n_text_ctx - len(prompt))
        return DecodingTask(
            prompt, prompt.index(tokenizer.sot), tokenizer.eot, max_tokens, window.prefix, window.draft, rules
        )

    def _first_try(
        self, encoded: EncodedAudio, windows: Sequence[Window], tasks: Sequence[DecodingTask]
    ) -> list[DecodedText]:
        """All together where every one is greedy; one by one otherwise."""
        if all(window.options.beam_size == 1 and window.options.temperatures[0] == 0 for window in windows):
            return decode_greedily(self._networks.decoder(encoded), tasks)
        return [
            self._search(encoded.window(i), window.options, task, window.options.temperatures[0])
            for i, (window, task) in enumerate(zip(windows, tasks, strict=True))
        ]

    def _search(
        self, encoded: EncodedAudio, options: DecodingOptions, task: DecodingTask, temperature: float
    ) -> DecodedText:
        if temperature > 0:
            return decode_by_sampling(
                self._networks.decoder(encoded, options.best_of),
                task,
                self._vocabulary,
                n_samples=options.best_of,
                temperature=temperature,
                random=np.random.default_rng(_SEED),
            )
        if options.beam_size == 1:
            return decode_greedily(self._networks.decoder(encoded), [task])[0]
        return decode_with_beams(
            self._networks.decoder(encoded, options.beam_size),
            task,
            self._vocabulary,
            n_beams=options.beam_size,
            patience=options.patience,
            length_penalty=options.length_penalty,
        )

    def _words(self, encoded: EncodedAudio, window: Window, found: Recognized) -> tuple[WordTiming, ...]:
        tokenizer = self._tokenizer
        spoken = zip(found.decoded.ids, found.decoded.logprobs, strict=False)
        text = [(id, logprob) for id, logprob in spoken if id < tokenizer.eot]
        ids = [*window.prefix, *(id for id, _ in text)]
        prompt = tokenizer.sot_sequence(found.language, translate=window.options.translate)
        scores = self._networks.align(encoded, [*prompt, *ids, tokenizer.eot])[:, :, : window.n_positions]
        logprobs = [*[0.0] * len(window.prefix), *(logprob for _, logprob in text)]
        by_spaces = found.language not in _WITHOUT_SPACES
        return tuple(align_words(scores, [*map(tokenizer.token_bytes, ids)], logprobs, by_spaces=by_spaces))

    def _recognized(self, text: DecodedText, temperature: float, language: str, language_prob: float) -> Recognized:
        ratio = compression_ratio(self._tokenizer.decode(text.ids))
        return Recognized(text, language, language_prob, temperature, ratio)


def is_rejected(found: Recognized, options: DecodingOptions) -> bool:
    """Tell whether another temperature is to be tried: the text repeats itself, or the model doubts it."""
    limit = options.logprob_limit
    is_improbable = limit is not None and found.avg_logprob < limit
    if is_improbable and options.no_speech_limit is not None and found.decoded.no_speech_prob > options.no_speech_limit:
        return False  # silence
    ratio_limit = options.compression_ratio_limit
    return is_improbable or (ratio_limit is not None and found.compression_ratio > ratio_limit)
