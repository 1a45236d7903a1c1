"""Runs in faster-whisper's environment: recordings to text, and CTranslate2's encoder and decoder by themselves."""

from __future__ import annotations

import json
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio

sys.path.append(str(Path(__file__).resolve().parents[3]))
from ui.bench.peers.answering import serve

_WINDOW_SAMPLES = 480_000
_SHORT, _LONG = 16, 144
"""What CTranslate2 calls a length: half of it is for the text."""


class FasterWhisper:
    """One model, its words and its parts."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._model = WhisperModel(
            settings["weights"],
            device="cpu",
            compute_type=settings["compute_type"],
            cpu_threads=settings["n_threads"],
        )
        self._batch_size = settings["batch_size"]
        self._batched = BatchedInferencePipeline(self._model)
        multilingual = self._model.model.is_multilingual
        names = ["startoftranscript", *(["en", "transcribe"] if multilingual else []), "notimestamps"]
        self._prompt = [self._model.hf_tokenizer.token_to_id(f"<|{name}|>") for name in names]
        self._window = cache(self._read_window)

    def transcribe(self, path: str) -> str:
        """Return the text of a recording."""
        if self._batch_size:
            segments, _ = self._batched.transcribe(path, batch_size=self._batch_size, language="en", beam_size=1)
        else:
            segments, _ = self._model.transcribe(path, language="en", beam_size=1, vad_filter=True)
        return " ".join(segment.text for segment in segments)

    def encode(self, path: str, _: float) -> float:
        """Return the seconds the encoder takes for the first window; it always pads to 30 s."""
        window = self._window(path)
        began = time.perf_counter()
        self._model.model.encode(window)
        return time.perf_counter() - began

    def step(self, path: str) -> float:
        """Return the seconds of one more token: a long text's less a short one's."""
        encoded = self._model.model.encode(self._window(path))
        n_short, short_s = self._timed_text(encoded, _SHORT)
        n_long, long_s = self._timed_text(encoded, _LONG)
        return (long_s - short_s) / (n_long - n_short)

    def _timed_text(self, encoded: ctranslate2.StorageView, max_length: int) -> tuple[int, float]:
        began = time.perf_counter()
        (found,) = self._model.model.generate(encoded, [self._prompt], beam_size=1, max_length=max_length)
        return len(found.sequences_ids[0]), time.perf_counter() - began

    def _read_window(self, path: str) -> ctranslate2.StorageView:
        audio = decode_audio(path, sampling_rate=16_000)[:_WINDOW_SAMPLES]
        mel = self._model.feature_extractor(np.pad(audio, (0, _WINDOW_SAMPLES - len(audio))))[:, :3000]
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None].astype(np.float32)))


if __name__ == "__main__":
    program = FasterWhisper(json.loads(sys.argv[1]))
    serve({"transcribe": program.transcribe, "encode": program.encode, "step": program.step})
