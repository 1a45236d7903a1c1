"""A checkpoint's weights under openai-whisper's names (whisper/model.py@c0d2f62): fused projections taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_OUTSIDE = {
    "positions": "positional_embedding",
    "token_embedding": "token_embedding.weight",
    "norm.weight": "ln.weight",
    "norm.bias": "ln.bias",
}
_BLOCKS = (
    ("self_attention.norm", "attn_ln"),
    ("self_attention", "attn"),
    ("cross_attention.norm", "cross_attn_ln"),
    ("cross_attention", "cross_attn"),
    ("mlp.norm", "mlp_ln"),
    ("mlp.up", "mlp.0"),
    ("mlp.down", "mlp.2"),
)
_FUSED = {"qkv": ("query", "key", "value"), "kv": ("key", "value")}


def openai_weights(weights: Mapping[str, Array]) -> dict[str, Array]:
    """Return ``weights``, by our names, as openai-whisper's state dict has them."""
    return {name: part for ours, values in weights.items() for name, part in _renamed(ours, values)}


def _renamed(name: str, values: Array) -> Iterator[tuple[str, Array]]:
    stack, _, rest = name.partition(".")
    if not rest.startswith("layers."):
        norm = "ln_post" if stack == "encoder" else "ln"
        yield f"{stack}.{_OUTSIDE.get(rest, rest).replace('ln.', norm + '.')}", values
        return
    _, layer, rest = rest.split(".", 2)
    ours, theirs = next(block for block in _BLOCKS if rest.startswith(block[0] + "."))
    place = f"{stack}.blocks.{layer}.{theirs}"
    rest = rest.removeprefix(ours + ".")
    part, _, kind = rest.rpartition(".")
    names = _FUSED.get(part, (part,))
    for one, piece in zip(names, np.split(values, len(names)), strict=True):
        if (one, kind) != ("key", "bias"):  # Whisper has none: zeros, kept for the fused product
            yield ".".join(filter(None, (place, one, kind))), piece
