"""What is spoken in the audio of a job: whether it is what was spoken before, and where another language begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.encoded import EncodedAudio, join
from engine.events import NO_LEAD_IN, DecodeJob
from engine.language_changes import (
    Phrase,
    by_language,
    clear_language,
    likely_language,
    may_be_foreign,
    phrases_between,
)
from engine.log_mel import SAMPLES_PER_POSITION
from engine.options import SHORT_CONTEXT
from engine.recognition import Recognizer
from stream.audio import seconds

_HEARING_POSITIONS = 500
"""Ten seconds of audio context: enough to hear a language by."""


@dataclass(frozen=True, slots=True, eq=False)
class HeardJob:
    """A job as it is to be decoded.

    Attributes:
        job: with the language that was heard in its options, where one was.
        language_prob: how probable that is; None where it was not heard.
        language_end: the sample of its audio at which another language begins; None where none does.
    """

    job: DecodeJob
    language_prob: float | None = None
    language_end: int | None = None


class SpokenLanguages:
    """Hears what is spoken in the jobs of one model.

    Args:
        recognizer: of the model.
        encode: windows of audio, each in so many positions of context.
        has_slices: whether what is encoded can be cut: on a host.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        encode: Callable[[Sequence[NDArray[np.int16]], Sequence[int]], EncodedAudio],
        *,
        has_slices: bool,
    ) -> None:
        self._recognizer = recognizer
        self._encode = encode
        self._has_slices = has_slices

    def with_fitting_lead_in(self, job: DecodeJob) -> HeardJob:
        """Hear the utterance of ``job`` by itself, where its language may be another than that of its lead-in.

        A lead-in in another language is left out.
        """
        lead_in = job.lead_in
        if not lead_in.ids or not self._is_open(job):
            return HeardJob(job)
        alone = replace(job, audio=job.audio[lead_in.n_samples :], lead_in=NO_LEAD_IN)
        (chances,) = self._chances_alone([alone.audio], job)
        language, probability = likely_language(chances, job.usual_language)
        if language != lead_in.language:
            return HeardJob(replace(alone, start_sample=job.start_sample + lead_in.n_samples))
        return HeardJob(_in_language(job, language), probability)

    def may_change_in(self, job: DecodeJob) -> bool:
        """Return whether another language may begin in one of its pauses."""
        return bool(job.pauses) and len(job.options.languages) != 1 and self._is_open(job)

    def to_first_change(self, job: DecodeJob, encoded: EncodedAudio) -> HeardJob:
        """Let the audio of ``job``, ``encoded``, end where another language begins, if any does."""
        phrases = phrases_between(job.pauses, len(job.audio))
        if len(phrases) == 1:
            return HeardJob(job)
        (chances,) = self._recognizer.detect_languages(encoded, [job.options.languages])
        whole = likely_language(chances, job.usual_language)
        runs = by_language(self._heard(job, encoded, phrases, whole))
        language, probability = (runs[0].language, runs[0].language_prob) if runs[0].language else whole
        if len(runs) == 1:
            return HeardJob(_in_language(job, language), probability)
        end = (runs[0].end + runs[1].start) // 2
        context_s = max(SHORT_CONTEXT.shortest_s, job.context_s - seconds(len(job.audio) - end))
        job = replace(job, audio=job.audio[:end], context_s=context_s)
        return HeardJob(_in_language(job, language), probability, end)

    def _heard(
        self, job: DecodeJob, encoded: EncodedAudio, phrases: Sequence[Phrase], whole: tuple[str, float]
    ) -> list[Phrase]:
        """``phrases`` with their languages: that of the ``whole``, or what those that may be foreign are by themselves.

        What the encoder made of a phrase among others tells its language nearly as well, at a tenth of the time.
        """
        foreign = list(range(len(phrases)))
        if self._has_slices:
            slices = join([encoded.positions(*_positions(phrase)) for phrase in phrases])
            chances = self._recognizer.detect_languages(slices, [job.options.languages] * len(phrases))
            foreign = [i for i in foreign if may_be_foreign(chances[i], *whole)]
        heard = [replace(phrase, language=whole[0], language_prob=whole[1]) for phrase in phrases]
        alone = self._chances_alone([job.audio[phrases[i].start : phrases[i].end] for i in foreign], job)
        for i, chances_alone in zip(foreign, alone, strict=True):
            language, probability = clear_language(chances_alone)
            heard[i] = replace(heard[i], language=language, language_prob=probability)
        return heard

    def _chances_alone(self, audios: Sequence[NDArray[np.int16]], job: DecodeJob) -> list[dict[str, float]]:
        if not audios:
            return []
        n_positions = min(self._recognizer.networks.dims.n_audio_ctx, _HEARING_POSITIONS)
        encoded = self._encode(audios, [n_positions] * len(audios))
        return self._recognizer.detect_languages(encoded, [job.options.languages] * len(audios))

    def _is_open(self, job: DecodeJob) -> bool:
        """Whether it is to be heard what is spoken."""
        return job.options.language is None and self._recognizer.tokenizer.is_multilingual


def _in_language(job: DecodeJob, language: str) -> DecodeJob:
    return replace(job, options=replace(job.options, language=language))


def _positions(phrase: Phrase) -> tuple[int, int]:
    """The positions of the encoder's output that hold it."""
    return phrase.start // SAMPLES_PER_POSITION, -(-phrase.end // SAMPLES_PER_POSITION)
