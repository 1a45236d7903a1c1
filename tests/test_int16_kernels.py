"""Our kernels for 16-bit integers, compiled, against NumPy in float64; skipped where the processor lacks them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from max.driver import CPU
from max.dtype import DType
from max.engine import InferenceSession, Model
from max.graph import Graph, TensorType
from numpy.typing import NDArray
from reference_whisper import multi_head_attention
from small_model import DIMS, IDS, MEL, RNG, TARGET, TOKENS, WEIGHTS, close

from engine.checkpoint import Checkpoint
from engine.decoding import Row
from engine.devices import choose_compute
from engine.int16 import int16_shapes, quantised
from engine.layers import Int16Matrix, multiply, self_attention
from engine.networks import Networks
from engine.progress import say_nothing
from engine.rules import UNRESTRICTED

INT16 = replace(TARGET, is_int16=True)
TOLERANCE = 5e-4
"""What rounding to 16-bit integers may cost, relative to the largest number: measured are 1e-4 to 2e-4."""
KERNELS = Path(__file__).parents[1] / "engine"

pytestmark = [
    pytest.mark.max,
    pytest.mark.usefixtures("kernels_built_once"),
    pytest.mark.skipif(not choose_compute("cpu").target.is_int16, reason="no VNNI: this processor multiplies floats"),
]


@pytest.fixture(scope="module")
def product() -> Model:
    """x times the transpose of a matrix, plus 1 where it is fused."""
    types = [
        TensorType(DType.float32, ["batch", "n", "n_in"], TARGET.device),
        TensorType(DType.int16, ["n_panels", "n_pairs", *int16_shapes(1, 2)[0][2:]], TARGET.device),
        TensorType(DType.float32, ["n_panels", "n_blocks", int16_shapes(1, 2)[1][2]], TARGET.device),
        TensorType(DType.float32, ["n_out"], TARGET.device),
    ]
    with Graph("product", input_types=types, custom_extensions=INT16.extensions) as graph:
        x, integers, scales, bias = (value.tensor for value in graph.inputs)
        matrix = Int16Matrix(integers, scales, bias.shape[0])
        graph.output(multiply(INT16, x, matrix) + bias)
    return InferenceSession(devices=[CPU()]).load(graph)


def multiplied(product: Model, x: NDArray, matrix: NDArray, bias: NDArray) -> NDArray[np.float32]:
    (found,) = product.execute(np.ascontiguousarray(x, np.float32), *quantised(matrix), bias.astype(np.float32))
    return found.to_numpy()


@pytest.mark.parametrize("n_rows", [1, 2, 5, 6, 7, 13, 40, 97, 250])
@pytest.mark.parametrize(("n_in", "n_out"), [(16, 1), (64, 63), (48, 65), (384, 1153), (1280, 131)])
def test_a_product(product: Model, n_rows: int, n_in: int, n_out: int) -> None:
    x, matrix, bias = RNG.normal(0, 1, (1, n_rows, n_in)), RNG.normal(0, 1, (n_out, n_in)), RNG.normal(0, 1, n_out)

    close(x @ matrix.T + bias, multiplied(product, x, matrix.astype(np.float32), bias), tolerance=TOLERANCE)


def test_a_product_of_a_batch(product: Model) -> None:
    x, matrix = RNG.normal(0, 1, (3, 37, 64)), RNG.normal(0, 1, (100, 64)).astype(np.float16)

    close(x @ matrix.astype(np.float64).T, multiplied(product, x, matrix, np.zeros(100)), tolerance=TOLERANCE)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_each_row_has_a_scale_of_its_own(product: Model, scale: float) -> None:
    x = RNG.normal(0, 1, (1, 9, 64))
    x[0, 3] *= scale
    matrix = RNG.normal(0, 1, (70, 64)).astype(np.float32)
    found = multiplied(product, x, matrix, np.zeros(70))

    for truth, row in zip((x @ matrix.astype(np.float64).T)[0], found[0], strict=True):
        assert np.abs(row - truth).max() < TOLERANCE * np.abs(truth).max()


def test_no_sum_leaves_32_bits(product: Model) -> None:
    """The worst there is: rows that point where the columns do, so that every product has the same sign."""
    x = np.ones((1, 7, 5120))
    found = multiplied(product, x, np.ones((65, 5120), np.float32), np.zeros(65))

    close(np.full((1, 7, 65), 5120.0), found, tolerance=TOLERANCE)


def test_zeros_give_zeros(product: Model) -> None:
    found = multiplied(product, np.zeros((1, 7, 64)), np.ones((65, 64), np.float32), np.zeros(65))

    assert not found.any()


@pytest.fixture(scope="module")
def attending() -> Model:
    state = TensorType(DType.float32, ["batch", "n", 3 * 192], TARGET.device)
    with Graph("kernel", input_types=[state], custom_extensions=INT16.extensions) as graph:
        graph.output(self_attention(INT16, graph.inputs[0].tensor, 3))
    return InferenceSession(devices=[CPU()]).load(graph)


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 63, 64, 65, 131, 500])
@pytest.mark.parametrize("spread", [0.01, 1.0, 10.0])
def test_attention_to_all(attending: Model, n: int, spread: float) -> None:
    """Odd and even lengths below, at and above its tiles; all keys alike, and so far apart that few count."""
    qkv = RNG.normal(0, 1, (2, n, 3 * 192)).astype(np.float32)
    qkv[:, :, :192] *= spread
    (mixed,) = attending.execute(qkv)

    for x, found in zip(qkv.astype(np.float64), mixed.to_numpy(), strict=True):
        # What a score loses grows with the score.
        truth = multi_head_attention(*np.split(x, 3, axis=1), 3)[0]
        close(truth, found, tolerance=TOLERANCE * max(1.0, spread))


def test_attention_where_all_scores_are_far_below_zero(attending: Model) -> None:
    """What is behind the last key must not count, though nothing is as probable as a score of 0."""
    qkv = np.ones((1, 65, 3 * 192), np.float32)
    qkv[:, :, :192] = -20.0
    qkv[:, :, 384:] = RNG.normal(0, 1, (1, 65, 192))
    (mixed,) = attending.execute(qkv)

    close(np.repeat(qkv[0, :, 384:].mean(axis=0)[None], 65, axis=0), mixed.to_numpy()[0], tolerance=TOLERANCE)


def test_both_networks(features: NDArray, logits: NDArray) -> None:
    compute = choose_compute("cpu")
    networks = Networks(Checkpoint(DIMS, WEIGHTS, (), (), (), ()), IDS, compute, say_nothing)
    decoder = networks.decoder(networks.encode([MEL]), np.zeros((1, DIMS.n_vocab), np.float32))
    found = decoder.advance([Row(TOKENS, range(len(TOKENS)), [UNRESTRICTED] * len(TOKENS))]).fetch_logits()[0]

    close(features, networks.features(MEL), tolerance=TOLERANCE)
    close(logits, found, tolerance=TOLERANCE)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: Mojo links programs with one")
@pytest.mark.parametrize(("processor", "width"), [((), None), (("--target-cpu", "alderlake"), 8)])
def test_products_are_those_of_the_integers(processor: tuple[str, ...], width: int | None, tmp_path: Path) -> None:
    """By both forms of the instruction: AVX-512's here, and AVX-VNNI's, of processors without AVX-512."""
    if width is not None and "avx_vnni" not in Path("/proc/cpuinfo").read_text().split():
        pytest.skip("this processor has no AVX-VNNI")
    source, program = Path(__file__).with_name("multiply_int16.mojo"), tmp_path / "program"
    mojo = Path(sys.executable).with_name("mojo")
    command = [mojo, "build", *processor, "-I", KERNELS, source, "-o", program]
    subprocess.run(command, check=True, capture_output=True)
    n_lanes, worst_product, worst_rounding = subprocess.check_output([program], text=True).split()

    assert float(worst_product) < 1e-6
    assert float(worst_rounding) < 0.501
    assert width is None or int(n_lanes) == width
