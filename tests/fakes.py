"""Stand-ins that force a behaviour: speech made of numbers, a detector that hears loudness, a model that reads them."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.events import DecodeJob, Hypothesis, Token
from engine.transcriber import Transcriber
from stream.audio import AudioChunk
from stream.source import SourceError

WORD_SAMPLES = 4800
PAUSE_SAMPLES = 1600
LONG_PAUSE = 1
"""In ``speech``: a second of silence, which ends an utterance."""


def speech(words: Sequence[int]) -> NDArray[np.int16]:
    """Audio in which word ``n`` is 0.3 s of samples of value 100 * n, with 0.1 s of silence behind it.

    Words are 10 … 300; ``LONG_PAUSE`` is a second of silence instead.
    """
    parts = [np.zeros(PAUSE_SAMPLES, np.int16)]
    for word in words:
        if word == LONG_PAUSE:
            parts.append(np.zeros(16_000, np.int16))
        else:
            parts += [np.full(WORD_SAMPLES, 100 * word, np.int16), np.zeros(PAUSE_SAMPLES, np.int16)]
    return np.concatenate(parts)


class LoudnessDetector:
    """Calls a frame voiced when most of it is not silence: endpointing as predictable as the audio."""

    def is_voiced(self, frame: NDArray[np.int16]) -> bool:
        return int(np.count_nonzero(frame)) > len(frame) // 2


class ReadingModel:
    """Reads the words of ``speech`` off the samples, in order, however the audio was cut.

    A word of which less than half was heard comes out as its number plus 5: the unstable end of a hypothesis.
    """

    def __init__(self) -> None:
        self.jobs: list[DecodeJob] = []

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.jobs += jobs
        return [hypothesis(read_words(own_audio(job))) for job in jobs]

    def answer(self, transcriber: Transcriber, jobs: Sequence[DecodeJob]) -> None:
        for job, heard in zip(jobs, self.decode(jobs), strict=True):
            transcriber.receive_hypothesis(job, heard)


class HeldModel(ReadingModel):
    """Reads nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.was_asked, self.go = threading.Event(), threading.Event()

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.was_asked.set()
        assert self.go.wait(10)
        return super().decode(jobs)


def own_audio(job: DecodeJob) -> NDArray[np.int16]:
    """The audio of a job's utterance, once its lead-in holds what it says it holds."""
    before, own = np.split(job.audio, [job.lead_in.n_samples])
    assert read_words(before) == list(job.lead_in.ids)
    return own


def read_words(audio: NDArray[np.int16]) -> list[int]:
    edges = [0, *(np.flatnonzero(audio[1:] != audio[:-1]) + 1).tolist(), len(audio)] if len(audio) else []
    heard = [(int(audio[begin]) // 100, end - begin) for begin, end in pairwise(edges) if audio[begin]]
    return [word if n >= WORD_SAMPLES // 2 else word + 5 for word, n in heard]


def hypothesis(words: Sequence[int], logprob: float = -0.1, no_speech_prob: float = 0.0) -> Hypothesis:
    """A hypothesis of one token a word, whose text is the word's number."""
    tokens = tuple(Token(word, f" {word}".encode(), logprob) for word in words)
    return Hypothesis(tokens, no_speech_prob, logprob)


class ListSource:
    """Yields the chunks it was given, then ends, or fails where it was given an error."""

    name = "list"

    def __init__(self, chunks: Sequence[AudioChunk], error: SourceError | None = None) -> None:
        self._chunks = chunks
        self._error = error
        self.is_closed = False

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        try:
            for chunk in self._chunks:
                yield chunk
            if self._error is not None:
                raise self._error
        finally:
            self.is_closed = True


def cut(audio: NDArray[np.int16], sizes: Callable[[], int]) -> list[AudioChunk]:
    """Cut ``audio`` into chunks of the sizes that come."""
    chunks, at = [], 0
    while at < len(audio):
        n = max(1, sizes())
        chunks.append(AudioChunk(audio[at : at + n], at))
        at += n
    return chunks
