"""Arrays on their way to a device: each by itself, or all in one copy, come out as they were."""

from __future__ import annotations

import numpy as np
import pytest
from max.driver import CPU
from numpy.typing import NDArray
from small_model import FILTERS, MEL, TOKENS, close

from engine.decoding import Row
from engine.devices import place_each, place_together
from engine.networks import Networks
from engine.rules import UNRESTRICTED

pytestmark = pytest.mark.max

ARRAYS: list[NDArray[np.generic]] = [
    np.arange(5, dtype=np.int64)[None],
    np.full((2, 1, 300), -np.inf, np.float32),
    np.zeros((3, 0), np.int64),
    np.arange(12, dtype=np.int64).reshape(2, 3, 2)[:, ::2],
    np.array(7, np.int64),
]


@pytest.mark.parametrize("place", [place_each, place_together])
@pytest.mark.parametrize("arrays", [ARRAYS, ARRAYS[2:3], ARRAYS[::-1]])
def test_arrays_arrive_as_they_are(place: type, arrays: list[NDArray]) -> None:
    found = [buffer.to_numpy() for buffer in place(arrays, CPU())]

    assert [(a.dtype, a.shape, a.tolist()) for a in arrays] == [(a.dtype, a.shape, a.tolist()) for a in found]


def test_a_decoder_may_have_its_inputs_in_one_copy(
    networks: Networks, logits: NDArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU."""
    monkeypatch.setattr("engine.batch_decoder.place_each", place_together)
    decoder = networks.decoder(networks.encode([MEL]), FILTERS)
    found = [
        decoder.advance([Row(tokens, range(len(tokens)), [UNRESTRICTED] * len(tokens))]).fetch_logits()[0]
        for tokens in (TOKENS[:4], TOKENS[4:5], TOKENS[5:])
    ]

    close(logits, np.concatenate(found))
