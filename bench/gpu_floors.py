"""The least a GPU needs for a piece of Whisper: its arithmetic, and what must come from memory, counted.

Weights and activations have two bytes.  Read once: the weights, and the keys and values a step looks at; what lies
between two kernels is counted as if it never left the chip, so no implementation reaches these figures.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.config import ModelDimensions

N_BYTES = 2


@dataclass(frozen=True, slots=True)
class Chip:
    """What a GPU can do at most, by its data sheet: dense operations in half precision, and memory, each a second."""

    name: str
    flops: float
    n_bytes: float


CHIPS = (Chip("H200", 989e12, 4.8e12), Chip("H100", 989e12, 3.35e12))
"""SXM both."""


def chip_of(device_name: str) -> Chip:
    """Return the chip of a device that MAX calls ``device_name``; an H200 where it is none that is known."""
    return next((chip for chip in CHIPS if chip.name in device_name), CHIPS[0])


@dataclass(frozen=True, kw_only=True)
class Work:
    """Floating-point operations, and bytes that must move."""

    flops: float
    n_bytes: float

    def floor_s(self, chip: Chip) -> float:
        """Return the seconds that the slower of the two takes."""
        return max(self.flops / chip.flops, self.n_bytes / chip.n_bytes)


def encoder_work(dims: ModelDimensions, batch: int) -> Work:
    """Count what encoding ``batch`` full windows takes, the cross KV included."""
    n, d, n_mels = dims.n_audio_ctx, dims.n_audio_state, dims.n_mels
    cross = 2 * d * d * dims.n_text_layer
    weights = 3 * n_mels * d + 3 * d * d + 12 * d * d * dims.n_audio_layer + cross
    # The first convolution has two frames a position.
    products = 2 * n * (weights + 3 * n_mels * d)
    attention = 4 * n * n * d * dims.n_audio_layer
    kept = 2 * n * d * dims.n_text_layer
    return Work(flops=batch * (products + attention), n_bytes=N_BYTES * (weights + batch * (2 * n * n_mels + kept)))


def step_work(dims: ModelDimensions, batch: int, n_past: int) -> Work:
    """Count what one more token of ``batch`` texts takes, ``n_past`` tokens and a full window behind each."""
    d, n_keys = dims.n_text_state, dims.n_audio_ctx + n_past
    weights = 14 * d * d * dims.n_text_layer + dims.n_vocab * d
    flops = batch * (2 * weights + 4 * n_keys * d * dims.n_text_layer)
    return Work(flops=flops, n_bytes=N_BYTES * (weights + 2 * batch * n_keys * d * dims.n_text_layer))
