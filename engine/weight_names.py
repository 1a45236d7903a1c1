"""Our names of a Whisper's weights, their shapes, and where CTranslate2 keeps them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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


def expected_shapes(dims: ModelDimensions) -> dict[str, tuple[int, ...]]:
    """Return every weight a model of ``dims`` has, by our names."""
    return dict([*_encoder_shapes(dims), *_decoder_shapes(dims)])


Shape = tuple[str, tuple[int, ...]]


def _encoder_shapes(dims: ModelDimensions) -> Iterator[Shape]:
    n_state = dims.n_audio_state
    yield "encoder.conv1.weight", (n_state, dims.n_mels, 3)
    yield "encoder.conv1.bias", (n_state,)
    yield "encoder.conv2.weight", (n_state, n_state, 3)
    yield "encoder.conv2.bias", (n_state,)
    yield "encoder.positions", (dims.n_audio_ctx, n_state)
    for i in range(dims.n_audio_layer):
        yield from _self_attention_shapes(f"encoder.layers.{i}.", n_state)
        yield from _mlp_shapes(f"encoder.layers.{i}.", n_state)
    yield from _norm_shapes("encoder.", n_state)


def _decoder_shapes(dims: ModelDimensions) -> Iterator[Shape]:
    n_state = dims.n_text_state
    yield "decoder.token_embedding", (dims.n_vocab, n_state)
    yield "decoder.positions", (dims.n_text_ctx, n_state)
    for i in range(dims.n_text_layer):
        prefix = f"decoder.layers.{i}."
        yield from _self_attention_shapes(prefix, n_state)
        yield from _norm_shapes(prefix + "cross_attention.", n_state)
        yield from _linear_shapes(prefix + "cross_attention.query.", n_state, n_state)
        yield from _linear_shapes(prefix + "cross_attention.kv.", n_state, 2 * n_state)
        yield from _linear_shapes(prefix + "cross_attention.out.", n_state, n_state)
        yield from _mlp_shapes(prefix, n_state)
    yield from _norm_shapes("decoder.", n_state)


def _self_attention_shapes(prefix: str, n_state: int) -> Iterator[Shape]:
    yield from _norm_shapes(prefix + "self_attention.", n_state)
    yield from _linear_shapes(prefix + "self_attention.qkv.", n_state, 3 * n_state)
    yield from _linear_shapes(prefix + "self_attention.out.", n_state, n_state)


def _mlp_shapes(prefix: str, n_state: int) -> Iterator[Shape]:
    yield from _norm_shapes(prefix + "mlp.", n_state)
    yield from _linear_shapes(prefix + "mlp.up.", n_state, 4 * n_state)
    yield from _linear_shapes(prefix + "mlp.down.", 4 * n_state, n_state)


def _norm_shapes(prefix: str, n_state: int) -> Iterator[Shape]:
    yield prefix + "norm.weight", (n_state,)
    yield prefix + "norm.bias", (n_state,)


def _linear_shapes(prefix: str, n_in: int, n_out: int) -> Iterator[Shape]:
    yield prefix + "weight", (n_out, n_in)
    yield prefix + "bias", (n_out,)
