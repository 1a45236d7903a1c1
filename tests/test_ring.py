"""RingBuffer against a plain list of everything that was appended."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.audio import AudioChunk
from stream.ring import RingBuffer


def counting_chunk(start_sample: int, length: int) -> AudioChunk:
    """A chunk whose every sample is its own index."""
    return AudioChunk(np.arange(start_sample, start_sample + length).astype(np.int16), start_sample)


@given(
    capacity=st.integers(1, 40),
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(0, 30)), max_size=20),
)
def test_matches_a_model_that_keeps_everything(capacity: int, steps: list[tuple[int, int, int]]) -> None:
    ring = RingBuffer(capacity)
    held: list[int] = []
    end, wanted = 0, 0
    for gap, length, released in steps:
        dropped = held if gap else []
        held = [] if gap else held
        chunk = counting_chunk(end + gap, length)
        end = chunk.end_sample
        everything = held + list(range(chunk.start_sample, end))
        held = everything[-capacity:]
        dropped = dropped + everything[: len(everything) - len(held)]
        assert ring.append(chunk) == sum(index >= wanted for index in dropped)
        wanted = max(wanted, end - released)
        ring.release(end - released)
        assert (ring.start_sample, ring.end_sample) == (end - len(held), end)
        assert ring.read(ring.start_sample, end).tolist() == held


def test_what_nobody_wants_is_not_lost() -> None:
    ring = RingBuffer(10)
    ring.append(counting_chunk(0, 8))
    ring.release(3)
    assert ring.append(counting_chunk(8, 5)) == 0
    assert ring.append(counting_chunk(13, 1)) == 1


def test_read_returns_a_private_copy() -> None:
    ring = RingBuffer(4)
    ring.append(counting_chunk(0, 4))
    copy = ring.read(0, 4)
    ring.append(counting_chunk(4, 4))
    assert copy.tolist() == [0, 1, 2, 3]
    assert copy.dtype == np.int16


@pytest.mark.parametrize(("start_sample", "end_sample"), [(1, 4), (4, 9), (6, 5)])
def test_read_outside_what_is_held_says_what_is_held(start_sample: int, end_sample: int) -> None:
    ring = RingBuffer(6)
    ring.append(counting_chunk(0, 8))
    with pytest.raises(ValueError, match=r"the ring holds \[2, 8\)"):
        ring.read(start_sample, end_sample)


def test_a_chunk_from_the_past_is_refused() -> None:
    ring = RingBuffer(6)
    ring.append(counting_chunk(0, 4))
    with pytest.raises(ValueError, match="must start at 4 or later, got 3"):
        ring.append(counting_chunk(3, 4))


def test_capacity_must_be_positive() -> None:
    with pytest.raises(ValueError, match="capacity_samples must be > 0, got 0"):
        RingBuffer(0)
