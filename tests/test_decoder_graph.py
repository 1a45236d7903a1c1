"""The text decoder, compiled, against NumPy: passes, rules, batches, and what is forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from max.dtype import DType
from max.graph import TensorValue, ops
from numpy.typing import NDArray
from small_model import (
    DIMS,
    FILTERS,
    IDS,
    MEL,
    RNG,
    TOKENS,
    close,
    log_softmax,
    run,
)

from engine import graph as graphs
from engine.batch_decoder import BatchDecoder
from engine.decoding import Row
from engine.encoded import EncodedAudio
from engine.networks import Networks
from engine.rules import UNRESTRICTED, Filter, Rule

pytestmark = [pytest.mark.max, pytest.mark.usefixtures("kernels_built_once")]

ALL_TIMES = (IDS.first_timestamp, DIMS.n_vocab)
ANY = Rule(Filter.ANYWHERE, ALL_TIMES)


def row(tokens: list[int], sampled: Sequence[int] | None = None, rule: Rule = UNRESTRICTED) -> Row:
    sampled = range(len(tokens)) if sampled is None else sampled
    return Row(tokens, sampled, [rule] * len(sampled))


def text_logprobs(logits: NDArray) -> NDArray:
    return log_softmax(logits[:, : IDS.first_timestamp])


def test_encoder_and_decoder_together(networks: Networks, logits: NDArray) -> None:
    found = networks.decoder(networks.encode([MEL]), FILTERS).advance([row(TOKENS)])

    assert logits[:, : IDS.first_timestamp].argmax(axis=1).tolist() == found.ids[0].tolist()
    close(text_logprobs(logits).max(axis=1), found.logprobs[0])
    close(log_softmax(logits)[:, IDS.no_speech], found.no_speech[0])
    close(logits, found.fetch_logits()[0])


def test_rules_hold_for_picks_and_not_for_no_speech(networks: Networks, logits: NDArray) -> None:
    rules = [Rule(Filter.AT_START), UNRESTRICTED, Rule(Filter.TIME, (270, 290))]
    found = networks.decoder(networks.encode([MEL]), FILTERS).advance([Row(TOKENS, [2, 4, 5], rules)])

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
    decoder = networks.decoder(networks.encode([MEL]), FILTERS)

    close(text_logprobs(logits).max(axis=1), logprobs_of(decoder, passes))


def test_what_was_truncated_leaves_no_trace(networks: Networks, logits: NDArray) -> None:
    decoder = networks.decoder(networks.encode([MEL]), FILTERS)
    logprobs_of(decoder, [3])
    decoder.advance([row([11, 12, 13, 14], [3])])
    decoder.truncate([3])
    last = decoder.advance([row(TOKENS[3:])])

    close(text_logprobs(logits).max(axis=1)[3:], last.logprobs[0])


def test_two_decoders_do_not_touch_each_other(networks: Networks, logits: NDArray) -> None:
    encoded: EncodedAudio = networks.encode([MEL])
    one, other = networks.decoder(encoded, FILTERS), networks.decoder(encoded, FILTERS)
    first = logprobs_of(one, [4])
    other.advance([row([200, 201, 202, 203, 204], [4])])
    rest = one.advance([row(TOKENS[4:])]).logprobs[0]

    close(text_logprobs(logits).max(axis=1), np.concatenate([first, rest]))


def test_rows_of_a_batch_are_as_if_alone(networks: Networks) -> None:
    """Each row has audio of its own length, its own number of tokens a pass, some forgotten again; some end midway."""
    mels = [MEL[:, :20], MEL[:, ::-1], MEL[:, :14] * np.float32(0.5)]
    texts = [[3, 141, 59, 265, 35, 89, 79, 12], [5, 6, 7, 8, 9, 10, 11, 12], [200, 100, 50, 25, 12, 6, 3, 1]]
    alone = [
        networks.decoder(networks.encode([mel]), FILTERS).advance([row(text, rule=ANY)])
        for mel, text in zip(mels, texts, strict=True)
    ]
    decoder = networks.decoder(networks.encode(mels), FILTERS)
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
    assert decoder.keep([2])
    advance([2], [1])
    advance([2], [2])

    for i, n in enumerate([3, 5, 8]):
        close(alone[i].logprobs[0, :n], np.array(found[i]), 1e-4)


def test_a_window_taken_out_of_a_batch_is_as_if_alone(networks: Networks) -> None:
    mels = [MEL[:, :20], MEL[:, ::-1], MEL[:, :14] * np.float32(0.5)]
    batch = networks.encode(mels)

    for i, mel in enumerate(mels):
        for expected, found in zip(networks.encode([mel]).cross_kv, batch.window(i).cross_kv, strict=True):
            np.testing.assert_array_equal(expected.to_numpy(), found.to_numpy())


def test_several_rows_look_at_one_window(networks: Networks) -> None:
    encoded = networks.encode([MEL, MEL * np.float32(0.5)])
    texts = [[3, 141, 59], [265, 35, 89], [11, 12, 13], [14, 15, 16]]
    found = networks.decoder(encoded, FILTERS, n_rows_per_window=2).advance([row(text, rule=ANY) for text in texts])

    for i, text in enumerate(texts):
        mel = MEL * np.float32(1.0 if i < 2 else 0.5)
        alone = networks.decoder(networks.encode([mel]), FILTERS).advance([row(text, rule=ANY)])
        close(alone.logprobs[0], found.logprobs[i], 1e-4)


def logprobs_of(decoder: BatchDecoder, passes: list[int]) -> NDArray:
    found, at = [], 0
    for n in passes:
        found.append(decoder.advance([row(TOKENS[at : at + n])]).logprobs[0])
        at += n
    return np.concatenate(found)
