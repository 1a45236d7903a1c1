"""What the least time of a GPU is counted from: the weights as they are, and hand-made sums."""

from __future__ import annotations

import math

import pytest
from whisper_sizes import SIZES

from bench.gpu_floors import chip_of, encoder_work, step_work
from engine.checkpoints.shapes import expected_shapes


@pytest.mark.parametrize("size", ["tiny", "large-v3", "large-v3-turbo"])
def test_a_step_reads_every_matrix_of_the_decoder_once(size: str) -> None:
    dims = SIZES[size]
    matrices = [
        math.prod(shape)
        for name, shape in expected_shapes(dims).items()
        if name.startswith("decoder.")
        and len(shape) == 2
        and "positions" not in name
        and ".cross_attention.kv" not in name
    ]
    windows = 2 * dims.n_audio_ctx * dims.n_text_state * dims.n_text_layer

    assert step_work(dims, 1, 0).n_bytes == 2 * (sum(matrices) + windows)
    assert step_work(dims, 8, 0).n_bytes == 2 * (sum(matrices) + 8 * windows)


def test_an_encoder_multiplies_by_every_matrix_at_every_position() -> None:
    dims = SIZES["large-v3"]
    matrices = [
        math.prod(shape)
        for name, shape in expected_shapes(dims).items()
        if (name.startswith("encoder.layers") or ".cross_attention.kv" in name) and len(shape) == 2
    ]
    convolutions = 2 * 3 * 128 * 1280 + 3 * 1280 * 1280
    attention = 2 * 1500 * 1280 * 32

    assert encoder_work(dims, 2).flops == 2 * 2 * 1500 * (sum(matrices) + convolutions + attention)


def test_one_token_waits_for_memory_and_a_window_for_arithmetic() -> None:
    dims = SIZES["large-v3-turbo"]
    step, window, chip = step_work(dims, 1, 0), encoder_work(dims, 1), chip_of("NVIDIA H200")

    assert step.floor_s(chip) == step.n_bytes / 4.8e12
    assert window.floor_s(chip) == window.flops / 989e12


def test_an_h100_has_slower_memory() -> None:
    work = step_work(SIZES["large-v3-turbo"], 1, 0)

    assert work.floor_s(chip_of("NVIDIA H100 80GB HBM3")) == work.n_bytes / 3.35e12
