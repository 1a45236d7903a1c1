"""Runs in openai-whisper's environment: recordings to text by the reference."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
import whisper

sys.path.append(str(Path(__file__).resolve().parents[3]))
from ui.bench.peers.answering import serve
from ui.bench.peers.audio import read_audio


def main() -> None:
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["n_threads"])
    path = Path(settings["weights"])
    if not path.is_file():
        make_checkpoint(path.with_suffix(".npz"), path)
    model = whisper.load_model(str(path), device="cpu")
    options = {"language": "en", "beam_size": None, "temperature": 0.0, "fp16": False}
    serve({"transcribe": lambda path: model.transcribe(read_audio(path), **options)["text"]})


def make_checkpoint(arrays: Path, path: Path) -> None:
    """Write the arrays, once, as the file that OpenAI would publish."""
    with np.load(arrays) as file:
        dims = {name.removeprefix("dims."): int(file[name]) for name in file if name.startswith("dims.")}
        weights = {name: torch.from_numpy(file[name]) for name in file if not name.startswith("dims.")}
    scratch = path.with_name(f"new-{path.name}")
    torch.save({"dims": dims, "model_state_dict": weights}, scratch)
    scratch.replace(path)


if __name__ == "__main__":
    main()
