"""Steps that are captured once and replayed in a lasting memory, on a device that is played by the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from max.driver import CPU, Buffer
from max.engine import InferenceSession, Model
from numpy.typing import NDArray
from small_model import DIMS, FILTERS, MEL, RNG, TARGET, TOKENS, close

from engine import captured_steps
from engine.batch_decoder import BatchDecoder, DecoderParts
from engine.captured_steps import MOST_ROWS, CapturedSteps
from engine.decoding import Row
from engine.devices import choose_compute
from engine.encoded import EncodedAudio
from engine.networks import Networks
from engine.rearrangement_graph import rearrangement_graph
from engine.rules import UNRESTRICTED

pytestmark = pytest.mark.max

N_STEPS = len(TOKENS) - 2


class DeviceModel:
    """Captures and replays as a device does: what is replayed reads and writes the very places that were captured."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.captured: dict[int, tuple[tuple[Buffer, ...], list[Buffer]]] = {}
        self.n_replays = 0

    def execute(self, *inputs: Buffer) -> list[Buffer]:
        outputs: list[Buffer] = self._model.execute(*inputs)
        return outputs

    def capture(self, key: int, *inputs: Buffer) -> list[Buffer]:
        assert key not in self.captured
        outputs = self.execute(*inputs)
        for output in outputs:
            output.to_numpy()[...] = 0  # nothing ran yet
        self.captured[key] = (inputs, outputs)
        return outputs

    def replay(self, key: int, *inputs: Buffer) -> None:
        places, outputs = self.captured[key]
        assert all(a is b for a, b in zip(places, inputs, strict=True))
        self.n_replays += 1
        for place, found in zip(outputs, self.execute(*places), strict=True):
            place.to_numpy()[...] = found.to_numpy()

    def release_captured_graph(self, key: int) -> None:
        del self.captured[key]


@pytest.fixture
def device(networks: Networks) -> Iterator[DeviceModel]:
    """The networks' decoder as a device runs it, while the test lasts."""
    before, model, compute = networks._parts, DeviceModel(networks._decoder), choose_compute("cpu")
    networks._parts = DecoderParts(model, DIMS, before.compute, None, CapturedSteps(model, DIMS, compute))
    yield model
    networks._parts = before


@pytest.fixture(scope="module")
def rearranger() -> Model:
    session = InferenceSession(devices=[CPU()])
    return session.init(session.compile(rearrangement_graph(DIMS, TARGET)))


def given(tokens: Sequence[int]) -> Row:
    return Row(tokens, range(len(tokens)), [UNRESTRICTED] * len(tokens))


def logits_of(decoder: BatchDecoder, n_rows: int = 1) -> NDArray[np.float32]:
    """Two tokens in a pass, the others one by one: (n_rows, n_tokens, n_vocab)."""
    passes = [TOKENS[:2], *([token] for token in TOKENS[2:])]
    return np.concatenate([decoder.advance([given(tokens)] * n_rows).fetch_logits() for tokens in passes], axis=1)


def test_replayed_steps_are_right(networks: Networks, device: DeviceModel, logits: NDArray) -> None:
    close(logits, logits_of(networks.decoder(networks.encode([MEL]), FILTERS))[0])

    assert device.n_replays == len(device.captured) == N_STEPS


def test_what_was_captured_serves_other_windows(networks: Networks, device: DeviceModel, logits: NDArray) -> None:
    other = networks.encode([RNG.normal(0, 1, MEL.shape).astype(np.float32)])
    first = logits_of(networks.decoder(other, FILTERS))[0]
    second = logits_of(networks.decoder(networks.encode([MEL]), FILTERS))[0]
    third = logits_of(networks.decoder(other, FILTERS))[0]

    close(logits, second)
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(first, third)
    assert len(device.captured) == N_STEPS


def test_what_was_captured_serves_other_texts(networks: Networks, device: DeviceModel, logits: NDArray) -> None:
    encoded = networks.encode([MEL])
    other = networks.decoder(encoded, FILTERS)
    other.advance([given(TOKENS[:2])])
    for token in TOKENS[:1:-1]:
        other.advance([given([token])])
    del other

    close(logits, logits_of(networks.decoder(encoded, FILTERS))[0])
    assert len(device.captured) == N_STEPS


def test_other_filters_of_the_same_size_hold(networks: Networks, device: DeviceModel) -> None:
    encoded = networks.encode([MEL])
    logits_of(networks.decoder(encoded, FILTERS))
    only_42 = np.full_like(FILTERS, -np.inf)
    only_42[:, 42] = 0
    decoder = networks.decoder(encoded, only_42)
    decoder.advance([given(TOKENS[:2])])

    assert decoder.advance([given(TOKENS[2:3])]).ids.tolist() == [[42]]
    assert len(device.captured) == N_STEPS


def test_who_comes_while_the_memory_is_lent_has_one_of_his_own(
    networks: Networks, device: DeviceModel, logits: NDArray
) -> None:
    encoded: EncodedAudio = networks.encode([MEL])
    one, other = networks.decoder(encoded, FILTERS), networks.decoder(encoded, FILTERS)
    first = one.advance([given(TOKENS[:4])]).fetch_logits()[0]
    for token in (200, 201, 202, 203, 204):
        other.advance([given([token])])
    assert device.n_replays == 0
    rest = [one.advance([given([token])]).fetch_logits()[0] for token in TOKENS[4:]]

    close(logits, np.concatenate([first, *rest]))
    assert device.n_replays == len(rest)


def test_rows_change_places_on_the_device(networks: Networks, device: DeviceModel, rearranger: Model) -> None:
    """As beams ask for it: the graph does to the cache what NumPy does on the host."""
    encoded = networks.encode([MEL])

    def logits_after_moving() -> NDArray[np.float32]:
        decoder = networks.decoder(encoded, FILTERS, 3)
        for tokens in ((3, 141, 59), (265, 35, 89)):
            decoder.advance([given([token]) for token in tokens])
        decoder.rearrange([2, 0, 0])
        return decoder.advance([given([79])] * 3).fetch_logits()

    on_the_device = networks._parts
    networks._parts = replace(on_the_device, steps=None)
    by_numpy = logits_after_moving()
    networks._parts = replace(on_the_device, rearranger=rearranger)

    close(by_numpy, logits_after_moving())
    assert np.abs(by_numpy[0] - by_numpy[1]).max() > 0.01
    np.testing.assert_array_equal(by_numpy[1], by_numpy[2])


def test_a_batch_is_replayed_too_unless_it_is_large(networks: Networks, device: DeviceModel, logits: NDArray) -> None:
    for n_rows in (3, MOST_ROWS + 1):
        encoded = networks.encode([MEL])
        for found in logits_of(networks.decoder(encoded, FILTERS, n_rows), n_rows):
            close(logits, found)

    assert device.n_replays == N_STEPS


def test_the_oldest_memories_are_given_back(
    networks: Networks, device: DeviceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured_steps, "_MOST_MEMORIES", 2)
    for n_rows in (1, 2, 1, 3):
        logits_of(networks.decoder(networks.encode([MEL]), FILTERS, n_rows), n_rows)
    assert {inputs[0].shape[0] for inputs, _ in device.captured.values()} == {1, 3}
    before = device.n_replays
    logits_of(networks.decoder(networks.encode([MEL]), FILTERS), 1)

    assert device.n_replays == before + N_STEPS
    assert len(device.captured) == 2 * N_STEPS


def test_a_memory_that_is_lent_is_kept(
    networks: Networks, device: DeviceModel, logits: NDArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured_steps, "_MOST_MEMORIES", 1)
    encoded = networks.encode([MEL])
    slow = networks.decoder(encoded, FILTERS)
    found = [slow.advance([given([token])]).fetch_logits()[0] for token in TOKENS[:3]]
    for n_rows in (2, 3):
        logits_of(networks.decoder(encoded, FILTERS, n_rows), n_rows)
    found += [slow.advance([given([token])]).fetch_logits()[0] for token in TOKENS[3:]]

    close(logits, np.concatenate(found))
    assert {inputs[0].shape[0] for inputs, _ in device.captured.values()} == {1, 3}


def test_a_long_text(networks: Networks, device: DeviceModel) -> None:
    encoded = networks.encode([MEL] * 4)
    tokens = RNG.integers(0, DIMS.n_vocab, 30).tolist()
    replayed = networks.decoder(encoded, FILTERS)
    found = [replayed.advance([given([token])] * 4).logprobs for token in tokens]
    eager = networks.decoder(encoded, FILTERS)  # while the other one has the lasting memory
    expected = [eager.advance([given([token])] * 4).logprobs for token in tokens]

    np.testing.assert_allclose(expected, found, atol=1e-5)
    assert device.n_replays == 30
