"""Whisper in plain NumPy, one sequence at a time, without caches: what the compiled graphs are held against.

Written from Radford et al. 2022, §2.2, and whisper/model.py@c0d2f62, apart from engine/graph.py and sharing nothing
with it but the names of the weights.  It computes in the precision of the weights: give ``in_float64(weights)`` for
a truth finer than any graph.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.checkpoints.shapes import expected_shapes
from engine.config import ModelDimensions

Array = NDArray[np.floating]
Weights = Mapping[str, Array]


def encode(weights: Weights, dims: ModelDimensions, mel: Array) -> Array:
    """Log-mel (n_mels, n_frames), n_frames even → audio features (n_frames / 2, n_audio_state)."""
    x = gelu(convolve(weights, "encoder.conv1", mel.T, stride=1))
    x = gelu(convolve(weights, "encoder.conv2", x, stride=2))
    x = x + weights["encoder.positions"][: len(x)]
    for i in range(dims.n_audio_layer):
        x = encoder_layer(weights, f"encoder.layers.{i}", x, dims.n_audio_head)
    return layer_norm(weights, "encoder.norm", x)


def decode_logits(weights: Weights, dims: ModelDimensions, tokens: Sequence[int], features: Array) -> Array:
    """Tokens and audio features → logits (n_tokens, n_vocab); row i is about what follows ``tokens[: i + 1]``."""
    logits, _ = decode(weights, dims, tokens, features)
    return logits


def decode(
    weights: Weights, dims: ModelDimensions, tokens: Sequence[int], features: Array
) -> tuple[Array, list[Array]]:
    """As ``decode_logits``, and each layer's cross-attention, probabilities (n_text_head, n_tokens, n_audio_ctx)."""
    embedding = weights["decoder.token_embedding"]
    x = embedding[list(tokens)] + weights["decoder.positions"][: len(tokens)]
    looked_at = []
    for i in range(dims.n_text_layer):
        x, probabilities = decoder_layer(weights, f"decoder.layers.{i}", x, features, dims.n_text_head)
        looked_at.append(probabilities)
    return layer_norm(weights, "decoder.norm", x) @ embedding.T, looked_at


def encoder_layer(weights: Weights, name: str, x: Array, n_head: int) -> Array:
    """One residual block of the encoder, x (n_audio_ctx, n_audio_state)."""
    return mlp(weights, f"{name}.mlp", self_attention(weights, f"{name}.self_attention", x, n_head))


def decoder_layer(weights: Weights, name: str, x: Array, features: Array, n_head: int) -> tuple[Array, Array]:
    """One residual block of the decoder, x (n_tokens, n_text_state), and its cross-attention's probabilities."""
    nothing_later = np.triu(np.full((len(x), len(x)), -np.inf, x.dtype), k=1)
    x = self_attention(weights, f"{name}.self_attention", x, n_head, nothing_later)
    x, probabilities = cross_attention(weights, f"{name}.cross_attention", x, features, n_head)
    return mlp(weights, f"{name}.mlp", x), probabilities


def self_attention(weights: Weights, name: str, x: Array, n_head: int, mask: Array | None = None) -> Array:
    """x (n, n_state) plus what it gathers from itself; ``mask`` (n, n) is 0 where it may look, -inf elsewhere."""
    query, key, value = np.split(linear(weights, f"{name}.qkv", layer_norm(weights, f"{name}.norm", x)), 3, axis=1)
    mixed, _ = multi_head_attention(query, key, value, n_head, mask)
    return x + linear(weights, f"{name}.out", mixed)


def cross_attention(weights: Weights, name: str, x: Array, features: Array, n_head: int) -> tuple[Array, Array]:
    """x (n_tokens, n_state) plus what it gathers from the features, and where it looked."""
    query = linear(weights, f"{name}.query", layer_norm(weights, f"{name}.norm", x))
    key, value = np.split(linear(weights, f"{name}.kv", features), 2, axis=1)
    mixed, probabilities = multi_head_attention(query, key, value, n_head)
    return x + linear(weights, f"{name}.out", mixed), probabilities


def mlp(weights: Weights, name: str, x: Array) -> Array:
    """x (n, n_state) plus its feed-forward block."""
    hidden = gelu(linear(weights, f"{name}.up", layer_norm(weights, f"{name}.norm", x)))
    return x + linear(weights, f"{name}.down", hidden)


def multi_head_attention(
    query: Array, key: Array, value: Array, n_head: int, mask: Array | None = None
) -> tuple[Array, Array]:
    """Each query's mixture of the values, (n_queries, n_state), and its shares, (n_head, n_queries, n_keys)."""
    n_queries, n_state = query.shape
    d_head = n_state // n_head
    query, key, value = (x.reshape(len(x), n_head, d_head).swapaxes(0, 1) for x in (query, key, value))
    scores = query / math.sqrt(d_head) @ key.swapaxes(1, 2)
    shares = softmax(scores if mask is None else scores + mask)
    return (shares @ value).swapaxes(0, 1).reshape(n_queries, n_state), shares


def convolve(weights: Weights, name: str, x: Array, stride: int) -> Array:
    """Width 3, a frame of zeros at either end: x (n_frames, n_in) → (n_frames / stride, n_out)."""
    padded = np.pad(x, ((1, 1), (0, 0)))
    kernel = weights[f"{name}.weight"]
    taps = [padded[tap : tap + len(x) : stride] @ kernel[:, :, tap].T for tap in range(3)]
    return sum(taps) + weights[f"{name}.bias"]


def linear(weights: Weights, name: str, x: Array) -> Array:
    """x (n, n_in) → (n, n_out)."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def layer_norm(weights: Weights, name: str, x: Array) -> Array:
    """Each row of x with mean 0 and variance 1, then scaled and shifted."""
    centred = x - x.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def softmax(x: Array) -> Array:
    """Shares along the last axis."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def gelu(x: Array) -> Array:
    """x · Φ(x), the exact form, not the approximation by tanh."""
    return x * (1 + erf(x / math.sqrt(2))) / 2


_GRID = 1024
_ERF = np.array([math.erf(i / _GRID) for i in range(6 * _GRID + 1)])


def erf(x: Array) -> Array:
    """The error function to 1e-15: NumPy has none, so the nearest of math.erf's values and Taylor's series from it."""
    size = np.minimum(np.abs(x), 6.0).astype(np.float64)
    nearest = np.rint(size * _GRID)
    near, h = nearest / _GRID, size - nearest / _GRID
    # Derivatives of exp(-t²) are Hermite polynomials times itself.
    series = h * (1 - h * (near - h * ((2 * near**2 - 1) / 3 - h * near * (2 * near**2 - 3) / 6)))
    values = _ERF[nearest.astype(np.int64)] + 2 / math.sqrt(math.pi) * np.exp(-(near**2)) * series
    return np.copysign(values, x).astype(x.dtype)


def in_float64(weights: Weights) -> dict[str, Array]:
    """The same weights, for computing in float64."""
    return {name: values.astype(np.float64) for name, values in weights.items()}


def random_weights(dims: ModelDimensions, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Every weight of a model nobody trained, of sizes that keep activations about 1; the same for the same seed."""
    rng = np.random.default_rng(seed)
    return {name: _random(rng, name, shape) for name, shape in expected_shapes(dims).items()}


def _random(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    values = rng.standard_normal(shape, np.float32)
    if name.endswith("norm.weight"):
        return 1 + values / 10
    if len(shape) == 1 or name.endswith("positions"):
        return values / 10
    return values / np.float32(math.sqrt(math.prod(shape[1:])))
