"""Runs in pywhispercpp's environment: recordings to text by whisper.cpp."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pywhispercpp.model import Model

sys.path.append(str(Path(__file__).resolve().parents[3]))
from ui.bench.peers.answering import serve
from ui.bench.peers.audio import read_audio


def main() -> None:
    settings = json.loads(sys.argv[1])
    model = Model(
        settings["weights"],
        redirect_whispercpp_logs_to=None,  # to nowhere
        n_threads=settings["n_threads"],
        language="en",
        greedy={"best_of": 1},
        temperature_inc=0.0,
        print_progress=False,
        print_realtime=False,
    )
    serve({"transcribe": lambda path: " ".join(segment.text for segment in model.transcribe(read_audio(path)))})


if __name__ == "__main__":
    main()
