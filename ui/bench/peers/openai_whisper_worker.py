"""Runs in openai-whisper's environment: recordings to text by the reference."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import whisper

sys.path.append(str(Path(__file__).resolve().parents[3]))
from ui.bench.peers.answering import serve
from ui.bench.peers.audio import read_audio
from ui.bench.peers.torch_checkpoint import openai_checkpoint


def main() -> None:
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["n_threads"])
    arrays = Path(settings["weights"]).with_suffix(".npz")
    model = whisper.load_model(str(openai_checkpoint(arrays)), device="cpu")
    options = {"language": "en", "beam_size": None, "temperature": 0.0, "fp16": False}
    serve({"transcribe": lambda path: model.transcribe(read_audio(path), **options)["text"]})


if __name__ == "__main__":
    main()
