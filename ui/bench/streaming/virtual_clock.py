"""A stream without waiting: audio comes by a clock that only counts, and decoding takes what it really took.

Ten minutes of audio cost the seconds of compute they need and no more.  What is left out: the gate, the threads of the
pipeline and drawing, a few milliseconds; the wall clock has them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.events import DecodeJob, Hypothesis, TimedEvent
from engine.service import SpeechModel
from engine.transcriber import Transcriber
from stream.audio import AudioChunk, seconds


@dataclass(frozen=True, slots=True)
class _Decoding:
    """Jobs that are with the model, and when it is done by the virtual clock."""

    jobs: Sequence[DecodeJob]
    hypotheses: Sequence[Hypothesis]
    done_s: float


class VirtualRun:
    """One stream through the core, by a virtual clock.

    Attributes:
        now_s: the virtual time, seconds since the first sample was recorded.
        compute_s: seconds that the model has worked.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        model: SpeechModel,
        batch_size: int = 1,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        """``stopwatch`` returns seconds; the model's work is measured with it."""
        self.now_s = 0.0
        self.compute_s = 0.0
        self._transcriber = transcriber
        self._model = model
        self._batch_size = batch_size
        self._stopwatch = stopwatch
        self._decoding: _Decoding | None = None
        self._events: list[TimedEvent] = []

    def play(self, audio: NDArray[np.int16], block_samples: int) -> list[TimedEvent]:
        """Return what happens when ``audio``, int16 (n_samples,), is recorded in blocks of so many samples.

        A block is there when its last sample was recorded, or once the core has room for it.
        """
        for start in range(0, len(audio), block_samples):
            block = AudioChunk(audio[start : start + block_samples], start)
            self._work_until(seconds(block.end_sample))
            while not self._transcriber.wants_audio and self._decoding is not None:
                self._finish_decoding()
                self._begin_decoding()
            self._transcriber.receive_audio(block)
            self._take_events()
            self._begin_decoding()
        self._transcriber.receive_eof()
        self._take_events()
        self._begin_decoding()
        self._work_until(float("inf"))
        return self._events

    def _work_until(self, at_s: float) -> None:
        """Let the model finish what it can by ``at_s``, and set the clock to that."""
        while self._decoding is not None and self._decoding.done_s <= at_s:
            self._finish_decoding()
            self._begin_decoding()
        if at_s < float("inf"):
            self.now_s = max(self.now_s, at_s)

    def _begin_decoding(self) -> None:
        if self._decoding is not None:
            return
        jobs = self._transcriber.next_jobs(self._batch_size)
        if not jobs:
            return
        began_s = self._stopwatch()
        hypotheses = self._model.decode(jobs)
        took_s = self._stopwatch() - began_s
        self.compute_s += took_s
        self._decoding = _Decoding(jobs, hypotheses, self.now_s + took_s)

    def _finish_decoding(self) -> None:
        assert self._decoding is not None
        done, self._decoding = self._decoding, None
        self.now_s = max(self.now_s, done.done_s)
        for job, hypothesis in zip(done.jobs, done.hypotheses, strict=True):
            self._transcriber.receive_hypothesis(job, hypothesis)
        self._take_events()

    def _take_events(self) -> None:
        self._events += [TimedEvent(self.now_s, event) for event in self._transcriber.events()]
