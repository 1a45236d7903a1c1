"""Where the model runs: a GPU if there is one, the CPU otherwise."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from max.driver import (
    CPU,
    Accelerator,
    Buffer,
    Device,
    accelerator_api,
    accelerator_architecture_name,
    accelerator_count,
)
from max.dtype import DType
from max.graph import DeviceRef
from numpy.typing import NDArray

from engine.errors import ModelLoadError
from engine.layers import Target
from engine.threads import with_short_waits

_ALIGNMENT_BYTES = 256
"""What a GPU's own allocator aligns to: kernels may read more than one number at once."""

COMPUTE_CHOICES = ("auto", "cpu", "gpu")


@dataclass(frozen=True, slots=True)
class Compute:
    """A device to run on.

    Attributes:
        device: MAX's handle of it.
        target: what graphs for it are built for: float32 on a CPU, but for the cross KV; float16 on a GPU, with
            bfloat16 in the attention.
        name: what a person calls it.
        identity: everything about it that shapes compiled code.
    """

    device: Device
    target: Target
    name: str
    identity: str

    @property
    def is_virtual_cpu(self) -> bool:
        """Whether it is the processor of a virtual machine: a flag of x86."""
        return self.device.is_host and "hypervisor" in self.identity.split()


def choose_compute(choice: str) -> Compute:
    """Return the device for ``choice``, one of ``COMPUTE_CHOICES``.

    Raises:
        ModelLoadError: a GPU was asked for and MAX sees none.
    """
    if choice not in COMPUTE_CHOICES:
        raise ValueError(f"compute must be one of {', '.join(COMPUTE_CHOICES)}, got {choice!r}")
    if choice == "cpu":
        return _cpu()
    if accelerator_count() > 0:
        return _gpu()
    if choice == "gpu":
        raise ModelLoadError(
            "No GPU that MAX can use was found on this machine. "
            "Check the driver (nvidia-smi, rocm-smi), or run with --compute cpu."
        )
    return _cpu()


def place_each(arrays: Sequence[NDArray[np.generic]], device: Device) -> list[Buffer]:
    """Return ``arrays`` on ``device``, each in a copy of its own; on the host without a copy: do not change them."""
    return [Buffer.from_numpy(np.asarray(array, order="C")).to(device) for array in arrays]


def place_together(arrays: Sequence[NDArray[np.generic]], device: Device) -> list[Buffer]:
    """Return ``arrays`` on ``device``, brought there in one copy: on a GPU small ones cost the same as large ones."""
    return unpacked(Buffer.from_numpy(pack(arrays)).to(device), arrays)


def pack(arrays: Sequence[NDArray[np.generic]]) -> NDArray[np.uint8]:
    """Return the bytes of ``arrays`` behind one another: uint8 (n_bytes,)."""
    starts = _starts(arrays)
    packed = np.zeros(max(starts[-1], _ALIGNMENT_BYTES), np.uint8)
    for array, start in zip(arrays, starts, strict=False):
        packed[start : start + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return packed


def unpacked(packed: Buffer, arrays: Sequence[NDArray[np.generic]]) -> list[Buffer]:
    """Return views into ``packed``, uint8 (n_bytes,) or more, where ``pack`` puts each of ``arrays``."""
    return [
        packed[start : start + array.nbytes].view(DType.from_numpy(array.dtype), array.shape)
        for array, start in zip(arrays, _starts(arrays), strict=False)
    ]


def _starts(arrays: Sequence[NDArray[np.generic]]) -> list[int]:
    """Where each begins, and where the last one ends."""
    return [0, *accumulate(-(-array.nbytes // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES for array in arrays)]


def _cpu() -> Compute:
    identity = _cpu_identity()
    target = Target(DeviceRef.CPU(), DType.float32, cross_dtype=DType.float16, is_int16=_multiplies_int16(identity))
    return Compute(with_short_waits(CPU), target, "CPU", identity)


def _gpu() -> Compute:
    device = Accelerator()
    identity = f"{accelerator_api()} {accelerator_architecture_name()} with {_cpu_identity()}"
    # docs/decisions/0018-gpu.md: nearer to the CPU's texts than bfloat16, for which MAX's attention alone is made.
    target = Target(DeviceRef.GPU(), DType.float16, cross_dtype=DType.bfloat16)
    return Compute(device, target, device.model_name or device.label, identity)


def _multiplies_int16(identity: str) -> bool:
    """Whether the processor has the instruction that engine/kernels/int16.mojo is written for."""
    return not {"avx512_vnni", "avx_vnni"}.isdisjoint(identity.split())


def _cpu_identity() -> str:
    """Architecture and instruction sets: MAX compiles for the very processor it runs on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    described = {line.split(":")[0].strip(): line for line in lines if line.startswith(wanted)}
    return " ".join([platform.machine(), *sorted(described.values())])
