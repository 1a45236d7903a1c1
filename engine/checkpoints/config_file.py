"""What stands beside the weights: JSON, token ids and heads, with errors that name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.checkpoints.vocabularies import usual_alignment_heads
from engine.config import ModelDimensions
from engine.errors import CheckpointError


def read_text(path: Path) -> str:
    """Return the text in ``path``."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}. Get the model again.") from error


def read_json(path: Path) -> Any:  # noqa: ANN401  # whatever the file holds
    """Return what the JSON in ``path`` says."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # ValueError: no JSON, or a number of thousands of digits
        raise CheckpointError(f"{path} is not JSON: {error}. Get the model again.") from error


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no JSON object. Get the model again.")
    return content


def is_index(value: object) -> bool:
    """Tell whether ``value`` is a whole number from 0 on; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def token_ids(ids: object, n_vocab: int) -> tuple[int, ...] | None:
    """Return ``ids`` where they are a list of tokens' ids, else None."""
    if not isinstance(ids, list) or not all(is_index(i) and i < n_vocab for i in ids):
        return None
    return tuple(ids)


def alignment_heads(heads: object, path: Path, dimensions: ModelDimensions) -> tuple[tuple[int, int], ...]:
    """Return ``heads`` of the decoder, given as a list of [layer, head] in ``path``.

    Where the decoder has not all of them, those usual for its size: distilled models come with their teacher's list.
    """
    if not isinstance(heads, list) or not all(_is_pair(head) for head in heads):
        raise CheckpointError(
            f"{path} names alignment_heads {heads!r}, which are no list of [layer, head]. Get the model again."
        )
    if any(layer >= dimensions.n_text_layer or head >= dimensions.n_text_head for layer, head in heads):
        return usual_alignment_heads(dimensions)
    return tuple((layer, head) for layer, head in heads)


def _is_pair(head: object) -> bool:
    return isinstance(head, list) and len(head) == 2 and all(map(is_index, head))
