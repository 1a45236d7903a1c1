"""Compile one graph of a published size for a GPU; run as a program, for the sake of a MAX of its own.

    python tests/compile_for_gpu.py SIZE encoder|decoder|alignment|rearrangement [--bfloat16] [--here] [--only-look]

For one that is not there, unless told that it is here.  Prints the artifact it found or made, nothing where it only
looked in vain.  That the code is right is for the tests marked ``gpu`` to find.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from max import driver
from max.dtype import DType

sys.path.insert(0, str(Path(__file__).parent))
from whisper_sizes import SIZES

if TYPE_CHECKING:
    from engine.devices import Compute

API, ARCHITECTURE = "cuda", "sm_90a"
N_TIMESTAMPS = 1501


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile one graph of a published size for a GPU.")
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("graph", choices=("encoder", "decoder", "alignment", "rearrangement"))
    parser.add_argument("--bfloat16", action="store_true", help="in bfloat16, not in float16")
    parser.add_argument("--here", action="store_true", help="for this machine's GPU, not for an H200 that is not there")
    parser.add_argument("--only-look", action="store_true", help="compile nothing")
    arguments = parser.parse_args()
    if not arguments.here:
        pretend()
    path = artifact(arguments.size, arguments.graph, is_bfloat16=arguments.bfloat16, only_look=arguments.only_look)
    if path.is_file():
        print(path)


def pretend() -> None:
    """Let MAX see one H200; before it sees any other device."""
    driver.set_virtual_device_api(API)
    driver.set_virtual_device_target_arch(ARCHITECTURE)
    driver.set_virtual_device_count(1)


def in_bfloat16(compute: Compute) -> Compute:
    """Return ``compute`` with graphs in bfloat16."""
    return replace(compute, target=replace(compute.target, dtype=DType.bfloat16))


def artifact(size: str, graph: str, *, is_bfloat16: bool, only_look: bool) -> Path:
    """Return where the artifact is kept, made where that was wanted."""
    from max.engine import InferenceSession

    from engine.blueprints import blueprints_of
    from engine.checkpoints.vocabularies import usual_alignment_heads
    from engine.compiled import compile_and_keep
    from engine.devices import choose_compute
    from engine.graph import SpecialIds

    compute, dims = choose_compute("gpu"), SIZES[size]
    compute = in_bfloat16(compute) if is_bfloat16 else compute
    first_timestamp = dims.n_vocab - N_TIMESTAMPS
    ids, heads = SpecialIds(first_timestamp - 2, first_timestamp), usual_alignment_heads(dims)
    blueprint = blueprints_of(dims, ids, heads, compute.target, compute.target)[graph]
    path = blueprint.path(compute)
    if not only_look:
        compile_and_keep(path, InferenceSession(devices=[compute.device, driver.CPU()]), blueprint.build)
    return path


if __name__ == "__main__":
    main()
