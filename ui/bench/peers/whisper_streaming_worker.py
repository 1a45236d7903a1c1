"""Runs in whisper_streaming's environment: streams through its online processor, as its whisper_online.py plays files.

Its own defaults: it decodes when a second of sound is new, or when it is free, what it holds; prints the words on which
two decodings in a row agree; holds no more than 15 s where a segment of them is confirmed; decodes with 5 beams.
What differs: its loader asks for CUDA, so the model is loaded here; sound comes in whole blocks; when it ends, what
there is of the last second is decoded at once, as its server does.  What is unconfirmed then is printed, as
whisper_online.py does; its server, which has that line commented out, never sends it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[3]))
sys.path.append(json.loads(sys.argv[1])["source"])
from faster_whisper import WhisperModel
from whisper_online import FasterWhisperASR, OnlineASRProcessor, load_audio_chunk

from ui.bench.peers.answering import peak_mib, serve
from ui.bench.peers.pacing import Recording, read_pcm
from ui.bench.peers.whisper_streaming_screen import WhisperStreamingScreen
from ui.scoring.moments import trace_of_moments
from ui.scoring.traces import trace_as_json

_MIN_CHUNK_S = 1.0
_WARM_UP = Path(__file__).parents[2] / "sample" / "sample.flac"


class OnCpu(FasterWhisperASR):  # type: ignore[misc]  # its program has no types
    """Its ASR, on the CPU."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        super().__init__("en")

    def load_model(self, *_: object) -> WhisperModel:
        """Return the model; only this knows CUDA."""
        kind, n_threads = self._settings["compute_type"], self._settings["n_threads"]
        return WhisperModel(self._settings["weights"], device="cpu", compute_type=kind, cpu_threads=n_threads)


class WhisperStreaming:
    """One model, and streams through it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._asr = OnCpu(settings)
        self._asr.use_vad()
        self._asr.transcribe(load_audio_chunk(str(_WARM_UP), 0, 1))

    def stream(self, path: str) -> dict[str, Any]:
        """Return the trace of a recording as it came live, see ``ui.bench.streaming``."""
        pcm = read_pcm(path)
        audio = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768.0
        online, screen = OnlineASRProcessor(self._asr), WhisperStreamingScreen()
        began_s, recording = time.process_time(), Recording(pcm)
        for fresh, heard in recording.in_steps(_MIN_CHUNK_S):
            online.insert_audio_chunk(audio[fresh:heard])
            confirmed = online.process_iter()
            screen.receive(recording.now_s, confirmed)
        screen.receive(recording.now_s, online.finish())
        return {
            "views": trace_as_json(trace_of_moments(screen.moments)),
            "cpu_s": time.process_time() - began_s,
            "peak_mib": peak_mib(),
            "notes": [],
        }


if __name__ == "__main__":
    serve({"stream": WhisperStreaming(json.loads(sys.argv[1])).stream})
