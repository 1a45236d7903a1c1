"""Whisper, ready to decode: checkpoint, tokenizer and compiled networks put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.cache import forget_unused
from engine.checkpoint import open_checkpoint
from engine.config import ModelDimensions
from engine.devices import choose_compute
from engine.encoded import EncodedAudio
from engine.errors import CheckpointError, OptionError
from engine.events import DecodeJob, Hypothesis
from engine.filters import TokenFilters
from engine.graph import SpecialIds
from engine.guards import is_loop, says_twice
from engine.hypotheses import HypothesisMaker
from engine.log_mel import SAMPLES_PER_POSITION, log_mel_spectrogram
from engine.long_texts import LongTexts, goes_on
from engine.model_names import resolve_model
from engine.networks import Networks, n_load_steps
from engine.options import DEFAULT_DECODING, SHORT_CONTEXT, DecodingOptions
from engine.progress import LoadProgress, OnProgress, say_nothing
from engine.recognition import Recognized, Recognizer
from engine.spoken_languages import HeardJob, SpokenLanguages
from engine.tasks import Window
from engine.timings import NO_TIMINGS, Observer
from engine.tokenizer import Tokenizer
from stream.audio import SAMPLE_RATE

_POSITIONS_PER_S = SAMPLE_RATE // SAMPLES_PER_POSITION
_USUAL_POSITIONS = 250
"""On a GPU, contexts come in multiples of 5 s."""


class WhisperModel:
    """A Whisper checkpoint on a device (an ``engine.pipeline.SpeechModel``).

    Attributes:
        name: of the checkpoint, "tiny.en".
        device_name: where it runs, "CPU" or the GPU's name.
        tokenizer: of the checkpoint's vocabulary.
        networks: encoder and decoder, for those who want more than text.
        recognizer: windows to texts.
        counts: how often a text needed a second look, by why.
    """

    def __init__(self, name: str, device_name: str, recognizer: Recognizer, timings: Observer = NO_TIMINGS) -> None:
        self.name = name
        self.device_name = device_name
        self.tokenizer = recognizer.tokenizer
        self.networks = recognizer.networks
        self.recognizer = recognizer
        self._languages = SpokenLanguages(recognizer, self.encode, has_slices=not self.networks.wants_equal_lengths)
        self._hypotheses = HypothesisMaker(recognizer.tokenizer)
        self._long_texts = LongTexts(self._heard, self._text_prefix, self.tokenizer.first_timestamp, self.networks.dims)
        self._timings = timings
        self.counts: Counter[str] = Counter()

    @classmethod
    def load(
        cls,
        which: str | Path = "tiny.en",
        *,
        device: str = "auto",
        options: DecodingOptions = DEFAULT_DECODING,
        is_live: bool = False,
        offline: bool = False,
        on_progress: OnProgress = say_nothing,
        timings: Observer = NO_TIMINGS,
    ) -> WhisperModel:
        """Bring up a checkpoint; minutes on the very first run on a machine, less than a second later on.

        Args:
            which: the name of a model, its id on the hub, or a path: see ``resolve_model``.
            device: "auto", "cpu" or "gpu".
            options: what will be asked of it; what it cannot do is refused before any heavy work.
            is_live: whether partials will be asked for, which want to know where the model looked, and soon.
            offline: download nothing.
            on_progress: told of each stage as it begins, on the calling thread.
            timings: told of each stage of loading and decoding.

        Raises:
            CheckpointError: there is no such checkpoint, or it is not a sound Whisper.
            OptionError: the checkpoint does not know a language, or cannot translate.
            ModelLoadError: the graphs cannot be compiled or kept, or there is no such device.
        """
        compute = choose_compute(device)
        path = resolve_model(which, offline=offline, on_progress=on_progress)
        alignment = options.words or is_live
        on_progress(LoadProgress("Reading the model", 1, n_load_steps(compute, alignment=alignment), False, 0.3))
        with timings.stage("reading the model"):
            checkpoint = open_checkpoint(path)
            tokenizer = Tokenizer(checkpoint.vocabulary)
        check_options(options, tokenizer)
        check_heads(checkpoint.dimensions)
        ids = SpecialIds(tokenizer.no_speech, tokenizer.first_timestamp)
        networks = Networks(checkpoint, ids, compute, on_progress, alignment=alignment, timings=timings)
        recognizer = Recognizer(networks, tokenizer, TokenFilters(checkpoint, tokenizer), timings)
        model = cls(Path(which).name, compute.name, recognizer, timings)
        if is_live:
            model.warm_up()
        forget_unused()
        return model

    def warm_up(self) -> None:
        """Decode a second of silence: the first pass takes longer than the others."""
        silence = np.zeros(SAMPLE_RATE, np.int16)
        self.decode([DecodeJob(0, silence, 0, is_final=False, context_s=SHORT_CONTEXT.shortest_s)])

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages it knows; English alone where it is not multilingual."""
        return tuple(self.tokenizer.languages) if self.tokenizer.is_multilingual else ("en",)

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """Decode ``jobs`` together, each in the context it wants.

        A text that falls into a loop in a short context is decoded again in a longer one, and so is a final that says a
        sentence twice there.  A lead-in in another language than that of the utterance is left out; where another one
        begins in a pause of the job, its text ends.
        """
        heard, encoded = self._listen(jobs)
        found = self._recognize([one.job for one in heard], encoded, hears_loops_again=True)
        return [self._hypothesis(*each) for each in zip(jobs, heard, found, strict=True)]

    def _listen(self, jobs: Sequence[DecodeJob]) -> tuple[list[HeardJob], EncodedAudio]:
        """Encode ``jobs``, as far as one language is spoken in them, with the lead-ins that fit."""
        heard = [self._languages.with_fitting_lead_in(job) for job in jobs]
        encoded = self._encoded([one.job for one in heard])
        for i, one in enumerate(heard):
            if self._languages.may_change_in(one.job):
                with self._timings.stage("language detection"):
                    heard[i] = self._languages.to_first_change(one.job, encoded.window(i))
        is_cut = any(one.language_end is not None for one in heard)
        return heard, self._encoded([one.job for one in heard]) if is_cut else encoded

    def _hypothesis(self, given: DecodeJob, heard: HeardJob, first: Recognized) -> Hypothesis:
        """Return what becomes of the ``first`` text of a job: heard again where it repeats itself, or is not whole."""
        job, text = self._in_longer_contexts(heard.job, first)
        if goes_on(text) and not job.options.timestamps:
            self.counts["texts longer than usual"] += 1
            job, text = self._long_texts.whole(job, text)
        elif job.options.timestamps and job.is_final and not job.is_window:
            text = self._long_texts.to_the_end(job, text)
        if heard.language_prob is not None:
            text = replace(text, language_prob=heard.language_prob)
        job = replace(job, options=given.options)
        return self._hypotheses.hypothesis(job, text, self._text_prefix(given), heard.language_end)

    def _in_longer_contexts(self, job: DecodeJob, text: Recognized) -> tuple[DecodeJob, Recognized]:
        """Hear ``text`` again as long as it repeats itself: a final in the whole window, a partial in twice as much.

        Returns:
            The job as it was heard at last, and the text.
        """
        full = self.networks.dims.n_audio_ctx
        while self._context(job) < full and _repeats(text.decoded.ids, is_final=job.is_final):
            self.counts["loops in a short context"] += 1
            job = replace(job, context_s=full / _POSITIONS_PER_S if job.is_final else 2 * job.context_s)
            (text,) = self._recognize([job], self._encoded([job]), hears_loops_again=True)
        return job, text

    def _context(self, job: DecodeJob) -> int:
        """How many of the encoder's positions ``job`` wants."""
        return min(self.networks.dims.n_audio_ctx, ceil(job.context_s * _POSITIONS_PER_S))

    def _heard(self, job: DecodeJob) -> Recognized:
        return self._recognize([job], self._encoded([job]))[0]

    def decode_window(
        self,
        audio: NDArray[np.int16],
        n_audio_ctx: int | None = None,
        options: DecodingOptions = DEFAULT_DECODING,
        *,
        prefix: tuple[int, ...] = (),
        draft: tuple[int, ...] = (),
    ) -> Recognized:
        """Decode one window of audio: what the decoder says and nothing else, as other programs' windows.

        Args:
            audio: int16 (n_samples,); what is beyond the window is not heard.
            n_audio_ctx: encoder positions, 20 ms each; None for the full 30 s.
            options: how it becomes text.
            prefix: ids the text must begin with.
            draft: a guess at the ids behind them.
        """
        job = DecodeJob(0, audio, 0, False, options, prefix=prefix, draft=draft)
        return self._recognize([job], self.encode([audio], [n_audio_ctx or self.networks.dims.n_audio_ctx]))[0]

    def encode(self, audios: Sequence[NDArray[np.int16]], contexts: Sequence[int]) -> EncodedAudio:
        """Encode windows of audio, int16 (n_samples,) each, in so many positions of 20 ms.

        On a GPU all have as many as the longest wants, rounded up.
        """
        if self.networks.wants_equal_lengths:
            contexts = [self._usual_context(max(contexts))] * len(audios)
        with self._timings.stage("log-mel"):
            mels = self._spectrograms(audios, contexts)
        return self.networks.encode(mels)

    def _spectrograms(self, audios: Sequence[NDArray[np.int16]], contexts: Sequence[int]) -> list[NDArray[np.float32]]:
        def spectrogram(audio: NDArray[np.int16], n_audio_ctx: int) -> NDArray[np.float32]:
            return log_mel_spectrogram(audio, n_mels=self.networks.dims.n_mels, n_frames=2 * n_audio_ctx)

        if not self.networks.wants_equal_lengths or len(audios) == 1:
            return list(map(spectrogram, audios, contexts))
        # A GPU encodes a window in less time than one thread needs for its spectrogram.
        with ThreadPoolExecutor() as threads:
            return list(threads.map(spectrogram, audios, contexts))

    def _usual_context(self, n_audio_ctx: int) -> int:
        """One of few lengths: the steps of the decoder are captured for each."""
        return min(self.networks.dims.n_audio_ctx, ceil(n_audio_ctx / _USUAL_POSITIONS) * _USUAL_POSITIONS)

    def _encoded(self, jobs: Sequence[DecodeJob]) -> EncodedAudio:
        return self.encode([job.audio for job in jobs], [self._context(job) for job in jobs])

    def _recognize(
        self, jobs: Sequence[DecodeJob], encoded: EncodedAudio, *, hears_loops_again: bool = False
    ) -> list[Recognized]:
        with self._timings.stage("search and rules"):
            windows = [self._window(*each, hears_loops_again) for each in zip(jobs, encoded.n_positions, strict=True)]
            return self.recognizer.recognize(encoded, windows)

    def _window(self, job: DecodeJob, n_audio_ctx: int, hears_loops_again: bool) -> Window:
        return Window(
            job.options,
            min(n_audio_ctx, ceil(len(job.audio) / SAMPLES_PER_POSITION)),
            (*job.lead_in.ids, *self._text_prefix(job)),
            job.draft,
            job.previous,
            job.usual_language,
            job.wants_attention,
            len(job.lead_in.ids),
            wants_all=job.is_final,
            is_heard_again=hears_loops_again and self._context(job) < self.networks.dims.n_audio_ctx,
        )

    def _text_prefix(self, job: DecodeJob) -> tuple[int, ...]:
        return job.prefix or self.recognizer.prefix(job.options)


def _repeats(ids: Sequence[int], *, is_final: bool) -> bool:
    """Whether a text repeats itself; of a partial, what looks back is not shown anyway."""
    return is_loop(ids) or (is_final and says_twice(ids))


def check_heads(dims: ModelDimensions) -> None:
    """See that the heads are as wide as those of every Whisper: our kernels rely on it.

    Raises:
        CheckpointError: they are not.
    """
    for part, n_state, n_head in (
        ("encoder", dims.n_audio_state, dims.n_audio_head),
        ("decoder", dims.n_text_state, dims.n_text_head),
    ):
        if n_state != 64 * n_head:
            raise CheckpointError(
                f"The attention heads of the {part} are {n_state // n_head} wide ({n_head} of {n_state}), those of a "
                "Whisper are 64: this is another model. Choose one that `max-whisper models list` names."
            )


def check_options(options: DecodingOptions, tokenizer: Tokenizer) -> None:
    """See that a model with ``tokenizer`` can do what ``options`` ask.

    Raises:
        OptionError: it does not know a language or a token, or cannot translate.
    """
    unknown = [id for id in options.suppress_tokens if id >= tokenizer.n_vocab]
    if unknown:
        raise OptionError(f"suppress_tokens has {unknown[0]}: this model has the ids below {tokenizer.n_vocab}")
    asked = [options.language] if options.language is not None else []
    try:
        for language in (*asked, *options.languages) or ("en",):
            tokenizer.sot_sequence(language, translate=options.translate)
    except ValueError as error:
        raise OptionError(str(error)) from error
