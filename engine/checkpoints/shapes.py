"""Our names of a Whisper's weights, and their shapes."""

from __future__ import annotations

from collections.abc import Iterator

from engine.config import ModelDimensions
from engine.errors import CheckpointError


def check_layers(dims: ModelDimensions, n_tensors: int, which: object) -> None:
    """See that as many layers as ``dims`` say can be there: a number in a damaged file may be anything.

    Raises:
        CheckpointError: they cannot.
    """
    if dims.n_audio_layer + dims.n_text_layer > n_tensors:
        raise CheckpointError(f"{which} numbers layers it does not hold. Get the model again.")


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
