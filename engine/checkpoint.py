"""A Whisper as it was trained, whichever of three formats it comes in.

What is in a path is told by its content, never by its name.  How each format is laid out is the business of
``engine.checkpoints``; what all of them must hold is verified here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from engine.checkpoints.ctranslate2 import read_ctranslate2
from engine.checkpoints.hugging_face import is_hugging_face, read_hugging_face
from engine.checkpoints.openai import read_openai
from engine.checkpoints.shapes import check_layers, expected_shapes
from engine.checkpoints.stored import StoredModel, Weight, joined_weight
from engine.config import ModelDimensions
from engine.errors import CheckpointError

_READ = {".bin", ".json", ".safetensors"}


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A Whisper as it was trained.

    Attributes:
        dimensions: read off the tensors, or held against them; never off the name.
        weights: by our names, float16 where they were stored as such and float32 otherwise.
        vocabulary: the token strings in GPT-2's printable alphabet, by id; special ones at the end.
        suppress_ids: tokens that are never picked.
        begin_suppress_ids: tokens that are not picked first.
        alignment_heads: (layer, head) of the decoder's heads whose attention follows the audio; may be empty.
        identity: as ``identity_of`` tells, of weights that are still in their files; "" of others.
    """

    dimensions: ModelDimensions
    weights: Mapping[str, Weight]
    vocabulary: tuple[str, ...]
    suppress_ids: tuple[int, ...]
    begin_suppress_ids: tuple[int, ...]
    alignment_heads: tuple[tuple[int, int], ...]
    identity: str = ""


class _StoredWeights(Mapping[str, Weight]):
    """Weights that stay in their files, and are read and verified each time one is asked for."""

    def __init__(self, stored: StoredModel, path: Path) -> None:
        self._tensors = stored.tensors
        self._shapes = expected_shapes(stored.dimensions)
        self._path = path

    def __getitem__(self, name: str) -> Weight:
        return joined_weight(f"{self._path}: weight {name}", self._tensors.get(name, ()), self._shapes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the Whisper in ``path``, all of it.

    Args:
        path: a CTranslate2 folder, a Hugging Face folder with safetensors, or a .pt file of OpenAI's.

    Raises:
        CheckpointError: something is missing, damaged or not a Whisper; the message says what and what to do.
    """
    checkpoint = open_checkpoint(path)
    return replace(checkpoint, weights=dict(checkpoint.weights), identity="")


def open_checkpoint(path: Path) -> Checkpoint:
    """Read the Whisper in ``path`` as ``read_checkpoint`` does, but each of its weights only when it is asked for.

    Raises:
        CheckpointError: something but a weight is missing or damaged; so does asking for a weight that is.
    """
    stored = read_stored(path)
    dimensions = stored.dimensions
    if len(stored.vocabulary) != dimensions.n_vocab:
        raise CheckpointError(
            f"{path} mixes two models: the vocabulary has {len(stored.vocabulary)} tokens, "
            f"the token embedding {dimensions.n_vocab}. Get the model again."
        )
    check_layers(dimensions, len(stored.tensors), path)
    return Checkpoint(
        dimensions=dimensions,
        weights=_StoredWeights(stored, path),
        vocabulary=stored.vocabulary,
        suppress_ids=stored.suppress_ids,
        begin_suppress_ids=stored.begin_suppress_ids,
        alignment_heads=stored.alignment_heads,
        identity=identity_of(path),
    )


def identity_of(path: Path) -> str:
    """Return what tells the model in ``path`` from others: its place, a hyphen, and its content.

    Contents are told apart by the sizes and times of the files that weights are read from, as Make and git do.
    """
    files = sorted(file for file in path.iterdir() if file.suffix in _READ) if path.is_dir() else [path]
    states = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    return f"{_digest(path.resolve())}-{_digest(states)}"


def _digest(what: object) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def read_stored(path: Path) -> StoredModel:
    """Read what ``path`` holds as ``read_checkpoint`` does, but leave the weights in their file, unverified.

    Raises:
        CheckpointError: something is missing or damaged.
    """
    if path.is_file():
        return read_openai(path)
    if not path.is_dir():
        raise CheckpointError(
            f"{path} is not a folder. Give the folder of a CTranslate2 or Hugging Face Whisper model, or a .pt file."
        )
    return read_hugging_face(path) if is_hugging_face(path) else read_ctranslate2(path)
