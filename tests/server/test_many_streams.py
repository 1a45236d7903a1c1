"""Real speech, the real model, many streams at once: each gets its own words, and nobody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from fakes import ListSource, cut
from fakes_server import Running, running_server, texts, until_closed
from numpy.typing import NDArray
from speech import clips, read_clip

from engine.events import Final
from engine.options import StreamingOptions
from engine.pipeline import transcribe
from engine.service import SpeechModel
from stream.audio import n_samples
from stream.detector import WebRtcDetector

pytestmark = [pytest.mark.max, pytest.mark.weights, pytest.mark.slow]
N_STREAMS = 4
LONGEST_S = 20.0
PIECE_BYTES = 3_200
"""A tenth of a second."""


async def alone(sound: NDArray[np.int16], model: SpeechModel) -> list[str]:
    events = transcribe(ListSource(cut(sound, lambda: 1_600)), model, StreamingOptions(partials=False))
    return [timed.event.text async for timed in events if isinstance(timed.event, Final)]


async def streamed(running: Running, sound: bytes) -> list[str]:
    """What a client hears that sends a tenth of a second at a time, in turn with the others."""
    async with running.client() as client:
        hearing = asyncio.create_task(until_closed(client))
        for at in range(0, len(sound), PIECE_BYTES):
            await client.send(sound[at : at + PIECE_BYTES])
            await asyncio.sleep(0.005)
        await client.send('{"kind":"end"}')
        return texts(await hearing)


def test_different_speech_on_streams_at_once_stays_apart(model: SpeechModel, audio_folder: Path) -> None:
    sounds = [read_clip(path)[: n_samples(LONGEST_S)] for path in clips(audio_folder, "wer")[:N_STREAMS]]

    async def together() -> list[list[str]]:
        async with running_server(model, detector=WebRtcDetector) as running:
            return await asyncio.gather(*(streamed(running, sound.astype("<i2").tobytes()) for sound in sounds))

    expected = [asyncio.run(alone(sound, model)) for sound in sounds]
    assert len({tuple(lines) for lines in expected}) == N_STREAMS
    assert expected == asyncio.run(together())
