"""Stand-ins for what the commands put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np

from engine.events import DecodeJob, Hypothesis, Token

SAMPLE = Path(__file__).parents[1] / "ui/sample/sample.flac"
SAMPLE_LINES = ["Heard 1.", "Heard 2.", "Heard 3.", "Heard 4."]
"""What ``CountingModel`` makes of the sample's utterances."""


def pcm() -> bytes:
    """The sample as raw 16-bit PCM."""
    resampler = av.AudioResampler("s16", "mono", 16_000)
    with av.open(SAMPLE) as container:
        frames = [frame for decoded in container.decode(audio=0) for frame in resampler.resample(decoded)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype("<i2").tobytes()


class CountingModel:
    """Hears in each utterance its number; ``at_decode`` is called with how many jobs came before this one."""

    name = "counting"
    device_name = "abacus"

    def __init__(self, at_decode: Callable[[int], None] = lambda n: None, *, words: int = 2) -> None:
        self._at_decode = at_decode
        self._n_words = words
        self.jobs: list[DecodeJob] = []

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        return [self._decode(job) for job in jobs]

    def _decode(self, job: DecodeJob) -> Hypothesis:
        self._at_decode(len(self.jobs))
        self.jobs.append(job)
        words = (Token(1, b" Heard", -0.1), Token(10 + job.utterance_id, f" {job.utterance_id}.".encode(), -0.1))
        return Hypothesis(words[: self._n_words], 0.0, -0.1)


Load = Callable[[CountingModel], None]
"""Make the commands use this model from here on."""


def signalling(number: int, *, n_times: int) -> Callable[[int], None]:
    """An ``at_decode`` that sends this process a signal at the first job, as the user's Ctrl-C does."""

    def send(n_jobs_before: int) -> None:
        if n_jobs_before == 0:
            for _ in range(n_times):
                os.kill(os.getpid(), number)

    return send
