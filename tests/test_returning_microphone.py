"""A microphone that goes away and comes back: nothing of what is heard is lost, and time goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import numpy as np
import pytest

from stream.audio import AudioChunk
from stream.microphone import MicrophoneGoneError
from stream.returning import ReturningMicrophone
from stream.source import SourceError


class Scripted:
    """Each time it is opened, it plays the next of its parts, whole seconds, then goes away; None cannot be opened."""

    name = "Headset"

    def __init__(self, parts: Sequence[int | None]) -> None:
        self._parts = list(parts)

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        part = self._parts.pop(0) if self._parts else None
        if part is None:
            raise SourceError("no microphone was found")
        for second in range(part):
            yield AudioChunk(np.full(16_000, second + 1, np.int16), 16_000 * second)
        raise MicrophoneGoneError("the microphone went away: plug it in again")


def hear(parts: Sequence[int | None], n_chunks: int) -> tuple[list[float], list[str], int]:
    """When the first chunks begin, in seconds; what was told; how often devices were looked for."""
    now_s, told, n_refreshed = 0.0, [], 0

    async def sleep(duration_s: float) -> None:
        nonlocal now_s
        now_s += duration_s

    def refresh() -> None:
        nonlocal n_refreshed
        n_refreshed += 1

    async def listen() -> list[float]:
        source = ReturningMicrophone(Scripted(parts), told.append, refresh=refresh, clock=lambda: now_s, sleep=sleep)
        starts = []
        async for chunk in source.chunks():
            starts.append(chunk.start_sample / 16_000)
            if len(starts) == n_chunks:
                break
        return starts

    return asyncio.run(asyncio.wait_for(listen(), 10)), told, n_refreshed


def test_what_was_missed_is_a_jump() -> None:
    starts, told, n_refreshed = hear([2, None, None, 1, 1], 4)

    assert [0.0, 1.0, 5.0, 7.0] == starts
    assert 4 == n_refreshed
    assert [
        "the microphone 'Headset' went away; it is waited for",
        "the microphone 'Headset' is heard again",
        "the microphone 'Headset' went away; it is waited for",
        "the microphone 'Headset' is heard again",
    ] == told


def test_one_that_was_never_heard_is_not_waited_for() -> None:
    with pytest.raises(SourceError, match="no microphone was found"):
        hear([None, 1], 1)
