"""The building blocks of Whisper's two networks as MAX graph functions.

Each takes and returns symbolic tensors and declares the weights it needs by our checkpoint names, so a graph's
weights are known from its own construction.  Pre-norm transformer as in whisper/model.py@c0d2f62.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from max.dtype import DType
from max.graph import DeviceRef, Graph, TensorValue, Weight, ops
from max.nn.attention import MHAMaskVariant
from max.nn.kernels import flash_attention_gpu, masked_flash_attention_gpu

LAYER_NORM_EPSILON = 1e-5

# Importing MAX's kernels sets these behind os.environ's back, and a Python that this process starts would leave its
# virtual environment.
for _variable in {"PYTHONEXECUTABLE", "PYTHONPATH"} - set(os.environ):
    os.unsetenv(_variable)


@dataclass(frozen=True, slots=True)
class Target:
    """What a graph is built for.

    Attributes:
        device: where every tensor of the graph lives.
        dtype: of weights and activations; sums of probabilities are always float32.
    """

    device: DeviceRef
    dtype: DType

    @property
    def is_gpu(self) -> bool:
        """Whether MAX's attention kernels for GPUs apply."""
        return bool(self.device.is_gpu())


class Scope:
    """A place in the checkpoint's tree of names; ``scope / "mlp"`` goes one down."""

    def __init__(self, target: Target, prefix: str = "") -> None:
        self.target = target
        self._prefix = prefix

    def __truediv__(self, name: str | int) -> Scope:
        """Return the scope below this one."""
        return Scope(self.target, f"{self._prefix}{name}.")

    def weight(self, name: str, *shape: int) -> TensorValue:
        """Declare weight ``name`` of this scope in the graph under construction."""
        weight = Weight(self._prefix + name, self.target.dtype, shape, self.target.device)
        return Graph.current.add_weight(weight)


def linear(scope: Scope, x: TensorValue, n_in: int, n_out: int) -> TensorValue:
    """x (…, n_in) → (…, n_out), with bias."""
    return x @ ops.transpose(scope.weight("weight", n_out, n_in), 0, 1) + scope.weight("bias", n_out)


def layer_norm(scope: Scope, x: TensorValue, n_state: int) -> TensorValue:
    """Normalise the last dimension of x (…, n_state)."""
    gamma, beta = scope.weight("weight", n_state), scope.weight("bias", n_state)
    return ops.layer_norm(x, gamma, beta, LAYER_NORM_EPSILON)


def mlp(scope: Scope, x: TensorValue, n_state: int) -> TensorValue:
    """The residual feed-forward block, x (batch, n, n_state)."""
    hidden = linear(scope / "up", layer_norm(scope / "norm", x, n_state), n_state, 4 * n_state)
    return x + linear(scope / "down", ops.gelu(hidden), 4 * n_state, n_state)


def split_heads(x: TensorValue, n_head: int) -> TensorValue:
    """x (batch, n, n_state) → (batch, n, n_head, d_head)."""
    batch, n, n_state = x.shape
    return ops.reshape(x, [batch, n, n_head, int(n_state) // n_head])


def attention(
    target: Target, query: TensorValue, key: TensorValue, value: TensorValue, mask: TensorValue | None = None
) -> TensorValue:
    """Scaled dot-product attention.

    Args:
        target: chooses between MAX's GPU kernels and plain matrix products.
        query: (batch, n_queries, n_head, d_head).
        key: (batch, n_keys, n_head, d_head).
        value: like ``key``.
        mask: additive (batch, n_queries, n_keys), or None where every key may be seen.

    Returns:
        (batch, n_queries, n_head * d_head).
    """
    batch, n_queries, n_head, d_head = query.shape
    scale = int(d_head) ** -0.5
    if target.is_gpu:
        mixed = _gpu_attention(query, key, value, mask, scale)
    else:
        mixed = _cpu_attention(query, key, value, mask, scale)
    return ops.reshape(mixed, [batch, n_queries, int(n_head) * int(d_head)])


def _gpu_attention(
    query: TensorValue, key: TensorValue, value: TensorValue, mask: TensorValue | None, scale: float
) -> TensorValue:
    if mask is None:
        return flash_attention_gpu(query, key, value, MHAMaskVariant.NULL_MASK, scale)
    return masked_flash_attention_gpu(query, key, value, mask, scale)


def _cpu_attention(
    query: TensorValue, key: TensorValue, value: TensorValue, mask: TensorValue | None, scale: float
) -> TensorValue:
    heads_first = [0, 2, 1, 3]
    query, value = ops.permute(query, heads_first), ops.permute(value, heads_first)
    scores = query @ ops.permute(key, [0, 2, 3, 1])  # (batch, n_head, n_queries, n_keys)
    # MAX recognises its fused attention only when the scale is the right operand.
    scores = scores * scale
    if mask is not None:
        scores = scores + ops.unsqueeze(mask, 1)
    return ops.permute(ops.softmax(scores) @ value, heads_first)
