"""Each part of the networks, compiled, against NumPy: attention, layers, encoder, decoder, the model as a whole.

A small model with random weights, so that nothing is right by luck; sizes differ from one another wherever they may.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from max.driver import CPU
from max.dtype import DType
from max.engine import InferenceSession
from max.graph import DeviceRef, Graph, TensorType, TensorValue
from numpy.typing import NDArray
from reference_whisper import (
    decode_logits,
    encode,
    encoder_layer,
    in_float64,
    multi_head_attention,
    random_weights,
)
from reference_whisper import linear as reference_linear

from engine import graph as graphs
from engine.checkpoint import Checkpoint
from engine.config import ModelDimensions
from engine.decoding import Filter
from engine.devices import choose_compute
from engine.layers import Scope, Target, attention, linear, split_heads
from engine.networks import EncodedAudio, Networks, WindowDecoder, causal_mask
from engine.progress import say_nothing

pytestmark = pytest.mark.max

DIMS = ModelDimensions(
    n_mels=16,
    n_audio_ctx=40,
    n_audio_state=128,
    n_audio_head=2,
    n_audio_layer=2,
    n_vocab=300,
    n_text_ctx=32,
    n_text_state=128,
    n_text_head=2,
    n_text_layer=2,
)
WEIGHTS = random_weights(DIMS, seed=1)
TRUTH = in_float64(WEIGHTS)
TARGET = Target(DeviceRef.CPU(), DType.float32)
NO_SPEECH_ID = 7
TOKENS = [3, 141, 59, 265, 35, 89, 79]
RNG = np.random.default_rng(2)
MEL = RNG.normal(0, 1, (DIMS.n_mels, 2 * DIMS.n_audio_ctx)).astype(np.float32)


@pytest.fixture(scope="module")
def networks() -> Networks:
    filters = np.zeros((len(Filter), DIMS.n_vocab), np.float32)
    filters[Filter.AT_START, 100:] = -np.inf
    checkpoint = Checkpoint("random", DIMS, WEIGHTS, (), (), (), ())
    return Networks(checkpoint, NO_SPEECH_ID, filters, choose_compute("cpu"), say_nothing)


@pytest.fixture(scope="module")
def features() -> NDArray[np.float64]:
    return encode(TRUTH, DIMS, MEL.astype(np.float64))


@pytest.fixture(scope="module")
def logits(features: NDArray[np.float64]) -> NDArray[np.float64]:
    return decode_logits(TRUTH, DIMS, TOKENS, features)


def run(shapes: list[list[str | int]], build: Callable[..., list[TensorValue]], *inputs: NDArray) -> list[NDArray]:
    """Compile what ``build`` makes of symbolic inputs, and run it on ``inputs``."""
    types = [TensorType(DType.float32, shape, TARGET.device) for shape in shapes]
    with Graph("part", input_types=types) as graph:
        graph.output(*build(*(value.tensor for value in graph.inputs)))
    session = InferenceSession(devices=[CPU()])
    model = session.init(session.compile(graph), weights_registry=WEIGHTS)
    return [output.to_numpy() for output in model.execute(*(np.asarray(x, np.float32) for x in inputs))]


def test_attention_and_a_layer() -> None:
    x, audio = RNG.normal(0, 1, (2, 9, 128)), RNG.normal(0, 1, (2, 13, 128))
    mask = causal_mask(0, 9)

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


def close(expected: NDArray, found: NDArray, tolerance: float = 1e-5) -> None:
    assert expected.shape == found.shape
    assert np.abs(expected - found).max() < tolerance * max(1.0, np.abs(expected).max())


def test_encoder(networks: Networks, features: NDArray) -> None:
    close(features, networks.encode(MEL).features.to_numpy()[0])


@pytest.mark.parametrize("n_audio_ctx", [1, 2, 17])
def test_encoder_with_a_short_context(networks: Networks, n_audio_ctx: int) -> None:
    mel = MEL[:, : 2 * n_audio_ctx]

    close(encode(TRUTH, DIMS, mel.astype(np.float64)), networks.encode(mel).features.to_numpy()[0])


def test_cross_kv_is_that_of_the_features(networks: Networks, features: NDArray) -> None:
    for layer in range(DIMS.n_text_layer):
        name = f"decoder.layers.{layer}.cross_attention.kv"
        both = features @ TRUTH[f"{name}.weight"].T + TRUTH[f"{name}.bias"]
        found = networks.encode(MEL).cross_kv[2 * layer : 2 * layer + 2]
        close(both, np.concatenate([kv.to_numpy().reshape(DIMS.n_audio_ctx, 128) for kv in found], axis=1))


def test_encoder_and_decoder_together(networks: Networks, logits: NDArray) -> None:
    n = len(TOKENS)
    found = networks.decoder(networks.encode(MEL)).advance(TOKENS, range(n), [Filter.ANYWHERE] * n)

    assert logits.argmax(axis=1).tolist() == found.ids.tolist()
    close(log_softmax(logits).max(axis=1), found.logprobs)
    close(log_softmax(logits)[:, NO_SPEECH_ID], found.no_speech)


def test_filters_hold_for_picks_and_not_for_no_speech(networks: Networks, logits: NDArray) -> None:
    found = networks.decoder(networks.encode(MEL)).advance(TOKENS, [2, 4], [Filter.AT_START, Filter.ANYWHERE])

    assert [logits[2, :100].argmax(), logits[4].argmax()] == found.ids.tolist()
    close(np.array([log_softmax(logits[2:3, :100]).max(), log_softmax(logits[4:5]).max()]), found.logprobs)
    close(log_softmax(logits)[[2, 4], NO_SPEECH_ID], found.no_speech)


@pytest.mark.parametrize("passes", [[1] * 7, [2, 1, 3, 1], [6, 1]])
def test_cached_steps_equal_one_pass(networks: Networks, logits: NDArray, passes: list[int]) -> None:
    decoder = networks.decoder(networks.encode(MEL))

    close(log_softmax(logits).max(axis=1), logprobs_of(decoder, passes))


def test_what_was_truncated_leaves_no_trace(networks: Networks, logits: NDArray) -> None:
    decoder = networks.decoder(networks.encode(MEL))
    logprobs_of(decoder, [3])
    decoder.advance([11, 12, 13, 14], [3], [Filter.ANYWHERE])
    decoder.truncate(3)
    last = decoder.advance(TOKENS[3:], range(4), [Filter.ANYWHERE] * 4)

    close(log_softmax(logits).max(axis=1)[3:], last.logprobs)


def test_two_windows_do_not_touch_each_other(networks: Networks, logits: NDArray) -> None:
    encoded: EncodedAudio = networks.encode(MEL)
    one, other = networks.decoder(encoded), networks.decoder(encoded)
    first = logprobs_of(one, [4])
    other.advance([200, 201, 202, 203, 204], [4], [Filter.ANYWHERE])
    rest = one.advance(TOKENS[4:], range(3), [Filter.ANYWHERE] * 3).logprobs

    close(log_softmax(logits).max(axis=1), np.concatenate([first, rest]))


def logprobs_of(decoder: WindowDecoder, passes: list[int]) -> NDArray:
    found, at = [], 0
    for n in passes:
        found.append(decoder.advance(TOKENS[at : at + n], range(n), [Filter.ANYWHERE] * n).logprobs)
        at += n
    return np.concatenate(found)


def log_softmax(x: NDArray) -> NDArray:
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def test_a_python_started_by_this_process_keeps_its_environment() -> None:
    prefix = subprocess.check_output([sys.executable, "-c", "import sys; print(sys.prefix)"], text=True)
    assert prefix.strip() == sys.prefix
