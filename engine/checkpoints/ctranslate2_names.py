"""What CTranslate2 calls the weights, and the dimensions it tells by their shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.config import ModelDimensions
from engine.errors import CheckpointError

_LAYER = re.compile(r"(encoder|decoder)/layer_(\d+)/(.+)")
_BLOCKS = (
    # Longest first: "attention/" alone is CTranslate2's word for attention over the audio.
    ("self_attention/layer_norm", "self_attention.norm"),
    ("self_attention/linear_0", "self_attention.qkv"),
    ("self_attention/linear_1", "self_attention.out"),
    ("attention/layer_norm", "cross_attention.norm"),
    ("attention/linear_0", "cross_attention.query"),
    ("attention/linear_1", "cross_attention.kv"),
    ("attention/linear_2", "cross_attention.out"),
    ("ffn/layer_norm", "mlp.norm"),
    ("ffn/linear_0", "mlp.up"),
    ("ffn/linear_1", "mlp.down"),
)
_ANYWHERE = (
    ("position_encodings/encodings", "positions"),
    ("embeddings/weight", "token_embedding"),
    ("layer_norm", "norm"),
    ("gamma", "weight"),
    ("beta", "bias"),
    ("/", "."),
)


def our_name(name: str) -> str:
    """Translate CTranslate2's name of a weight into ours."""
    layer = _LAYER.fullmatch(name)
    if layer:
        stack, i, rest = layer.groups()
        for theirs, ours in _BLOCKS:
            if rest.startswith(theirs + "/"):
                rest = ours + rest.removeprefix(theirs)
                break
        name = f"{stack}.layers.{i}.{rest}"
    for theirs, ours in _ANYWHERE:
        name = name.replace(theirs, ours)
    return name


def dimensions_of(tensors: Mapping[str, NDArray[np.generic]], folder: Path) -> ModelDimensions:
    """Read the dimensions off the tensors, CTranslate2's names.

    Raises:
        CheckpointError: the tensors that tell them are missing or contradict each other.
    """

    def layers(stack: str) -> int:
        found = [int(match[2]) for name in tensors if (match := _LAYER.fullmatch(name)) and match[1] == stack]
        return max(found, default=-1) + 1

    try:
        conv1 = tensors["encoder/conv1/weight"].shape
        n_vocab, n_text_state = tensors["decoder/embeddings/weight"].shape
        return ModelDimensions(
            n_mels=conv1[1],
            n_audio_ctx=tensors["encoder/position_encodings/encodings"].shape[0],
            n_audio_state=conv1[0],
            n_audio_head=int(tensors["encoder/num_heads"]),
            n_audio_layer=layers("encoder"),
            n_vocab=n_vocab,
            n_text_ctx=tensors["decoder/position_encodings/encodings"].shape[0],
            n_text_state=n_text_state,
            n_text_head=int(tensors["decoder/num_heads"]),
            n_text_layer=layers("decoder"),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder} holds no whole Whisper: {error!s} is missing or wrong. Get the model again."
        ) from error
