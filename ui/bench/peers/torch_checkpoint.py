"""Our weights as the file that OpenAI would publish, written where there is PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch


def openai_checkpoint(arrays: Path) -> Path:
    """Return the .pt beside ``arrays``, an .npz of ``ui.bench.peers.conversions``; written once."""
    path = arrays.with_suffix(".pt")
    if path.is_file():
        return path
    with np.load(arrays) as file:
        dims = {name.removeprefix("dims."): int(file[name]) for name in file if name.startswith("dims.")}
        weights = {name: torch.from_numpy(file[name]) for name in file if not name.startswith("dims.")}
    scratch = path.with_name(f"new-{path.name}")
    torch.save({"dims": dims, "model_state_dict": weights}, scratch)
    return scratch.replace(path)
