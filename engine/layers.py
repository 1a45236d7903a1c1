"""The building blocks of Whisper's two networks as MAX graph functions.

Each takes and returns symbolic tensors and declares the weights it needs by our checkpoint names, so a graph's
weights are known from its own construction.  Pre-norm transformer as in whisper/model.py@c0d2f62.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from max.dtype import DType
from max.graph import DeviceRef, Graph, TensorType, TensorValue, Weight, ops

from engine.int16 import INTEGERS, SCALES, int16_shapes

LAYER_NORM_EPSILON = 1e-5
_KERNELS = Path(__file__).with_name("kernels")
"""Our own, in Mojo, for CPUs."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a graph is built for.

    Attributes:
        device: where every tensor of the graph lives.
        dtype: of weights and activations; sums of probabilities are always float32.
        matrix_dtype: of matrices that only ever meet a few rows, as those of the decoder: our own kernel multiplies
            them (docs/decisions/0008-kernel-for-few-rows.md).  None where MAX multiplies them all.
        cross_dtype: of the cross KV between the networks: each step of the decoder waits for all of it to be read.
            None for that of the activations.
        is_int16: whether our own kernels multiply 16-bit integers (docs/decisions/0019-sixteen-bit-integers.md).
    """

    device: DeviceRef
    dtype: DType
    matrix_dtype: DType | None = None
    cross_dtype: DType | None = None
    is_int16: bool = False

    def dtype_of(self, n_dimensions: int) -> DType:
        """Return the element type of a weight: matrices may have one of their own."""
        return self.matrix_dtype if self.matrix_dtype is not None and n_dimensions == 2 else self.dtype

    @property
    def cross_kv_dtype(self) -> DType:
        """The element type of the cross KV."""
        return self.dtype if self.cross_dtype is None else self.cross_dtype

    @property
    def is_gpu(self) -> bool:
        """Whether MAX's attention kernels for GPUs apply."""
        return bool(self.device.is_gpu())

    @property
    def extensions(self) -> list[Path]:
        """Where the graph finds kernels that are not MAX's; to read them takes Mojo's compiler."""
        return [] if self.is_gpu else [_KERNELS]


@dataclass(frozen=True, slots=True)
class Int16Matrix:
    """A matrix (n_out, n_in) as ``engine.int16.quantised`` returns it."""

    integers: TensorValue
    scales: TensorValue
    n_out: int


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
        return self._declare(name, self.target.dtype_of(len(shape)), shape)

    def matrix(self, name: str, n_out: int, n_in: int) -> TensorValue | Int16Matrix:
        """Declare weight ``name`` to multiply with: where the target wants it, as ``engine.int16`` makes it."""
        if not self.target.is_int16:
            return self.weight(name, n_out, n_in)
        shape, scales_shape = int16_shapes(n_out, n_in)
        integers = self._declare(f"{name}{INTEGERS}", DType.int16, shape)
        return Int16Matrix(integers, self._declare(f"{name}{SCALES}", DType.float32, scales_shape), n_out)

    def _declare(self, name: str, dtype: DType, shape: tuple[int, ...]) -> TensorValue:
        return Graph.current.add_weight(Weight(self._prefix + name, dtype, shape, self.target.device))


def linear(scope: Scope, x: TensorValue, n_in: int, n_out: int) -> TensorValue:
    """x (batch, n, n_in) → (batch, n, n_out), with bias."""
    return multiply(scope.target, x, scope.matrix("weight", n_out, n_in)) + scope.weight("bias", n_out)


def multiply(target: Target, x: TensorValue, matrix: TensorValue | Int16Matrix) -> TensorValue:
    """x (batch, n, n_in) times the transpose of ``matrix`` (n_out, n_in) → (batch, n, n_out)."""
    if isinstance(matrix, Int16Matrix):
        product = TensorType(target.dtype, [*x.shape[:-1], matrix.n_out], target.device)
        inputs = [x, matrix.integers, matrix.scales]
        return ops.custom("max_whisper.linear_int16", target.device, inputs, [product])[0].tensor
    if target.matrix_dtype is None:
        return x @ ops.transpose(matrix, 0, 1)
    n_out, n_in = matrix.shape
    rows = ops.reshape(x, [-1, n_in])
    product = TensorType(target.dtype, [rows.shape[0], n_out], target.device)
    (multiplied,) = ops.custom("max_whisper.linear", target.device, [rows, matrix], [product])
    return ops.reshape(multiplied.tensor, [*x.shape[:-1], n_out])


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
        mask: float32, additive (batch, n_queries, n_keys), or None where every key may be seen.

    Returns:
        (batch, n_queries, n_head * d_head).
    """
    batch, n_queries, n_head, d_head = query.shape
    scale = int(d_head) ** -0.5
    if target.is_gpu and mask is None:
        mixed = ops.cast(_gpu_attention(query, key, value, scale), target.dtype)
    else:
        mixed = _plain_attention(query, key, value, mask, scale)
    return ops.reshape(mixed, [batch, n_queries, int(n_head) * int(d_head)])


def cross_attention(
    target: Target, query: TensorValue, key: TensorValue, value: TensorValue, audio_mask: TensorValue
) -> TensorValue:
    """Scaled dot-product attention of a few queries over encoded audio, by our own kernel on the CPU.

    Args:
        target: chooses between the kernels.
        query: (n_windows, n_queries, n_head, d_head).
        key: (n_windows, n_audio_ctx, n_head, d_head), of the target's type for the cross KV.
        value: like ``key``.
        audio_mask: additive (n_windows, n_audio_ctx).  A GPU takes no notice: there all windows are of one length.

    Returns:
        (n_windows, n_queries, n_head * d_head).
    """
    n_windows, n_queries, n_head, d_head = query.shape
    if target.is_gpu:
        return attention(target, query, key, value)
    inputs = [query, key, value, audio_mask]
    parameters = {"d_head": int(d_head)}
    (mixed,) = ops.custom("max_whisper.attend", target.device, inputs, [query.type], parameters=parameters)
    return ops.reshape(mixed.tensor, [n_windows, n_queries, int(n_head) * int(d_head)])


def self_attention(target: Target, qkv: TensorValue, n_head: int) -> TensorValue:
    """Scaled dot-product attention of every position to every other, by our own kernel on the CPU.

    Args:
        target: chooses between the kernels.
        qkv: (batch, n, 3 * n_state), queries before keys before values, each head after head.
        n_head: how many heads there are.

    Returns:
        (batch, n, n_state).
    """
    batch, n, n_qkv = qkv.shape
    n_state = int(n_qkv) // 3
    if target.is_gpu:
        query, key, value = (split_heads(part, n_head) for part in ops.split(qkv, [n_state] * 3, axis=-1))
        return attention(target, query, key, value)
    mixed = TensorType(target.dtype, [batch, n, n_state], target.device)
    if target.is_int16:
        return ops.custom("max_whisper.attend_to_all_int16", target.device, [qkv], [mixed])[0].tensor
    parameters = {"d_head": n_state // n_head}
    (mixed,) = ops.custom("max_whisper.attend_to_all", target.device, [qkv], [mixed], parameters=parameters)
    return mixed.tensor


def _gpu_attention(query: TensorValue, key: TensorValue, value: TensorValue, scale: float) -> TensorValue:
    # Only who builds a graph for a GPU waits for these: their import takes as long as loading a model.
    from max.nn.attention import MHAMaskVariant
    from max.nn.kernels import flash_attention_gpu

    # That import sets these behind os.environ's back, and a Python that this process starts would leave its virtual
    # environment.
    for variable in {"PYTHONEXECUTABLE", "PYTHONPATH"} - set(os.environ):
        os.unsetenv(variable)
    # MAX's kernel for Hopper has no float16.
    dtype = DType.bfloat16 if query.dtype == DType.float16 else query.dtype
    query, key, value = (ops.cast(x, dtype) for x in (query, key, value))
    return flash_attention_gpu(query, key, value, MHAMaskVariant.NULL_MASK, scale)


def _plain_attention(
    query: TensorValue, key: TensorValue, value: TensorValue, mask: TensorValue | None, scale: float
) -> TensorValue:
    """As matrix products in float32; on a GPU too where there is a mask: MAX's kernels there heed none of ours."""
    heads_first = [0, 2, 1, 3]
    dtype = query.dtype
    query, key, value = (ops.cast(x, DType.float32) for x in (query, key, value))
    query, value = ops.permute(query, heads_first), ops.permute(value, heads_first)
    scores = query @ ops.permute(key, [0, 2, 3, 1])  # (batch, n_head, n_queries, n_keys)
    # MAX recognises its fused attention only when the scale is the right operand.
    scores = scores * scale
    if mask is not None:
        scores = scores + ops.unsqueeze(mask, 1)
    return ops.cast(ops.permute(ops.softmax(scores) @ value, heads_first), dtype)
