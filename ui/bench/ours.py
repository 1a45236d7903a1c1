"""What ``max-whisper file`` does with a recording, and its parts."""

from __future__ import annotations

import asyncio
import time
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.encoded import EncodedAudio
from engine.log_mel import log_mel_spectrogram
from engine.model import WhisperModel
from engine.options import FOR_RECORDINGS, DecodingOptions
from engine.pipeline import transcribe
from engine.tasks import Window
from stream.file import FileSource

_POSITIONS_PER_S = 50
_WINDOW_SAMPLES = 480_000
_SHORT, _LONG = 8, 72
"""Tokens of the two texts whose difference is the price of a step."""


class MaxWhisper:
    """One model, its words and its parts."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._model = WhisperModel.load(settings["weights"], device=settings["compute"])
        self._encoded = cache(self._encode_window)
        self._window = cache(read_window)

    def transcribe(self, path: str) -> str:
        """Return the finals of a recording."""
        from ui.report import final_text

        async def finals() -> str:
            events = transcribe(FileSource(path), self._model, FOR_RECORDINGS)
            return final_text([timed async for timed in events])

        return asyncio.run(finals())

    def encode(self, path: str, context_s: float) -> float:
        """Return the seconds the encoder takes for the first ``context_s`` seconds, cross keys and values included."""
        networks, n_frames = self._model.networks, int(2 * _POSITIONS_PER_S * context_s)
        mel = log_mel_spectrogram(self._window(path), n_mels=networks.dims.n_mels, n_frames=n_frames)
        began = time.perf_counter()
        networks.encode([mel])
        return time.perf_counter() - began

    def step(self, path: str) -> float:
        """Return the seconds of one more token: a long text's less a short one's."""
        n_short, short_s = self._timed_text(path, _SHORT)
        n_long, long_s = self._timed_text(path, _LONG)
        return (long_s - short_s) / (n_long - n_short)

    def _timed_text(self, path: str, max_tokens: int) -> tuple[int, float]:
        encoded, recognizer = self._encoded(path), self._model.recognizer
        options = DecodingOptions(language="en", max_tokens=max_tokens)
        window = Window(options, self._model.networks.dims.n_audio_ctx, recognizer.prefix(options), ())
        began = time.perf_counter()
        (found,) = recognizer.recognize(encoded, [window])
        return len(found.decoded.ids), time.perf_counter() - began

    def _encode_window(self, path: str) -> EncodedAudio:
        return self._model.encode([self._window(path)], [self._model.networks.dims.n_audio_ctx])


def read_window(path: str) -> NDArray[np.int16]:
    """Return the first 30 s of a recording."""

    async def samples() -> NDArray[np.int16]:
        return np.concatenate([chunk.samples async for chunk in FileSource(path).chunks()])

    return asyncio.run(samples())[:_WINDOW_SAMPLES]
