"""Every published size: its weights are counted, one layer a network built, and of two sizes computed.

Beyond that the sizes differ in nothing but how often a layer is repeated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_whisper import decode_logits, encode, in_float64, random_weights
from whisper_sizes import N_PARAMETERS, SIZES

from engine.checkpoint import Checkpoint
from engine.checkpoints.shapes import expected_shapes
from engine.config import ModelDimensions
from engine.decoding import Row
from engine.rules import UNRESTRICTED

TOKENS = [50258, 50259, 50359, 50363, 400, 370, 452, 7177]
PASSES = (4, 1, 3)
"""A prompt, a token, a draft."""
N_WINDOWS = 2
TOLERANCES = {"float32": 1e-5, "16-bit integers": 5e-4}
"""By what the products are of; the second only where the processor has an instruction for it."""


@pytest.mark.parametrize("size", N_PARAMETERS)
def test_it_has_as_many_weights_as_published(size: str) -> None:
    dims = SIZES[size]
    key_biases = dims.n_audio_state * (dims.n_audio_layer + 2 * dims.n_text_layer)

    assert N_PARAMETERS[size] == sum(map(math.prod, expected_shapes(dims).values())) - key_biases


@pytest.mark.max
@pytest.mark.usefixtures("kernels_built_once")
@pytest.mark.parametrize("size", ["base.en", "medium", "large-v2", "distil-large-v3"])
def test_its_layers_are_built(size: str) -> None:
    from max.dtype import DType

    from engine.devices import choose_compute
    from engine.graph import SpecialIds, decoder_graph, encoder_graph

    dims = one_layer_each(SIZES[size])
    target = choose_compute("cpu").target
    few_rows = replace(target, matrix_dtype=DType.float16)
    encoder_graph(dims, target)
    decoder_graph(dims, few_rows, SpecialIds(50362, 50364))


def one_layer_each(dims: ModelDimensions) -> ModelDimensions:
    return replace(dims, n_audio_layer=1, n_text_layer=1)


@dataclass(frozen=True)
class Sample:
    """A model with one layer a network, and what it makes of a sound and a text: the truth and ours, so far apart."""

    features: tuple[NDArray, NDArray]
    logits: tuple[NDArray, NDArray]
    tolerance: float


@pytest.fixture(scope="module", params=product(["small", "large-v3-turbo"], TOLERANCES), ids=" in ".join)
def sample(request: pytest.FixtureRequest) -> Sample:
    size, numbers = request.param
    # A short window keeps NumPy quick; what differs between sizes is not its length.
    dims = replace(one_layer_each(SIZES[size]), n_audio_ctx=60)
    weights = {
        name: values.astype(np.float16) if values.ndim > 1 else values
        for name, values in random_weights(dims, seed=len(size)).items()
    }
    mels = np.random.default_rng(5).normal(0, 1, (N_WINDOWS, dims.n_mels, 2 * dims.n_audio_ctx)).astype(np.float32)
    truth = in_float64(weights)
    true_features = np.stack([encode(truth, dims, mel.astype(np.float64)) for mel in mels])
    true_logits = np.stack([decode_logits(truth, dims, TOKENS, features) for features in true_features])
    features, logits = computed(dims, weights, mels, is_int16=numbers != "float32")
    return Sample((true_features, features), (true_logits, logits), TOLERANCES[numbers])


def computed(
    dims: ModelDimensions, weights: dict[str, NDArray], mels: NDArray, *, is_int16: bool
) -> tuple[NDArray, NDArray]:
    """Features (n_windows, n_audio_ctx, n_audio_state) and logits (n_windows, n_tokens, n_vocab)."""
    from max.dtype import DType

    from engine.devices import choose_compute
    from engine.graph import SpecialIds
    from engine.networks import Networks
    from engine.progress import say_nothing

    compute = choose_compute("cpu")
    if is_int16 and not compute.target.is_int16:
        pytest.skip("no VNNI: this processor multiplies floats")
    exact = replace(compute, target=replace(compute.target, cross_dtype=DType.float32, is_int16=is_int16))
    networks = Networks(Checkpoint(dims, weights, (), (), (), ()), SpecialIds(50362, 50364), exact, say_nothing)
    decoder = networks.decoder(networks.encode(list(mels)), np.zeros((1, dims.n_vocab), np.float32))
    logits, at = [], 0
    for n in PASSES:
        row = Row(TOKENS[at : at + n], range(n), [UNRESTRICTED] * n)
        logits.append(decoder.advance([row] * len(mels)).fetch_logits())
        at += n
    return np.stack([networks.features(mel) for mel in mels]), np.concatenate(logits, axis=1)


@pytest.mark.max
def test_its_encoder_is_numpys(sample: Sample) -> None:
    assert relative_error(*sample.features) < sample.tolerance


@pytest.mark.max
def test_its_decoder_is_numpys(sample: Sample) -> None:
    truth, logits = sample.logits

    assert relative_error(truth, logits) < sample.tolerance
    assert truth.argmax(axis=-1).tolist() == logits.argmax(axis=-1).tolist()


def relative_error(truth: NDArray, found: NDArray) -> float:
    assert truth.shape == found.shape
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))
