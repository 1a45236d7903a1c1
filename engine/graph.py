"""Whisper's audio encoder and text decoder as MAX graphs.

Batch, audio context and token count are symbolic, so one compiled artifact serves any number of streams, any length
of audio and any draft.  The graphs know weights by name only; they are bound when a compiled graph is loaded.
Written with plain ``max.graph`` functions rather than ``max.nn`` modules: docs/decisions/0002-graph-functions.md.
Architecture: Radford et al. 2022, §2.2; whisper/model.py@c0d2f62.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from max.dtype import DType
from max.graph import BufferType, BufferValue, DeviceRef, Dim, Graph, TensorType, TensorValue, ops

from engine.config import ModelDimensions
from engine.convolution import convolve_pairs, convolve_with_stride_two
from engine.layers import (
    Scope,
    Target,
    attention,
    cross_attention,
    layer_norm,
    linear,
    mlp,
    multiply,
    self_attention,
    split_heads,
)

_LOWEST = -1e30
"""Below every logit: stands for -inf where -inf - -inf would not be a number."""


@dataclass(frozen=True, slots=True)
class SpecialIds:
    """What the decoder graph must know of a vocabulary.

    Attributes:
        no_speech: the token whose probability is reported beside each pick.
        first_timestamp: it and all after it are timestamps.
    """

    no_speech: int
    first_timestamp: int


def encoder_graph(dims: ModelDimensions, target: Target) -> Graph:
    """Build the audio encoder.

    Input:
        mel: float32 (batch, n_audio_ctx, 2 * n_mels); row i holds mel frames 2i and 2i+1 side by side.

    Outputs:
        features: float32 (batch, n_audio_ctx, n_audio_state).
        Then the cross KV of each decoder layer in turn, key before value,
        each (batch, n_audio_ctx, n_text_head, d_head) of the target's type for them: fixed per window, so computed here
        once.
    """
    mel_type = TensorType(DType.float32, ["batch", "n_audio_ctx", 2 * dims.n_mels], target.device)
    with Graph("audio_encoder", input_types=[mel_type], custom_extensions=target.extensions) as graph:
        root = Scope(target)
        features = audio_encoder(root / "encoder", graph.inputs[0].tensor, dims)
        cross_kv = [
            tensor
            for layer in range(dims.n_text_layer)
            for tensor in cross_key_value(root / "decoder" / "layers" / layer / "cross_attention", features, dims)
        ]
        graph.output(ops.cast(features, DType.float32), *cross_kv)
    return graph


def audio_encoder(scope: Scope, mel: TensorValue, dims: ModelDimensions) -> TensorValue:
    """Log-mel frames, paired as in ``encoder_graph`` → features (batch, n_audio_ctx, n_audio_state)."""
    n_state = dims.n_audio_state
    x = ops.cast(mel, scope.target.dtype)
    x = ops.gelu(convolve_pairs(scope / "conv1", x, dims.n_mels, n_state))
    x = ops.gelu(convolve_with_stride_two(scope / "conv2", x, n_state))
    positions = scope.weight("positions", dims.n_audio_ctx, n_state)
    x = x + ops.slice_tensor(positions, [(slice(0, length(x)), x.shape[1]), slice(None)])
    for i in range(dims.n_audio_layer):
        x = encoder_layer(scope / "layers" / i, x, dims)
    return layer_norm(scope / "norm", x, n_state)


def encoder_layer(scope: Scope, x: TensorValue, dims: ModelDimensions) -> TensorValue:
    """One residual block of the encoder, x (batch, n_audio_ctx, n_audio_state)."""
    n_state, n_head = dims.n_audio_state, dims.n_audio_head
    own = scope / "self_attention"
    qkv = linear(own / "qkv", layer_norm(own / "norm", x, n_state), n_state, 3 * n_state)
    x = x + linear(own / "out", self_attention(scope.target, qkv, n_head), n_state, n_state)
    return mlp(scope / "mlp", x, n_state)


def cross_key_value(scope: Scope, features: TensorValue, dims: ModelDimensions) -> list[TensorValue]:
    """Keys and values of one decoder layer over the encoded audio, each (batch, n_audio_ctx, n_text_head, d_head)."""
    n_state = dims.n_text_state
    kv = linear(scope / "kv", features, n_state, 2 * n_state)
    kv = ops.cast(kv, scope.target.cross_kv_dtype)
    return [split_heads(part, dims.n_text_head) for part in ops.split(kv, [n_state] * 2, axis=-1)]


def decoder_graph(dims: ModelDimensions, target: Target, ids: SpecialIds) -> Graph:
    """Build the text decoder: any number of new tokens in one pass, sampling included.

    Inputs (batch b; n_tokens new, n_keys past and new together):
        tokens: int64 (b, n_tokens).
        positions: int64 (b, n_tokens), rows of the position embedding.
        mask: float32 (b, n_tokens, n_keys), 0 where a token may look, -inf elsewhere.
        n_past: int64 scalar on the host, n_keys - n_tokens.
        sampled: int64 (b, n_sampled), which of the new tokens to predict a successor for.
        filters: float32 (n_filters, n_vocab), added to logits before the pick.
        filter_rows: int64 (b, n_sampled), the row of ``filters`` that holds at each sampled position.
        times: int64 (b, n_sampled, 2), the first timestamp allowed there and the first not allowed any more.
        audio_mask: float32 (n_windows, n_audio_ctx), 0 where a window has a position, -inf elsewhere; n_windows divides
            b, and equally many rows look at each.  A GPU takes no notice: there all windows are of one length.
        cross KV: as the encoder returns it, for these windows.
        self KV: per layer a key and a value buffer (n_keys, b, n_text_head, d_head): the filled front of the cache,
            written in place at rows n_past … n_keys.

    Outputs:
        ids: int64 (b, n_sampled), the most probable token that the rules allow.
        logprobs: float32 (b, n_sampled), its log-probability among those.
        no_speech: float32 (b, n_sampled), log-probability of <|nospeech|> without any rule.
        logits: float32 (b, n_sampled, n_vocab) without any rule, on the device, for those who want more than the best.
    """
    n_layer = dims.n_text_layer
    types = _decoder_input_types(dims, target)
    with Graph("text_decoder", input_types=types, custom_extensions=target.extensions) as graph:
        inputs = graph.inputs[: -4 * n_layer]
        tokens, positions, mask, n_past, sampled, filters, filter_rows, times, audio_mask = (x.tensor for x in inputs)
        cross_kv = [x.tensor for x in graph.inputs[-4 * n_layer : -2 * n_layer]]
        self_kv = [x.buffer for x in graph.inputs[-2 * n_layer :]]
        scope = Scope(target) / "decoder"
        embedding = scope.weight("token_embedding", dims.n_vocab, dims.n_text_state)
        matrix = scope.matrix("token_embedding", dims.n_vocab, dims.n_text_state) if target.is_int16 else embedding
        places = scope.weight("positions", dims.n_text_ctx, dims.n_text_state)
        x = ops.cast(ops.gather(embedding, tokens, axis=0), target.dtype)
        x = x + ops.cast(ops.gather(places, positions, axis=0), target.dtype)
        masks = (mask, audio_mask)
        for i in range(n_layer):
            kv = (*self_kv[2 * i : 2 * i + 2], *cross_kv[2 * i : 2 * i + 2])
            x = decoder_layer(scope / "layers" / i, x, masks, n_past, kv, dims)
        x = ops.gather_nd(x, ops.unsqueeze(sampled, -1), batch_dims=1)
        x = layer_norm(scope / "norm", x, dims.n_text_state)
        logits = ops.cast(multiply(target, x, matrix), DType.float32)
        allowed = logits + ops.gather(filters, filter_rows, axis=0)
        graph.output(*most_probable(allowed, times, ids), log_probability(logits, ids.no_speech), logits)
    return graph


def decoder_layer(
    scope: Scope,
    x: TensorValue,
    masks: tuple[TensorValue, TensorValue],
    n_past: TensorValue,
    kv: tuple[BufferValue, BufferValue, TensorValue, TensorValue],
    dims: ModelDimensions,
) -> TensorValue:
    """One residual block of the decoder, x (b, n_tokens, n_text_state).

    ``masks`` are those of text and audio, ``kv`` self key, self value, cross key, cross value.
    """
    n_state, n_head = dims.n_text_state, dims.n_text_head
    self_key, self_value, cross_key, cross_value = kv
    mask, audio_mask = masks
    own, cross = scope / "self_attention", scope / "cross_attention"
    qkv = linear(own / "qkv", layer_norm(own / "norm", x, n_state), n_state, 3 * n_state)
    query, key, value = (split_heads(part, n_head) for part in ops.split(qkv, [n_state] * 3, axis=-1))
    keys, values = _append(self_key, key, n_past), _append(self_value, value, n_past)
    x = x + linear(own / "out", attention(scope.target, query, keys, values, mask), n_state, n_state)
    query = linear(cross / "query", layer_norm(cross / "norm", x, n_state), n_state, n_state)
    query = _by_window(query, cross_key.shape[0], n_head)
    mixed = cross_attention(scope.target, query, cross_key, cross_value, audio_mask)
    x = x + linear(cross / "out", _by_row(mixed, x), n_state, n_state)
    return mlp(scope / "mlp", x, n_state)


def _by_window(query: TensorValue, n_windows: Dim, n_head: int) -> TensorValue:
    """Make all rows that look at one window queries of one attention: its keys and values are read once for them.

    query (b, n_tokens, n_state) → (n_windows, b / n_windows * n_tokens, n_head, d_head).
    """
    batch, n_tokens, n_state = query.shape
    n_rows = batch // n_windows
    query = ops.rebind(query, [n_windows * n_rows, n_tokens, n_state], "as many rows look at each window")
    return ops.reshape(query, [n_windows, n_rows * n_tokens, n_head, int(n_state) // n_head])


def _by_row(mixed: TensorValue, x: TensorValue) -> TensorValue:
    """Undo ``_by_window``, to the shape of x (b, n_tokens, n_state)."""
    batch, n_tokens, n_state = x.shape
    n_windows = mixed.shape[0]
    return ops.rebind(ops.reshape(mixed, [n_windows * (batch // n_windows), n_tokens, n_state]), x.shape)


def _decoder_input_types(dims: ModelDimensions, target: Target) -> list[TensorType | BufferType]:
    device, d_head = target.device, dims.n_text_state // dims.n_text_head
    cross = TensorType(target.cross_kv_dtype, ["n_windows", "n_audio_ctx", dims.n_text_head, d_head], device)
    own = BufferType(target.dtype, ["n_keys", "batch", dims.n_text_head, d_head], device)
    return [
        TensorType(DType.int64, ["batch", "n_tokens"], device),
        TensorType(DType.int64, ["batch", "n_tokens"], device),
        TensorType(DType.float32, ["batch", "n_tokens", "n_keys"], device),
        TensorType(DType.int64, [], DeviceRef.CPU()),
        TensorType(DType.int64, ["batch", "n_sampled"], device),
        TensorType(DType.float32, ["n_filters", dims.n_vocab], device),
        TensorType(DType.int64, ["batch", "n_sampled"], device),
        TensorType(DType.int64, ["batch", "n_sampled", 2], device),
        TensorType(DType.float32, ["n_windows", "n_audio_ctx"], device),
        *[cross] * (2 * dims.n_text_layer),
        *[own] * (2 * dims.n_text_layer),
    ]


def _append(cache: BufferValue, new: TensorValue, n_past: TensorValue) -> TensorValue:
    """Write ``new`` (b, n_tokens, n_head, d_head) behind the past and return all keys (b, n_keys, n_head, d_head)."""
    rows = ops.permute(new, [1, 0, 2, 3])
    ops.buffer_store_slice(cache, rows, [(slice(n_past, None), rows.shape[0]), ...])
    return ops.permute(ops.buffer_load(cache), [1, 0, 2, 3])


def most_probable(allowed: TensorValue, times: TensorValue, ids: SpecialIds) -> tuple[TensorValue, TensorValue]:
    """Pick a token from ``allowed`` logits (b, n_sampled, n_vocab), timestamps only from the range ``times``.

    When all timestamps together are more probable than any one text token, the pick is a timestamp
    (whisper/decoding.py@c0d2f62, ApplyTimestampRules).
    """
    text, time = allowed[..., : ids.first_timestamp], allowed[..., ids.first_timestamp :]
    id = ops.constant(np.arange(ids.first_timestamp, int(allowed.shape[-1])), DType.int64, allowed.device)
    is_allowed = ops.logical_and(id >= times[..., 0:1], id < times[..., 1:2])
    time = ops.where(is_allowed, time, ops.constant(-np.inf, DType.float32, allowed.device))
    best_text, best_time = ops.max(text, axis=-1), ops.max(time, axis=-1)
    all_text, all_time = _log_sum_exp(text, best_text), _log_sum_exp(time, best_time)
    is_time = all_time > best_text
    among = ops.where(is_time, all_time, ops.max(all_text, all_time) + _log1p_exp(-ops.abs(all_text - all_time)))
    is_time = ops.logical_or(is_time, best_time > best_text)
    pick = ops.where(is_time, ops.argmax(time, axis=-1) + ids.first_timestamp, ops.argmax(text, axis=-1))
    return ops.squeeze(pick, -1), ops.squeeze(ops.where(is_time, best_time, best_text) - among, -1)


def log_probability(logits: TensorValue, id: int) -> TensorValue:
    """The log-probability of token ``id`` by ``logits`` (b, n_sampled, n_vocab)."""
    return ops.squeeze(logits[..., id : id + 1] - _log_sum_exp(logits, ops.max(logits, axis=-1)), -1)


def _log_sum_exp(x: TensorValue, largest: TensorValue) -> TensorValue:
    """Over the last dimension; -inf where nothing is allowed."""
    finite = ops.max(largest, ops.constant(_LOWEST, DType.float32, x.device))
    return finite + ops.log(ops.sum(ops.exp(x - finite), axis=-1))


def _log1p_exp(x: TensorValue) -> TensorValue:
    return ops.log(ops.exp(x) + 1.0)


def length(x: TensorValue) -> TensorValue:
    """The size of dimension 1 as a host scalar."""
    return ops.squeeze(ops.shape_to_tensor(x.shape[1:2]), 0)
