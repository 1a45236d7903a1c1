"""Our weights in the peers' formats, made once and kept in the user's cache folder: all programs run the same model."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from engine.checkpoint import Checkpoint, read_checkpoint
from engine.checkpoints.names import OPENAI, under_their_names
from engine.checkpoints.stored import Weight
from engine.log_mel import mel_filters
from engine.packaged import checkpoint_folder
from engine.tokenizer import Tokenizer
from ui.bench.peers.tokenizer_json import tokenizer_fields
from ui.paths import bench_folder

_GGML_MAGIC = 0x67676D6C
_IN_FLOAT32 = {"encoder.positional_embedding", "decoder.positional_embedding"}


def weights_for(form: str, which: str) -> Path:
    """Return checkpoint ``which`` in one of these forms.

    Args:
        form: "folder" (CTranslate2's), "ggml" (whisper.cpp's), "pt" (openai-whisper's) or "both": a folder of
            CTranslate2's that holds ``which``.npz too, of which the worker makes the .pt.
        which: its name.
    """
    folder = bench_folder() / "weights"
    if form == "folder":
        found = checkpoint_folder(which)
        return found if (found / "tokenizer.json").is_file() else _with_tokenizer(found, folder / which)
    if form == "both":
        return _with_links(
            (*weights_for("folder", which).iterdir(), weights_for("pt", which).with_suffix(".npz")),
            folder / "both" / which,
        )
    folder.mkdir(parents=True, exist_ok=True)
    if form == "ggml":
        return _made(folder / f"{which}.ggml-f16.bin", which, write_ggml)
    return _made(folder / f"{which}.npz", which, write_arrays).with_suffix(".pt")


def _with_tokenizer(found: Path, folder: Path) -> Path:
    """Return a folder like ``found`` that holds a tokenizer too."""
    _with_links(found.iterdir(), folder)
    vocabulary = read_checkpoint(found).vocabulary
    fields = tokenizer_fields(vocabulary, Tokenizer(vocabulary).eot)
    (folder / "tokenizer.json").write_text(json.dumps(fields, ensure_ascii=False), encoding="utf-8")
    return folder


def _with_links(paths: Iterable[Path], folder: Path) -> Path:
    """Return ``folder``, made where it was none, with a link to each of ``paths``."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        link = folder / path.name
        link.unlink(missing_ok=True)
        link.symlink_to(path.resolve())
    return folder


def _made(path: Path, which: str, write: Callable[[Checkpoint, BinaryIO], None]) -> Path:
    if not path.is_file():
        scratch = path.with_name(f"new-{path.name}")
        with scratch.open("wb") as file:
            write(read_checkpoint(checkpoint_folder(which)), file)
        scratch.replace(path)
    return path


def write_arrays(checkpoint: Checkpoint, file: BinaryIO) -> None:
    """Write what openai-whisper's worker makes its .pt of: the state dict, and the dimensions as ``dims.*``."""
    arrays: dict[str, Any] = {f"dims.{name}": np.array(n) for name, n in asdict(checkpoint.dimensions).items()}
    arrays |= under_their_names(checkpoint.weights, OPENAI)
    np.savez(file, **arrays)


def write_ggml(checkpoint: Checkpoint, file: BinaryIO) -> None:
    """Write a model file of whisper.cpp, as its models/convert-pt-to-ggml.py does, matrices in half precision."""
    dims = checkpoint.dimensions
    audio = (dims.n_audio_ctx, dims.n_audio_state, dims.n_audio_head, dims.n_audio_layer)
    text = (dims.n_text_ctx, dims.n_text_state, dims.n_text_head, dims.n_text_layer)
    _write_ints(file, [_GGML_MAGIC, dims.n_vocab, *audio, *text, dims.n_mels, 1])
    filters = mel_filters(dims.n_mels)
    _write_ints(file, filters.shape)
    file.write(filters.astype(np.float32).tobytes())
    tokenizer = Tokenizer(checkpoint.vocabulary)
    _write_ints(file, [tokenizer.eot])  # whisper.cpp knows the special tokens, which follow, by itself
    for id in range(tokenizer.eot):
        word = tokenizer.token_bytes(id)
        _write_ints(file, [len(word)])
        file.write(word)
    for name, values in under_their_names(checkpoint.weights, OPENAI).items():
        _write_tensor(file, name, values)


def _write_tensor(file: BinaryIO, name: str, values: Weight) -> None:
    if name in {"encoder.conv1.bias", "encoder.conv2.bias"}:
        values = values[:, None]
        is_half = False
    else:
        is_half = values.ndim > 1 and name not in _IN_FLOAT32
    _write_ints(file, [values.ndim, len(name), int(is_half), *reversed(values.shape)])
    file.write(name.encode())
    file.write(values.astype(np.float16 if is_half else np.float32).tobytes())


def _write_ints(file: BinaryIO, values: Iterable[int]) -> None:
    file.writelines(struct.pack("<i", value) for value in values)
