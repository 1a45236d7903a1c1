"""Where weights come from and what they are called here.

Reads CTranslate2's Whisper folders into one dict of our names.  What a weight is called and how it is shaped is the
business of ``engine.weight_names``; how a ``model.bin`` is laid out, that of ``engine.ctranslate2_file``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.config import ModelDimensions
from engine.ctranslate2_file import read_tensors
from engine.errors import CheckpointError
from engine.weight_names import dimensions_of, expected_shapes, our_name


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A Whisper as it was trained.

    Attributes:
        dimensions: read off the tensors, never off the name.
        weights: float32, by our names.
        vocabulary: the token strings in GPT-2's printable alphabet, by id; special ones at the end.
        suppress_ids: tokens that are never picked.
        begin_suppress_ids: tokens that are not picked first.
        alignment_heads: (layer, head) of the decoder's heads whose attention follows the audio; may be empty.
    """

    dimensions: ModelDimensions
    weights: Mapping[str, NDArray[np.float32]]
    vocabulary: tuple[str, ...]
    suppress_ids: tuple[int, ...]
    begin_suppress_ids: tuple[int, ...]
    alignment_heads: tuple[tuple[int, int], ...]


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read the CTranslate2 Whisper folder ``folder``: model.bin, config.json and vocabulary.txt or .json.

    Raises:
        CheckpointError: something is missing, damaged or not a Whisper; the message says what and what to do.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder. Give the folder of a CTranslate2 Whisper model.")
    config = _read_json(_existing(folder, "config.json"))
    vocabulary = _read_vocabulary(folder)
    tensors = read_tensors(_existing(folder, "model.bin"))
    dimensions = dimensions_of(tensors, folder)
    if len(vocabulary) != dimensions.n_vocab:
        raise CheckpointError(
            f"{folder} mixes two models: the vocabulary has {len(vocabulary)} tokens, "
            f"the token embedding {dimensions.n_vocab}. Get the model again."
        )
    return Checkpoint(
        dimensions=dimensions,
        weights=_named_weights(tensors, dimensions, folder),
        vocabulary=vocabulary,
        suppress_ids=_ids(config, "suppress_ids", folder, dimensions),
        begin_suppress_ids=_ids(config, "suppress_ids_begin", folder, dimensions),
        alignment_heads=_alignment_heads(config, folder, dimensions),
    )


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise CheckpointError(
            f"{folder} has no {name}, so it is not a CTranslate2 Whisper model. "
            "Such a folder holds model.bin, config.json and vocabulary.txt or vocabulary.json."
        )
    return path


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}. Get the model again.") from error


def _read_json(path: Path) -> Any:  # noqa: ANN401  # whatever the file holds
    try:
        return json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path} is not JSON: {error}. Get the model again.") from error


def _read_vocabulary(folder: Path) -> tuple[str, ...]:
    path = folder / "vocabulary.json"
    if path.is_file():
        tokens = _read_json(path)
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise CheckpointError(f"{path} is not a list of tokens. Get the model again.")
        return tuple(tokens)
    lines = _read_text(_existing(folder, "vocabulary.txt")).split("\n")
    return tuple(lines[:-1] if lines[-1] == "" else lines)


def _ids(config: Any, key: str, folder: Path, dimensions: ModelDimensions) -> tuple[int, ...]:  # noqa: ANN401
    ids = config.get(key) if isinstance(config, dict) else None
    if not isinstance(ids, list) or not all(isinstance(i, int) and 0 <= i < dimensions.n_vocab for i in ids):
        raise CheckpointError(
            f"{folder / 'config.json'} has no list of token ids named {key!r}, which every CTranslate2 Whisper has. "
            "Get the model again."
        )
    return tuple(ids)


def _alignment_heads(config: Any, folder: Path, dimensions: ModelDimensions) -> tuple[tuple[int, int], ...]:  # noqa: ANN401
    heads = config.get("alignment_heads", [])
    if not isinstance(heads, list) or not all(_is_head(head, dimensions) for head in heads):
        raise CheckpointError(
            f"{folder / 'config.json'} names alignment_heads {heads!r}, which are not [layer, head] of a decoder with "
            f"{dimensions.n_text_layer} layers of {dimensions.n_text_head} heads. Get the model again."
        )
    return tuple((layer, head) for layer, head in heads)


def _is_head(head: object, dimensions: ModelDimensions) -> bool:
    match head:
        case [int(layer), int(index)]:
            return 0 <= layer < dimensions.n_text_layer and 0 <= index < dimensions.n_text_head
        case _:
            return False


def _named_weights(
    tensors: Mapping[str, NDArray[np.generic]], dimensions: ModelDimensions, folder: Path
) -> dict[str, NDArray[np.float32]]:
    weights = {our_name(name): values for name, values in tensors.items()}
    # A number in a name may be anything: list no layers that cannot be there.
    if dimensions.n_audio_layer + dimensions.n_text_layer > len(weights):
        raise CheckpointError(f"{folder} numbers layers it does not hold. Get the model again.")
    return {
        name: _weight(f"{folder}: weight {name}", weights.get(name), shape)
        for name, shape in expected_shapes(dimensions).items()
    }


def _weight(which: str, values: NDArray[np.generic] | None, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if values is None or values.shape != shape:
        found = "missing" if values is None else f"of shape {values.shape}"
        raise CheckpointError(f"{which} should be {shape} and is {found}. Get the model again.")
    if values.dtype not in (np.float16, np.float32):
        raise CheckpointError(
            f"{which} is quantised to {values.dtype}. Convert the model with ct2-transformers-converter "
            "--quantization float16."
        )
    converted = values.astype(np.float32)  # a copy even of float32: tensors lie unaligned in the file
    # The smallest and the largest pass every NaN on, without an array of booleans in between.
    if not np.isfinite([converted.min(), converted.max()]).all():
        raise CheckpointError(f"{which} holds numbers that are none (NaN or infinite). Get the model again.")
    return converted
