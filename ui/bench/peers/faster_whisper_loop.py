"""Runs in faster-whisper's environment: live text by decoding again, each second, what was said since the last pause.

faster-whisper transcribes recordings; this is the loop that most programs put around it.  Its own voice filter (Silero)
tells the pauses, and that nothing is decoded before somebody speaks; the decoding itself runs without that filter.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.vad import get_speech_timestamps
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parents[3]))
from ui.bench.peers.answering import peak_mib, serve
from ui.bench.peers.pacing import SAMPLE_RATE, Recording, read_pcm
from ui.scoring.moments import Moment, trace_of_moments
from ui.scoring.traces import trace_as_json

_STEP_S = 1.0
_PAUSE_S = 1.0
_LEAD_S = 0.5
"""Kept of the silence before somebody speaks."""
_LONG_S = 15.0
"""Behind that a text is closed up to its last segment, as whisper_streaming does."""


class Loop:
    """The text of one stream while it grows.

    Attributes:
        moments: what was shown.
    """

    def __init__(self, model: WhisperModel, audio: NDArray[np.float32]) -> None:
        self._model = model
        self._audio = audio
        self._begin = 0
        self._closed: tuple[str, ...] = ()
        self._has_voice = False
        self.moments: list[Moment] = []

    def hear(self, recording: Recording, heard: int, fresh: int, *, is_last: bool) -> None:
        """Decode what is new: samples up to ``heard``, of which those from ``fresh`` on were not there before."""
        self._has_voice = self._has_voice or _has_voice(self._audio[fresh:heard])
        if not self._has_voice:
            self._begin = max(self._begin, heard - int(_LEAD_S * SAMPLE_RATE))
            return
        is_over = is_last or not _has_voice(self._audio[max(self._begin, heard - int(_PAUSE_S * SAMPLE_RATE)) : heard])
        texts, ends = self._decode(heard)
        if is_over:
            self._close(texts, heard)
            self._has_voice = False
        elif heard - self._begin > _LONG_S * SAMPLE_RATE and len(texts) > 1:
            self._close(texts[:-1], self._begin + int(ends[-2] * SAMPLE_RATE))
            texts = texts[-1:]
        self.moments.append(Moment(t_s=recording.now_s, closed=self._closed, open="" if is_over else " ".join(texts)))

    def _close(self, texts: list[str], end: int) -> None:
        if texts:
            self._closed = (*self._closed, " ".join(texts))
        self._begin = end

    def _decode(self, heard: int) -> tuple[list[str], list[float]]:
        """The segments of what is open: their texts, and where they end in it, in seconds."""
        segments, _ = self._model.transcribe(
            self._audio[self._begin : heard], language="en", beam_size=1, condition_on_previous_text=False
        )
        found = list(segments)
        return [segment.text.strip() for segment in found], [segment.end for segment in found]


def _has_voice(audio: NDArray[np.float32]) -> bool:
    return bool(get_speech_timestamps(audio))


class FasterWhisperLoop:
    """One model, and streams through it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        kind, n_threads = settings["compute_type"], settings["n_threads"]
        self._model = WhisperModel(settings["weights"], device="cpu", compute_type=kind, cpu_threads=n_threads)

    def stream(self, path: str) -> dict[str, Any]:
        """Return the trace of a recording as it came live, see ``ui.bench.streaming``."""
        pcm = read_pcm(path)
        audio = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768.0
        loop, began_s, recording = Loop(self._model, audio), time.process_time(), Recording(pcm)
        for fresh, heard in recording.in_steps(_STEP_S):
            loop.hear(recording, heard, fresh, is_last=heard == len(audio))
        return {
            "views": trace_as_json(trace_of_moments(loop.moments)),
            "cpu_s": time.process_time() - began_s,
            "peak_mib": peak_mib(),
            "notes": [],
        }


if __name__ == "__main__":
    serve({"stream": FasterWhisperLoop(json.loads(sys.argv[1])).stream})
