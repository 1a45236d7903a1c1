"""Each part of the networks, compiled, against NumPy: attention, layers, encoder, decoder, the model as a whole.

A small model with random weights, so that nothing is right by luck; sizes differ from one another wherever they may.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from max.driver import CPU
from max.dtype import DType
from max.engine import InferenceSession
from max.graph import DeviceRef, Graph, TensorType, TensorValue, ops
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
from engine.decoding import Row
from engine.devices import choose_compute
from engine.layers import KERNELS, Scope, Target, attention, linear, multiply, split_heads
from engine.networks import BatchDecoder, EncodedAudio, Networks, visibility_mask
from engine.progress import say_nothing
from engine.rules import UNRESTRICTED, Filter, Rule

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
IDS = graphs.SpecialIds(no_speech=7, first_timestamp=260)
TOKENS = [3, 141, 59, 265, 35, 89, 79]
RNG = np.random.default_rng(2)
MEL = RNG.normal(0, 1, (DIMS.n_mels, 2 * DIMS.n_audio_ctx)).astype(np.float32)


@pytest.fixture(scope="module")
def networks() -> Networks:
    filters = np.zeros((len(Filter), DIMS.n_vocab), np.float32)
    filters[Filter.AT_START, 100:] = -np.inf
    filters[Filter.TIME, : IDS.first_timestamp] = -np.inf
    checkpoint = Checkpoint("random", DIMS, WEIGHTS, (), (), (), ())
    return Networks(checkpoint, IDS, filters, choose_compute("cpu"), say_nothing)


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


def close(expected: NDArray, found: NDArray, tolerance: float = 1e-5) -> None:
    assert expected.shape == found.shape
    assert np.abs(expected - found).max() < tolerance * max(1.0, np.abs(expected).max())


def test_encoder(networks: Networks, features: NDArray) -> None:
    close(features, networks.encode(MEL[None]).features.to_numpy()[0])


@pytest.mark.parametrize("n_audio_ctx", [1, 2, 17])
def test_encoder_with_a_short_context(networks: Networks, n_audio_ctx: int) -> None:
    mel = MEL[:, : 2 * n_audio_ctx]

    close(encode(TRUTH, DIMS, mel.astype(np.float64)), networks.encode(mel[None]).features.to_numpy()[0])


def test_cross_kv_is_that_of_the_features(networks: Networks, features: NDArray) -> None:
    for layer in range(DIMS.n_text_layer):
        name = f"decoder.layers.{layer}.cross_attention.kv"
        both = features @ TRUTH[f"{name}.weight"].T + TRUTH[f"{name}.bias"]
        found = networks.encode(MEL[None]).cross_kv[2 * layer : 2 * layer + 2]
        close(both, np.concatenate([kv.to_numpy().reshape(DIMS.n_audio_ctx, 128) for kv in found], axis=1))


ALL_TIMES = (IDS.first_timestamp, DIMS.n_vocab)
ANY = Rule(Filter.ANYWHERE, ALL_TIMES)


def row(tokens: list[int], sampled: Sequence[int] | None = None, rule: Rule = UNRESTRICTED) -> Row:
    sampled = range(len(tokens)) if sampled is None else sampled
    return Row(tokens, sampled, [rule] * len(sampled))


def text_logprobs(logits: NDArray) -> NDArray:
    return log_softmax(logits[:, : IDS.first_timestamp])


def test_encoder_and_decoder_together(networks: Networks, logits: NDArray) -> None:
    found = networks.decoder(networks.encode(MEL[None])).advance([row(TOKENS)])

    assert logits[:, : IDS.first_timestamp].argmax(axis=1).tolist() == found.ids[0].tolist()
    close(text_logprobs(logits).max(axis=1), found.logprobs[0])
    close(log_softmax(logits)[:, IDS.no_speech], found.no_speech[0])
    close(logits, found.fetch_logits()[0])


def test_rules_hold_for_picks_and_not_for_no_speech(networks: Networks, logits: NDArray) -> None:
    rules = [Rule(Filter.AT_START), UNRESTRICTED, Rule(Filter.TIME, (270, 290))]
    found = networks.decoder(networks.encode(MEL[None])).advance([Row(TOKENS, [2, 4, 5], rules)])

    assert [logits[2, :100].argmax(), logits[4, :260].argmax(), 270 + logits[5, 270:290].argmax()] == found.ids[
        0
    ].tolist()
    expected = [log_softmax(x[None]).max() for x in (logits[2, :100], logits[4, :260], logits[5, 270:290])]
    close(np.array(expected), found.logprobs[0])
    close(log_softmax(logits)[[2, 4, 5], IDS.no_speech], found.no_speech[0])


def test_a_timestamp_is_picked_when_all_together_outweigh_every_word() -> None:
    rows = RNG.normal(0, 1, (40, DIMS.n_vocab))
    rows[:, IDS.first_timestamp :] -= np.linspace(-1, 3, 40)[:, None]
    times = np.tile(np.array(ALL_TIMES, np.int64), (1, 40, 1))

    def build(allowed: TensorValue, bounds: TensorValue) -> list[TensorValue]:
        pick, logprob = graphs.most_probable(allowed, ops.cast(bounds, DType.int64), IDS)
        return [ops.cast(pick, DType.float32), logprob]

    picks, logprobs = run([["b", "n", DIMS.n_vocab], ["b", "n", 2]], build, rows[None], times)
    expected = [pick_by_the_book(x) for x in rows]

    assert {True, False} == {id >= IDS.first_timestamp for id, _ in expected}
    assert [id for id, _ in expected] == picks[0].tolist()
    close(np.array([logprob for _, logprob in expected]), logprobs[0])


def pick_by_the_book(logits: NDArray) -> tuple[int, float]:
    """whisper/decoding.py, the last of ApplyTimestampRules, then the argmax."""
    logprobs = log_softmax(logits[None])[0]
    time_logprob = np.log(np.exp(logprobs[IDS.first_timestamp :]).sum())
    if time_logprob > logprobs[: IDS.first_timestamp].max():
        logits = np.where(np.arange(len(logits)) < IDS.first_timestamp, -np.inf, logits)
    return int(logits.argmax()), float(log_softmax(logits[None])[0].max())


@pytest.mark.parametrize("passes", [[1] * 7, [2, 1, 3, 1], [6, 1]])
def test_cached_steps_equal_one_pass(networks: Networks, logits: NDArray, passes: list[int]) -> None:
    decoder = networks.decoder(networks.encode(MEL[None]))

    close(text_logprobs(logits).max(axis=1), logprobs_of(decoder, passes))


def test_what_was_truncated_leaves_no_trace(networks: Networks, logits: NDArray) -> None:
    decoder = networks.decoder(networks.encode(MEL[None]))
    logprobs_of(decoder, [3])
    decoder.advance([row([11, 12, 13, 14], [3])])
    decoder.truncate([3])
    last = decoder.advance([row(TOKENS[3:])])

    close(text_logprobs(logits).max(axis=1)[3:], last.logprobs[0])


def test_two_decoders_do_not_touch_each_other(networks: Networks, logits: NDArray) -> None:
    encoded: EncodedAudio = networks.encode(MEL[None])
    one, other = networks.decoder(encoded), networks.decoder(encoded)
    first = logprobs_of(one, [4])
    other.advance([row([200, 201, 202, 203, 204], [4])])
    rest = one.advance([row(TOKENS[4:])]).logprobs[0]

    close(text_logprobs(logits).max(axis=1), np.concatenate([first, rest]))


def test_rows_of_a_batch_are_as_if_alone(networks: Networks) -> None:
    """Each row has its own audio, its own number of tokens a pass, some forgotten again; some end midway."""
    mels = np.stack([MEL, MEL[:, ::-1], MEL * 0.5])
    texts = [[3, 141, 59, 265, 35, 89, 79, 12], [5, 6, 7, 8, 9, 10, 11, 12], [200, 100, 50, 25, 12, 6, 3, 1]]
    alone = [
        networks.decoder(networks.encode(mel[None])).advance([row(text, rule=ANY)])
        for mel, text in zip(mels, texts, strict=True)
    ]
    decoder = networks.decoder(networks.encode(mels))
    found: list[list[float]] = [[], [], []]

    def advance(rows: list[int], lengths: list[int]) -> None:
        given = [texts[i][len(found[i]) : len(found[i]) + n] for i, n in zip(rows, lengths, strict=True)]
        predicted = decoder.advance([row(tokens, rule=ANY) for tokens in given])
        for i, n, logprobs in zip(rows, lengths, predicted.logprobs, strict=True):
            found[i] += logprobs[:n].tolist()

    advance([0, 1, 2], [2, 5, 1])
    decoder.advance([row([77]), row([78, 79, 80]), Row((), (), ())])
    decoder.truncate([2, 5, 1])
    advance([0, 1, 2], [1, 0, 4])
    assert decoder.keep([0])
    advance([0], [3])
    advance([0], [2])

    for i, n in enumerate([8, 5, 5]):
        close(alone[i].logprobs[0, :n], np.array(found[i]), 1e-4)


def test_several_rows_look_at_one_window(networks: Networks) -> None:
    encoded = networks.encode(np.stack([MEL, MEL * 0.5]))
    texts = [[3, 141, 59], [265, 35, 89], [11, 12, 13], [14, 15, 16]]
    found = networks.decoder(encoded, n_rows_per_window=2).advance([row(text, rule=ANY) for text in texts])

    for i, text in enumerate(texts):
        mel = MEL * (1.0 if i < 2 else 0.5)
        alone = networks.decoder(networks.encode(mel[None].astype(np.float32))).advance([row(text, rule=ANY)])
        close(alone.logprobs[0], found.logprobs[i], 1e-4)


@pytest.mark.parametrize("dtype", [DType.float16, DType.float32])
def test_the_kernel_multiplies(dtype: DType) -> None:
    types = [TensorType(DType.float32, ["n", "k"], TARGET.device), TensorType(dtype, ["m", "k"], TARGET.device)]
    with Graph("kernel", input_types=types, custom_extensions=[KERNELS]) as graph:
        x, matrix = (value.tensor for value in graph.inputs)
        graph.output(multiply(Target(TARGET.device, DType.float32, dtype), x, matrix))
    model = InferenceSession(devices=[CPU()]).load(graph)

    for n_rows, n_in, n_out in [(1, 64, 1), (2, 64, 7), (3, 128, 8), (5, 384, 1153), (15, 64, 4099), (16, 1280, 131)]:
        x, matrix = RNG.normal(0, 1, (n_rows, n_in)), RNG.normal(0, 1, (n_out, n_in)).astype(dtype.to_numpy())
        (product,) = model.execute(x.astype(np.float32), matrix)
        close(x @ matrix.astype(np.float64).T, product.to_numpy())


def logprobs_of(decoder: BatchDecoder, passes: list[int]) -> NDArray:
    found, at = [], 0
    for n in passes:
        found.append(decoder.advance([row(TOKENS[at : at + n])]).logprobs[0])
        at += n
    return np.concatenate(found)


def log_softmax(x: NDArray) -> NDArray:
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def test_a_python_started_by_this_process_keeps_its_environment() -> None:
    prefix = subprocess.check_output([sys.executable, "-c", "import sys; print(sys.prefix)"], text=True)
    assert prefix.strip() == sys.prefix
