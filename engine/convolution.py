"""The encoder's two convolutions as MAX graph functions."""

from __future__ import annotations

from max.graph import TensorValue, ops

from engine.layers import Int16Matrix, Scope, Target, multiply


def _previous(x: TensorValue) -> TensorValue:
    """Shift x (batch, n, d) one row later, a row of zeros in front: the convolution's padding."""
    batch, n, d = x.shape
    zeros = ops.broadcast_to(ops.constant(0, x.dtype, x.device), [batch, 1, d])
    return ops.rebind(ops.concat([zeros, x[:, :-1]], axis=1), [batch, n, d])


def _next(x: TensorValue) -> TensorValue:
    """Shift x (batch, n, d) one row earlier, a row of zeros behind."""
    batch, n, d = x.shape
    zeros = ops.broadcast_to(ops.constant(0, x.dtype, x.device), [batch, 1, d])
    return ops.rebind(ops.concat([x[:, 1:], zeros], axis=1), [batch, n, d])


def convolve_pairs(scope: Scope, x: TensorValue, n_in: int, n_out: int) -> TensorValue:
    """Convolution of width 3 over frames stored in pairs: x (batch, n, 2 * n_in) → (batch, n, 2 * n_out).

    A matrix product over each frame and its neighbours: MAX multiplies matrices faster than it convolves in one
    dimension, and it needs no kernels but those the transformer layers use anyway.
    """
    kernel = _kernel(scope, n_in, n_out)
    even, odd = ops.split(x, [n_in] * 2, axis=-1)
    neighbours = ([_previous(odd), even, odd], [even, odd, _next(even)])
    return ops.concat([_convolve(scope.target, ops.concat(frames, axis=-1), *kernel) for frames in neighbours], axis=-1)


def convolve_with_stride_two(scope: Scope, x: TensorValue, n_state: int) -> TensorValue:
    """Convolution of width 3, stride 2, over frames in pairs: x (batch, n, 2 * n_state) → (batch, n, n_state)."""
    before = _previous(x[..., n_state:])
    return _convolve(scope.target, ops.concat([before, x], axis=-1), *_kernel(scope, n_state, n_state))


def _kernel(scope: Scope, n_in: int, n_out: int) -> tuple[TensorValue | Int16Matrix, TensorValue]:
    """The weights as a matrix (n_out, 3 * n_in), and the bias."""
    bias = scope.weight("bias", n_out)
    if scope.target.is_int16:
        return scope.matrix("weight", n_out, 3 * n_in), bias
    weight = ops.permute(scope.weight("weight", n_out, n_in, 3), [0, 2, 1])
    return ops.reshape(weight, [n_out, 3 * n_in]), bias


def _convolve(target: Target, frames: TensorValue, matrix: TensorValue | Int16Matrix, bias: TensorValue) -> TensorValue:
    """Multiply each frame and its neighbours, (batch, n, 3 * n_in) → (batch, n, n_out)."""
    if isinstance(matrix, Int16Matrix):
        return multiply(target, frames, matrix) + bias
    # In two dimensions and transposed: a GPU has no fast kernel for anything else.
    rows = ops.reshape(frames, [-1, frames.shape[-1]]) @ ops.transpose(matrix, 0, 1)
    return ops.reshape(rows + bias, [*frames.shape[:-1], matrix.shape[0]])
