"""The virtual clock: delays that follow from what decoding takes, and finals that do not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from fakes import LONG_PAUSE, LoudnessDetector, ReadingModel, speech

from engine.events import DecodeJob, Discarded, Final, Hypothesis, Partial, SpeechStarted, TimedEvent
from engine.options import StreamingOptions
from engine.transcriber import Transcriber
from stream.audio import AudioChunk, n_samples, seconds
from stream.gate import GateOptions
from ui.bench.streaming.virtual_clock import VirtualRun

AUDIO = speech([10, 20, 30, LONG_PAUSE, 40, 50, LONG_PAUSE])
"""Words of 0.3 s with 0.1 s behind each: 0.1 … 1.2 s, and 2.3 … 3.0 s; 4.1 s in all."""


class TimedModel(ReadingModel):
    """Takes a known time for each batch, by a clock of its own, and notes how far audio had come."""

    def __init__(self, *took_s: float) -> None:
        """The last of ``took_s`` is taken again and again."""
        super().__init__()
        self.clock_s = 100.0
        self._took_s = list(took_s)

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.clock_s += self._took_s.pop(0) if len(self._took_s) > 1 else self._took_s[0]
        return super().decode(jobs)


def play(model: TimedModel, *, block_ms: int = 100, options: StreamingOptions | None = None) -> list[TimedEvent]:
    options = options or StreamingOptions()
    run = VirtualRun(Transcriber(LoudnessDetector(), options), model, options.batch_size, lambda: model.clock_s)
    return run.play(AUDIO, n_samples(block_ms / 1000))


def times(events: Sequence[TimedEvent], kind: type) -> list[float]:
    return [round(timed.t_s, 6) for timed in events if isinstance(timed.event, kind)]


def test_an_event_comes_when_its_audio_came_and_its_decoding_was_done() -> None:
    events = play(TimedModel(0.05))

    # A frame is judged when it is whole, with the block of 0.1 s that brings its last sample: the gate opens on the
    # fourth voiced frame, at 0.24 s.
    assert times(events, SpeechStarted) == [0.3, 2.5]
    # The pre-roll reaches to 0 s, so 0.3 s of audio are new at once: 0.05 s later there is text.
    assert times(events, Partial)[:3] == [0.35, 0.55, 0.75]
    # Speech ends at 1.2 s.  A pause is known 0.2 s later, and its trial decoding is done long before the hangover of
    # 0.6 s is over: the final comes with the block that ends the hangover.
    assert times(events, Final) == [1.8, 3.6]


def test_decoding_holds_back_what_comes_meanwhile() -> None:
    events = play(TimedModel(1.0))

    # 0.3 s + 1 s, then all that came meanwhile; the pause is there already at 1.4 s: no partial but the trial final.
    assert times(events, Partial)[:2] == [1.3, 2.3]
    assert times(events, Final) == [3.3, 5.3]


def test_seconds_of_compute_are_added_up() -> None:
    model = TimedModel(0.25)
    run = VirtualRun(Transcriber(LoudnessDetector()), model, 1, lambda: model.clock_s)

    run.play(AUDIO, n_samples(0.1))

    assert run.compute_s == pytest.approx(0.25 * len(model.jobs))


@pytest.mark.parametrize("took_s", [0.0, 0.04, 0.3, 2.0, 60.0])
@pytest.mark.parametrize("block_ms", [20, 50, 100])
def test_neither_the_blocks_nor_the_speed_of_the_model_change_finals(took_s: float, block_ms: int) -> None:
    events = play(TimedModel(took_s), block_ms=block_ms)

    finals = [timed.event.text for timed in events if isinstance(timed.event, Final)]
    assert ["10 20 30", "40 50"] == finals
    at = [timed.t_s for timed in events]
    assert at == sorted(at)


@pytest.mark.parametrize("took_s", [0.0, 0.07, 1.0])
def test_nothing_is_heard_before_it_is_said(took_s: float) -> None:
    for timed in play(TimedModel(took_s), block_ms=20):
        if isinstance(timed.event, Partial | Final | Discarded):
            assert timed.event.end_s + took_s <= timed.t_s + 1e-9


def test_the_model_hears_all_that_came_while_it_worked() -> None:
    partials = [timed for timed in play(TimedModel(0.35)) if isinstance(timed.event, Partial)]

    # Asked at 0.3 s, it is done at 0.65 s, when six blocks were there, and so on.
    assert [(0.65, 0.3), (1.0, 0.6)] == [(round(p.t_s, 6), p.event.end_s) for p in partials[:2]]


def test_what_is_open_at_the_end_becomes_final() -> None:
    model = TimedModel(0.05)
    run = VirtualRun(Transcriber(LoudnessDetector()), model, 1, lambda: model.clock_s)

    events = run.play(AUDIO[: n_samples(0.75)], n_samples(0.1))

    # The last block is half of one.
    assert [0.8] == [round(timed.t_s, 6) for timed in events if isinstance(timed.event, Final)]


class Roomy(Transcriber):
    """Sees to it that no audio comes that it has no room for."""

    def receive_audio(self, chunk: AudioChunk) -> None:
        assert self.wants_audio
        super().receive_audio(chunk)


def test_where_the_core_has_no_room_audio_waits_for_it() -> None:
    options = StreamingOptions(backlog_s=1.2, gate=GateOptions(longest_s=1.2, cut_within_s=0.5))
    model = TimedModel(7.0)

    events = VirtualRun(Roomy(LoudnessDetector(), options), model, 1, lambda: model.clock_s).play(AUDIO, n_samples(0.1))

    heard = [timed.event for timed in events if isinstance(timed.event, Final)]
    assert seconds(len(AUDIO)) - 1.2 < heard[-1].end_s
    assert all(later.start_s >= before.end_s for before, later in pairwise(heard))
