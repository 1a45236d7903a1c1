"""Where PyTorch's Whispers, OpenAI's and Hugging Face's, keep the weights we have names for.

Both keep query, key and value apart where we join them, and give the key no bias: one of zeros stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.checkpoints.shapes import check_layers, expected_shapes
from engine.checkpoints.stored import Array, Tensors, Weight
from engine.config import ModelDimensions

_KEY_BIASES = (".key.bias", ".k_proj.bias")


@dataclass(frozen=True, slots=True)
class Scheme:
    """One project's names.

    Attributes:
        layers: what it calls "layers".
        blocks: its names of a layer's blocks, by ours: several where it keeps apart what we join.
        others: its names of what is in no layer, by ours.
    """

    layers: str
    blocks: dict[str, tuple[str, ...]]
    others: dict[str, str]

    def parts(self, ours: str) -> tuple[str, ...]:
        """Return its names of the parts of our weight ``ours``, in order."""
        if ".layers." not in ours:
            return (self.others.get(ours, ours),)
        stack, _, i, rest = ours.split(".", 3)
        block, kind = rest.rsplit(".", 1)
        return tuple(f"{stack}.{self.layers}.{i}.{part}.{kind}" for part in self.blocks[block])


OPENAI = Scheme(
    layers="blocks",
    blocks={
        "self_attention.norm": ("attn_ln",),
        "self_attention.qkv": ("attn.query", "attn.key", "attn.value"),
        "self_attention.out": ("attn.out",),
        "cross_attention.norm": ("cross_attn_ln",),
        "cross_attention.query": ("cross_attn.query",),
        "cross_attention.kv": ("cross_attn.key", "cross_attn.value"),
        "cross_attention.out": ("cross_attn.out",),
        "mlp.norm": ("mlp_ln",),
        "mlp.up": ("mlp.0",),
        "mlp.down": ("mlp.2",),
    },
    others={
        "encoder.positions": "encoder.positional_embedding",
        "encoder.norm.weight": "encoder.ln_post.weight",
        "encoder.norm.bias": "encoder.ln_post.bias",
        "decoder.token_embedding": "decoder.token_embedding.weight",
        "decoder.positions": "decoder.positional_embedding",
        "decoder.norm.weight": "decoder.ln.weight",
        "decoder.norm.bias": "decoder.ln.bias",
    },
)
"""whisper/model.py@c0d2f62."""

HUGGING_FACE = Scheme(
    layers="layers",
    blocks={
        "self_attention.norm": ("self_attn_layer_norm",),
        "self_attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "self_attention.out": ("self_attn.out_proj",),
        "cross_attention.norm": ("encoder_attn_layer_norm",),
        "cross_attention.query": ("encoder_attn.q_proj",),
        "cross_attention.kv": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
        "cross_attention.out": ("encoder_attn.out_proj",),
        "mlp.norm": ("final_layer_norm",),
        "mlp.up": ("fc1",),
        "mlp.down": ("fc2",),
    },
    others={
        "encoder.positions": "encoder.embed_positions.weight",
        "encoder.norm.weight": "encoder.layer_norm.weight",
        "encoder.norm.bias": "encoder.layer_norm.bias",
        "decoder.token_embedding": "decoder.embed_tokens.weight",
        "decoder.positions": "decoder.embed_positions.weight",
        "decoder.norm.weight": "decoder.layer_norm.weight",
        "decoder.norm.bias": "decoder.layer_norm.bias",
    },
)
"""transformers' modeling_whisper.py, without the leading "model."."""


def under_our_names(
    tensors: Tensors, scheme: Scheme, dims: ModelDimensions, which: Path
) -> dict[str, tuple[Array, ...]]:
    """Return the parts of each of our weights; none where one of them is missing.

    Raises:
        CheckpointError: there are fewer tensors than layers.
    """
    check_layers(dims, len(tensors), which)
    found = {}
    for ours in expected_shapes(dims):
        parts = [_part(tensors, name) for name in scheme.parts(ours)]
        found[ours] = tuple(part for part in parts if part is not None) if all(p is not None for p in parts) else ()
    return found


def _part(tensors: Tensors, name: str) -> Array | None:
    if name not in tensors and name.endswith(_KEY_BIASES):
        weight = tensors.get(name.removesuffix("bias") + "weight")
        return None if weight is None or not weight.size else np.zeros(len(weight), np.float32)
    return tensors.get(name)


def under_their_names(weights: Mapping[str, Weight], scheme: Scheme) -> dict[str, Weight]:
    """Return ``weights``, by our names, as the project of ``scheme`` keeps them: the inverse of ``under_our_names``."""
    found: dict[str, Weight] = {}
    for ours, values in weights.items():
        names = scheme.parts(ours)
        found |= dict(zip(names, np.split(values, len(names)), strict=True))
    return {name: values for name, values in found.items() if not name.endswith(_KEY_BIASES)}
