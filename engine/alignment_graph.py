"""The part of the text decoder that tells when each token was said, as a MAX graph of its own.

It runs once over a whole text, so it needs no cache, and only as far as the last of the alignment heads.
"""

from __future__ import annotations

from max.dtype import DType
from max.graph import Graph, TensorType, TensorValue, ops

from engine.config import ModelDimensions
from engine.graph import length
from engine.layers import Scope, Target, attention, layer_norm, linear, mlp, split_heads


def alignment_graph(dims: ModelDimensions, target: Target, heads: tuple[tuple[int, int], ...]) -> Graph:
    """Build the decoder as far as its alignment heads, which tell when each token was said.

    Inputs (a text of n_tokens):
        tokens: int64 (1, n_tokens).
        mask: float32 (1, n_tokens, n_tokens), causal.
        cross KV: as the encoder returns it, of one window.

    Output:
        scores: float32 (n_heads, n_tokens, n_audio_ctx), what ``heads``, (layer, head) each, see, before the softmax.
    """
    d_head = dims.n_text_state // dims.n_text_head
    layers = range(max(layer for layer, _ in heads) + 1)
    cross = TensorType(target.cross_kv_dtype, [1, "n_audio_ctx", dims.n_text_head, d_head], target.device)
    types = [
        TensorType(DType.int64, [1, "n_tokens"], target.device),
        TensorType(DType.float32, [1, "n_tokens", "n_tokens"], target.device),
        *[cross] * (2 * len(layers)),
    ]
    with Graph("text_alignment", input_types=types, custom_extensions=target.extensions) as graph:
        tokens, mask, *cross_kv = (x.tensor for x in graph.inputs)
        scope = Scope(target) / "decoder"
        embedding = scope.weight("token_embedding", dims.n_vocab, dims.n_text_state)
        places = scope.weight("positions", dims.n_text_ctx, dims.n_text_state)
        x = ops.cast(ops.gather(embedding, tokens, axis=0), target.dtype)
        places = ops.slice_tensor(places, [(slice(0, length(x)), x.shape[1]), slice(None)])
        x = x + ops.cast(places, target.dtype)
        scores = []
        for i in layers:
            wanted = [head for layer, head in heads if layer == i]
            kv = (ops.cast(cross_kv[2 * i], target.dtype), ops.cast(cross_kv[2 * i + 1], target.dtype))
            x, seen = _layer_with_scores(scope / "layers" / i, x, mask, kv, wanted, dims)
            scores += seen
        graph.output(ops.cast(ops.concat(scores, axis=0), DType.float32))
    return graph


def _layer_with_scores(
    scope: Scope,
    x: TensorValue,
    mask: TensorValue,
    kv: tuple[TensorValue, TensorValue],
    heads: list[int],
    dims: ModelDimensions,
) -> tuple[TensorValue, list[TensorValue]]:
    """A decoder layer without a cache, and what ``heads`` of it see: (1, n_tokens, n_audio_ctx) each."""
    n_state, n_head = dims.n_text_state, dims.n_text_head
    own, cross = scope / "self_attention", scope / "cross_attention"
    qkv = linear(own / "qkv", layer_norm(own / "norm", x, n_state), n_state, 3 * n_state)
    query, key, value = (split_heads(part, n_head) for part in ops.split(qkv, [n_state] * 3, axis=-1))
    x = x + linear(own / "out", attention(scope.target, query, key, value, mask), n_state, n_state)
    query = split_heads(linear(cross / "query", layer_norm(cross / "norm", x, n_state), n_state, n_state), n_head)
    scale = (n_state // n_head) ** -0.5
    seen = [(query[:, :, head] @ ops.transpose(kv[0][:, :, head], 1, 2)) * scale for head in heads]
    x = x + linear(cross / "out", attention(scope.target, query, *kv), n_state, n_state)
    return mlp(scope / "mlp", x, n_state), seen
