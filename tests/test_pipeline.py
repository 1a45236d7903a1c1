"""Where source, core and model meet: everything is final at the end, whatever ends it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence

import numpy as np
import pytest
from fakes import ListSource, cut, hypothesis

from engine.events import DecodeFailed, DecodeJob, Discarded, Final, Hypothesis, SpeechStarted, Status, TimedEvent
from engine.options import StreamingOptions
from engine.pipeline import transcribe
from stream.audio import AudioChunk
from stream.source import SourceError

RATE = 16_000
SILENCE = np.zeros(RATE, np.int16)


def voice(duration_s: float = 1.0) -> np.ndarray:
    """Sound that WebRTC's detector takes for a voice: pulses at 120 Hz through two resonances."""
    n = int(duration_s * RATE)
    pulses = np.zeros(n)
    pulses[:: RATE // 120] = 1.0
    t = np.arange(400) / RATE
    throat = sum(np.exp(-t * 120) * np.sin(2 * np.pi * f * t) for f in (600, 1100, 2400))
    sound = np.convolve(pulses, throat)[:n]
    return (sound / np.abs(sound).max() * 8000).astype(np.int16)


TALK = np.concatenate([SILENCE, voice(), SILENCE, voice(), SILENCE])


class CountingModel:
    """Hears in every utterance its number; remembers on which thread it was called, and how many at once."""

    def __init__(self) -> None:
        self.threads: set[str] = set()
        self.n_at_once = 0
        self.most_at_once = 0

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.threads.add(threading.current_thread().name)
        self.n_at_once += 1
        self.most_at_once = max(self.most_at_once, self.n_at_once)
        heard = [hypothesis([10 + job.utterance_id]) for job in jobs]
        self.n_at_once -= 1
        return heard


class EndlessSource:
    """Speaks once, then waits for ever: a microphone nobody talks to."""

    name = "endless"

    def __init__(self, talk: np.ndarray | None = None) -> None:
        self.is_closed = False
        self._talk = np.concatenate([SILENCE, voice()]) if talk is None else talk

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        try:
            for chunk in cut(self._talk, lambda: 1600):
                yield chunk
            await asyncio.Event().wait()
        finally:
            self.is_closed = True


def run(source: ListSource, model: CountingModel, options: StreamingOptions | None = None) -> list[TimedEvent]:
    async def collect() -> list[TimedEvent]:
        return [timed async for timed in transcribe(source, model, options)]

    return asyncio.run(collect())


def texts(events: list[TimedEvent]) -> list[str]:
    return [timed.event.text for timed in events if isinstance(timed.event, Final)]


def test_every_utterance_becomes_final() -> None:
    model = CountingModel()
    source = ListSource(cut(TALK, lambda: 1600))
    events = run(source, model)

    assert ["11", "12"] == texts(events)
    assert 2 == sum(isinstance(timed.event, SpeechStarted) for timed in events)
    assert not [timed for timed in events if isinstance(timed.event, Discarded)]
    assert source.is_closed


def test_the_model_runs_on_one_thread_of_its_own_one_job_at_a_time() -> None:
    model = CountingModel()
    run(ListSource(cut(TALK, lambda: 1600)), model)

    assert 1 == len(model.threads)
    assert threading.main_thread().name not in model.threads
    assert 1 == model.most_at_once


def test_time_never_goes_back_and_status_tells_where_the_audio_is() -> None:
    events = run(ListSource(cut(TALK, lambda: 1600)), CountingModel())
    times = [timed.t_s for timed in events]
    statuses = [timed.event for timed in events if isinstance(timed.event, Status)]

    assert sorted(times) == times
    assert len(TALK) / RATE == statuses[-1].now_s
    assert 0.0 == statuses[-1].lag_s
    assert not statuses[-1].is_speech


def test_compute_is_counted_over_the_whole_stream() -> None:
    events = run(ListSource(cut(TALK, lambda: 1600)), CountingModel())
    statuses = [timed.event for timed in events if isinstance(timed.event, Status)]
    computed = [status.compute_s for status in statuses]

    assert sorted(computed) == computed
    assert 0.0 == computed[0] < computed[-1]


def test_what_was_heard_is_final_before_a_source_fails() -> None:
    source = ListSource(cut(TALK[: 2 * RATE], lambda: 1600), SourceError("the microphone is gone"))
    events: list[TimedEvent] = []

    async def collect() -> None:
        async for timed in transcribe(source, CountingModel()):
            events.append(timed)  # noqa: PERF401  # what came before the failure counts

    with pytest.raises(SourceError, match="the microphone is gone"):
        asyncio.run(collect())
    assert ["11"] == texts(events)
    assert source.is_closed


def test_a_source_that_fails_at_once() -> None:
    with pytest.raises(SourceError, match="no such device"):
        run(ListSource([], SourceError("no such device")), CountingModel())


def test_stopping_makes_final_what_was_heard() -> None:
    source = EndlessSource()
    events: list[TimedEvent] = []

    async def stop_when_spoken() -> None:
        stop = asyncio.Event()
        async for timed in transcribe(source, CountingModel(), stop=stop):
            events.append(timed)
            if isinstance(timed.event, Status) and timed.event.now_s >= 2.0:
                stop.set()

    asyncio.run(stop_when_spoken())
    assert ["11"] == texts(events)
    assert source.is_closed


def test_leaving_early_closes_the_source() -> None:
    source = EndlessSource()

    async def leave() -> None:
        events = transcribe(source, CountingModel())
        async for _ in events:
            break
        await events.aclose()

    asyncio.run(leave())
    assert source.is_closed
    assert "model" not in {thread.name.split("_")[0] for thread in threading.enumerate()}


def test_a_failing_model_is_not_silent() -> None:
    class BrokenModel(CountingModel):
        def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
            raise RuntimeError(f"cannot decode utterance {jobs[0].utterance_id}")

    events = [timed.event for timed in run(ListSource(cut(TALK, lambda: 1600)), BrokenModel())]

    failed = [event for event in events if isinstance(event, DecodeFailed) and event.is_lost]
    assert [(1, "RuntimeError: cannot decode utterance 1"), (2, "RuntimeError: cannot decode utterance 2")] == [
        (event.utterance_id, event.reason) for event in failed
    ]
    assert [1, 2] == [event.utterance_id for event in events if isinstance(event, Discarded)]


def test_a_model_that_fails_once_costs_nothing() -> None:
    class StumblingModel(CountingModel):
        n_failures = 0

        def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
            if jobs[0].is_final and self.n_failures == 0:
                self.n_failures += 1
                raise RuntimeError("out of memory")
            return super().decode(jobs)

    events = run(ListSource(cut(TALK, lambda: 1600)), StumblingModel())

    assert ["11", "12"] == texts(events)
    assert [False] == [timed.event.is_lost for timed in events if isinstance(timed.event, DecodeFailed)]


def test_a_fault_of_the_core_is_told_and_nothing_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a fault")

    monkeypatch.setattr("engine.transcriber.Transcriber.receive_audio", fail)
    source = EndlessSource()
    with pytest.raises(AssertionError, match="a fault"):
        run(source, CountingModel())
    assert source.is_closed


def test_a_source_is_not_read_while_too_much_waits() -> None:
    """The model answers only once the source has stalled: it must stall, or audio would pile up without bound."""
    chunks = cut(np.concatenate([voice(20.0), SILENCE] * 8), lambda: RATE)
    n_read: list[int] = []
    has_stalled = threading.Event()

    class WatchedSource(ListSource):
        async def chunks(self) -> AsyncGenerator[AudioChunk]:
            loop = asyncio.get_running_loop()
            for n, chunk in enumerate(chunks):
                n_read.append(n)
                loop.call_later(0.2, lambda seen=n: has_stalled.set() if seen == n_read[-1] else None)
                yield chunk

    class WaitingModel(CountingModel):
        def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
            has_stalled.wait(30)
            read_when_answered.append(len(n_read))
            return super().decode(jobs)

    read_when_answered: list[int] = []
    events = run(WatchedSource([]), WaitingModel(), StreamingOptions(backlog_s=40.0))

    assert len(texts(events)) == 8
    assert 40 <= read_when_answered[0] <= 70


PATIENT = StreamingOptions(partials=False, patience_s=0.05, batch_size=2, final_lead_in_s=0.0)


class BatchModel(CountingModel):
    """Remembers which utterances came together."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[int]] = []

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.batches.append([job.utterance_id for job in jobs])
        return super().decode(jobs)


@pytest.mark.parametrize(("n_spoken", "batches"), [(2, [[1, 2]]), (3, [[1, 2], [3]])])
def test_patience_fills_the_batches(n_spoken: int, batches: list[list[int]]) -> None:
    model = BatchModel()
    talk = np.concatenate([SILENCE, *[voice(), SILENCE] * n_spoken])

    run(ListSource(cut(talk, lambda: 1600)), model, PATIENT)

    assert batches == model.batches


def test_a_recording_is_heard_window_after_window() -> None:
    windows: list[float] = []

    class WindowModel(CountingModel):
        def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
            windows.extend(len(job.audio) / RATE for job in jobs)
            return super().decode(jobs)

    run(ListSource(cut(np.tile(SILENCE, 70), lambda: RATE)), WindowModel(), StreamingOptions(sequential=True))

    assert [30.0, 30.0, 10.0] == windows


def test_patience_ends_where_nothing_comes() -> None:
    """The source says nothing more, and never ends."""

    async def first_final() -> str:
        talk = EndlessSource(np.concatenate([SILENCE, voice(), SILENCE]))
        async for timed in transcribe(talk, CountingModel(), PATIENT):
            if isinstance(timed.event, Final):
                return timed.event.text
        raise AssertionError

    assert "11" == asyncio.run(first_final())
