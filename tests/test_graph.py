"""Each part of the networks, compiled, against NumPy: attention, layers, encoder, our kernel."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from max.driver import CPU
from max.dtype import DType
from max.engine import InferenceSession
from max.graph import Graph, TensorType, TensorValue
from numpy.typing import NDArray
from reference_whisper import (
    encode,
    encoder_layer,
    multi_head_attention,
)
from reference_whisper import linear as reference_linear
from small_model import (
    DIMS,
    MEL,
    RNG,
    TARGET,
    TRUTH,
    close,
    run,
)

from engine import graph as graphs
from engine.batch_decoder import visibility_mask
from engine.layers import Scope, Target, attention, linear, multiply, self_attention, split_heads
from engine.networks import Networks

pytestmark = [pytest.mark.max, pytest.mark.usefixtures("kernels_built_once")]


def test_attention_and_a_layer() -> None:
    x, audio = RNG.normal(0, 1, (2, 9, 128)), RNG.normal(0, 1, (2, 13, 128))
    mask = visibility_mask(np.ones((1, 9), np.bool_), 9)[0]

    def build(x: TensorValue, audio: TensorValue, mask: TensorValue) -> list[TensorValue]:
        scope = Scope(TARGET) / "decoder" / "layers" / 0 / "cross_attention"
        key, value = graphs.cross_key_value(scope, audio, DIMS)
        query = split_heads(linear(scope / "query", x, 128, 128), 2)
        free, masked = split_heads(x, 2), split_heads(x, 2)
        return [
            attention(TARGET, free, free, free),
            attention(TARGET, masked, masked, masked, mask),
            linear(scope / "out", attention(TARGET, query, key, value), 128, 128),
            graphs.encoder_layer(Scope(TARGET) / "encoder" / "layers" / 1, x, DIMS),
        ]

    shapes: list[list[str | int]] = [["b", "n", 128], ["b", "n_audio", 128], ["b", "n", "n"]]
    free, masked, crossed, layer = run(shapes, build, x, audio, np.stack([mask, mask]))

    for row in range(2):
        close(multi_head_attention(x[row], x[row], x[row], 2)[0], free[row])
        close(multi_head_attention(x[row], x[row], x[row], 2, mask)[0], masked[row])
        close(encoder_layer(TRUTH, "encoder.layers.1", x[row], 2), layer[row])
        close(looked_at_audio("decoder.layers.0.cross_attention", x[row], audio[row]), crossed[row])


def looked_at_audio(name: str, x: NDArray, audio: NDArray) -> NDArray:
    """What x, taken as it is, gathers from the audio."""
    key, value = np.split(reference_linear(TRUTH, f"{name}.kv", audio), 2, axis=1)
    mixed, _ = multi_head_attention(reference_linear(TRUTH, f"{name}.query", x), key, value, 2)
    return reference_linear(TRUTH, f"{name}.out", mixed)


def test_encoder(networks: Networks, features: NDArray) -> None:
    close(features, networks.features(MEL))


@pytest.mark.parametrize("n_audio_ctx", [1, 2, 17])
def test_encoder_with_a_short_context(networks: Networks, n_audio_ctx: int) -> None:
    mel = MEL[:, : 2 * n_audio_ctx]

    close(encode(TRUTH, DIMS, mel.astype(np.float64)), networks.features(mel))


def test_cross_kv_is_that_of_the_features(networks: Networks, features: NDArray) -> None:
    for layer in range(DIMS.n_text_layer):
        name = f"decoder.layers.{layer}.cross_attention.kv"
        both = features @ TRUTH[f"{name}.weight"].T + TRUTH[f"{name}.bias"]
        found = networks.encode([MEL]).cross_kv[2 * layer : 2 * layer + 2]
        close(both, np.concatenate([kv.to_numpy().reshape(DIMS.n_audio_ctx, 128) for kv in found], axis=1))


@pytest.mark.parametrize("dtype", [DType.float16, DType.float32])
def test_the_kernel_multiplies(dtype: DType) -> None:
    types = [TensorType(DType.float32, ["n", "k"], TARGET.device), TensorType(dtype, ["m", "k"], TARGET.device)]
    with Graph("kernel", input_types=types, custom_extensions=TARGET.extensions) as graph:
        x, matrix = (value.tensor for value in graph.inputs)
        graph.output(multiply(Target(TARGET.device, DType.float32, dtype), x, matrix))
    model = InferenceSession(devices=[CPU()]).load(graph)

    for n_rows, n_in, n_out in [(1, 64, 1), (2, 64, 7), (3, 128, 8), (5, 384, 1153), (15, 64, 4099), (16, 1280, 131)]:
        x, matrix = RNG.normal(0, 1, (n_rows, n_in)), RNG.normal(0, 1, (n_out, n_in)).astype(dtype.to_numpy())
        (product,) = model.execute(x.astype(np.float32), matrix)
        close(x @ matrix.astype(np.float64).T, product.to_numpy())


@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_the_kernel_attends_to_all(spread: float) -> None:
    """Lengths below, at and above its tiles; scores so far apart that most probabilities vanish."""
    state = TensorType(DType.float32, ["batch", "n", 3 * 192], TARGET.device)
    with Graph("kernel", input_types=[state], custom_extensions=TARGET.extensions) as graph:
        graph.output(self_attention(TARGET, graph.inputs[0].tensor, 3))
    model = InferenceSession(devices=[CPU()]).load(graph)

    for n in (1, 5, 6, 7, 63, 64, 65, 131):
        qkv = RNG.normal(0, 1, (2, n, 3 * 192)).astype(np.float32)
        qkv[:, :, :192] *= spread
        (mixed,) = model.execute(qkv)
        for x, found in zip(qkv.astype(np.float64), mixed.to_numpy(), strict=True):
            # What is lost of a score in float32 grows with the score.
            close(multi_head_attention(*np.split(x, 3, axis=1), 3)[0], found, tolerance=1e-5 * spread)


def test_a_python_started_by_this_process_keeps_its_environment() -> None:
    prefix = subprocess.check_output([sys.executable, "-c", "import sys; print(sys.prefix)"], text=True)
    assert prefix.strip() == sys.prefix
