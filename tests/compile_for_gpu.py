"""Compile one of tiny.en's graphs for a GPU that is not there, once; run as a program, for the sake of its own MAX.

    python tests/compile_for_gpu.py encoder|decoder|alignment [--only-look]

Prints the artifact it found or made, nothing where it only looked in vain.  MAX generates code for the device it is
told of; that this code is right is for the tests marked ``gpu`` to find.
"""

from __future__ import annotations

import argparse

from max import driver

API, ARCHITECTURE = "cuda", "sm_90a"


def pretend() -> None:
    """Let MAX see one H200; before it sees any other device."""
    driver.set_virtual_device_api(API)
    driver.set_virtual_device_target_arch(ARCHITECTURE)
    driver.set_virtual_device_count(1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile a graph of tiny.en for a GPU that is not there.")
    parser.add_argument("graph", choices=("encoder", "decoder", "alignment"))
    parser.add_argument("--only-look", action="store_true")
    arguments = parser.parse_args()
    pretend()

    from max.engine import InferenceSession

    from engine.alignment_graph import alignment_graph
    from engine.checkpoint import read_checkpoint
    from engine.compiled import artifact_path, compile_and_keep, read_artifact
    from engine.devices import choose_compute
    from engine.graph import SpecialIds, decoder_graph, encoder_graph
    from engine.networks import artifact_keys
    from engine.packaged import checkpoint_folder
    from engine.tokenizer import Tokenizer

    compute = choose_compute("gpu")
    checkpoint = read_checkpoint(checkpoint_folder("tiny.en"))
    dims, target, heads = checkpoint.dimensions, compute.target, checkpoint.alignment_heads
    tokenizer = Tokenizer(checkpoint.vocabulary)
    ids = SpecialIds(tokenizer.no_speech, tokenizer.first_timestamp)
    builders = {
        "encoder": lambda: encoder_graph(dims, target),
        "decoder": lambda: decoder_graph(dims, target, ids),
        "alignment": lambda: alignment_graph(dims, target, heads),
    }
    (key,) = (key for key in artifact_keys(dims, heads, compute) if key[0] == arguments.graph)
    path = artifact_path(*key)
    if not arguments.only_look:
        compile_and_keep(path, InferenceSession(devices=[compute.device, driver.CPU()]), builders[arguments.graph])
    if read_artifact(path) is not None:
        print(path)


if __name__ == "__main__":
    main()
