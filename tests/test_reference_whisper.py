"""The NumPy Whisper that graphs are held against: its parts by their definitions, the whole by CTranslate2."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from make_golden_log_mel import synthetic_audio
from make_golden_reference import POSITIONS, SOT_SEQUENCE, STATES, VOCABULARY
from reference_whisper import (
    convolve,
    decode,
    decode_logits,
    encode,
    erf,
    in_float64,
    layer_norm,
    multi_head_attention,
    random_weights,
)
from speech import read_clip

from engine.checkpoint import Checkpoint, read_checkpoint
from engine.config import ModelDimensions
from engine.log_mel import log_mel_spectrogram
from engine.packaged import checkpoint_folder
from engine.tokenizer import Tokenizer

DIMENSIONS = ModelDimensions(
    n_mels=8,
    n_audio_ctx=20,
    n_audio_state=32,
    n_audio_head=2,
    n_audio_layer=2,
    n_vocab=50,
    n_text_ctx=16,
    n_text_state=32,
    n_text_head=4,
    n_text_layer=2,
)
WEIGHTS = in_float64(random_weights(DIMENSIONS, seed=1))
RNG = np.random.default_rng(2)
MEL = RNG.normal(0, 1, (8, 40))
TOKENS = [3, 14, 15, 9, 26]


def test_erf_is_the_error_function():
    x = np.concatenate([np.linspace(-7, 7, 20_001), [0.0, 1e-300, 1e-9, 40.0, -40.0]])
    np.testing.assert_allclose(erf(x), [math.erf(value) for value in x], rtol=0, atol=1e-15)


def test_layer_norm_leaves_mean_and_variance_of_the_weights():
    weights = {"norm.weight": np.full(64, 3.0), "norm.bias": np.full(64, 5.0)}
    rows = layer_norm(weights, "norm", RNG.normal(7, 2, (4, 64)))
    np.testing.assert_allclose(rows.mean(axis=1), 5.0)
    np.testing.assert_allclose(rows.std(axis=1), 3.0, rtol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_equals_its_sum(stride: int):
    weights = {"conv.weight": RNG.normal(0, 1, (3, 4, 3)), "conv.bias": RNG.normal(0, 1, 3)}
    x = RNG.normal(0, 1, (10, 4))
    rows = [np.zeros(4), *x, np.zeros(4)]
    expected = [
        weights["conv.bias"] + sum(weights["conv.weight"][:, :, tap] @ rows[t + tap] for tap in range(3))
        for t in range(0, 10, stride)
    ]
    np.testing.assert_allclose(convolve(weights, "conv", x, stride), expected)


def test_attention_equals_its_sum_head_by_head():
    query, key, value = RNG.normal(0, 1, (3, 8)), RNG.normal(0, 1, (5, 8)), RNG.normal(0, 1, (5, 8))
    mixed, shares = multi_head_attention(query, key, value, 2)
    for head, part in enumerate((slice(0, 4), slice(4, 8))):
        for i in range(3):
            powers = np.array([math.exp(query[i, part] @ key[j, part] / 2) for j in range(5)])
            np.testing.assert_allclose(shares[head, i], powers / powers.sum())
            np.testing.assert_allclose(mixed[i, part], powers @ value[:, part] / powers.sum())


def test_no_token_sees_a_later_one():
    features = encode(WEIGHTS, DIMENSIONS, MEL)
    whole = decode_logits(WEIGHTS, DIMENSIONS, TOKENS, features)
    for n in range(1, len(TOKENS)):
        prefix = decode_logits(WEIGHTS, DIMENSIONS, TOKENS[:n], features)
        np.testing.assert_allclose(prefix, whole[:n], rtol=1e-10, atol=1e-12)


def test_every_weight_matters():
    """A weight that is never read leaves the output as it was, and a graph that forgets it would pass."""
    features = encode(WEIGHTS, DIMENSIONS, MEL)
    logits = decode_logits(WEIGHTS, DIMENSIONS, TOKENS, features)
    for name, values in WEIGHTS.items():
        changed = WEIGHTS | {name: values + np.linspace(0.5, 1, values.size).reshape(values.shape)}
        heard = encode(changed, DIMENSIONS, MEL) if name.startswith("encoder.") else features
        assert np.abs(decode_logits(changed, DIMENSIONS, TOKENS, heard) - logits).max() > 1e-3, name


def test_a_shorter_context_uses_the_first_positions():
    features = encode(WEIGHTS, DIMENSIONS, MEL[:, :24])
    assert features.shape == (12, 32)
    positions = np.concatenate([WEIGHTS["encoder.positions"][:12], np.full((8, 32), np.nan)])
    assert np.array_equal(features, encode(WEIGHTS | {"encoder.positions": positions}, DIMENSIONS, MEL[:, :24]))
    logits, looked_at = decode(WEIGHTS, DIMENSIONS, TOKENS, features)
    assert logits.shape == (5, 50)
    assert [shares.shape for shares in looked_at] == [(4, 5, 12)] * 2
    np.testing.assert_allclose(np.sum(looked_at, axis=-1), 1.0)


def test_float32_and_float64_agree():
    weights = random_weights(DIMENSIONS, seed=1)
    features = encode(weights, DIMENSIONS, MEL.astype(np.float32))
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, encode(WEIGHTS, DIMENSIONS, MEL), rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def tiny_en() -> Checkpoint:
    checkpoint = read_checkpoint(checkpoint_folder("tiny.en"))
    return replace(checkpoint, weights={name: v.astype(np.float32) for name, v in checkpoint.weights.items()})


@pytest.mark.weights
def test_equals_ctranslate2(tiny_en: Checkpoint):
    golden = np.load(Path(__file__).parent / "golden" / "reference.npz")
    features = encode(tiny_en.weights, tiny_en.dimensions, log_mel_spectrogram(synthetic_audio()))
    assert relative_error(features[POSITIONS, STATES], golden["features"]) < 1e-4
    tokens = [*SOT_SEQUENCE, *golden["tokens"]]
    logits = decode_logits(tiny_en.weights, tiny_en.dimensions, tokens, features)[len(SOT_SEQUENCE) - 1 : -1]
    assert relative_error(logits[:, VOCABULARY], golden["logits"]) < 1e-4
    assert logits.argmax(axis=1).tolist() == golden["tokens"].tolist()


def relative_error(values: np.ndarray, golden: np.ndarray) -> float:
    return float(np.linalg.norm(values - golden) / np.linalg.norm(golden))


@pytest.mark.weights
def test_hears_what_kennedy_said(tiny_en: Checkpoint, audio_folder: Path):
    """One pass over the expected text: greedy decoding finds it if every token is the best guess after those before."""
    tokenizer = Tokenizer(tiny_en.vocabulary)
    said = " And so my fellow Americans ask not what your country can do for you, ask what you can do for your country."
    prompt, text = tokenizer.sot_sequence(), tokenizer.encode(said)
    mel = log_mel_spectrogram(read_clip(audio_folder / "formats" / "jfk_44k1_stereo.flac"))
    features = encode(tiny_en.weights, tiny_en.dimensions, mel)
    logits = decode_logits(tiny_en.weights, tiny_en.dimensions, [*prompt, *text], features)[len(prompt) - 1 :]
    logits[:, list(tiny_en.suppress_ids)] = -np.inf
    logits[:, tokenizer.first_timestamp :] = -np.inf
    logits[0, list(tiny_en.begin_suppress_ids)] = -np.inf
    best = logits.argmax(axis=1).tolist()
    assert tokenizer.decode(best) == said
    assert best == [*text, tokenizer.eot]
