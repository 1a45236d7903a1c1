"""One model, many streams: whose turn it is, what is decoded together, and that nobody hears another's words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from fakes import LoudnessDetector, cut, hypothesis, own_audio, read_words, speech
from numpy.typing import NDArray

from engine.events import DecodeFailed, DecodeJob, Final, Flushed, Hypothesis, TimedEvent
from engine.live_stream import LiveStream
from engine.options import StreamingOptions
from engine.service import ModelService
from engine.transcriber import Transcriber
from stream.audio import AudioChunk
from stream.gate import GateOptions

MANUAL = StreamingOptions(gate=GateOptions(is_manual=True))


class Reader:
    """Reads numbers off the audio, as ``fakes.ReadingModel``; remembers who was decoded with whom."""

    def __init__(self) -> None:
        self.batches: list[list[DecodeJob]] = []

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.batches.append(list(jobs))
        return [hypothesis(read_words(own_audio(job))) for job in jobs]


async def say(stream: LiveStream, audio: NDArray[np.int16], n: int = 1600) -> None:
    for chunk in cut(audio, lambda: n):
        stream.receive_audio(chunk)
        await asyncio.sleep(0.001)
    stream.receive_eof()


async def hear(stream: LiveStream) -> list[TimedEvent]:
    return [timed async for timed in stream.events()]


def finals(events: Sequence[TimedEvent]) -> list[str]:
    return [timed.event.text for timed in events if isinstance(timed.event, Final)]


def test_no_stream_hears_anothers_words() -> None:
    talks = [[10 + 10 * n + i for i in range(6)] for n in range(6)]

    async def run() -> list[list[TimedEvent]]:
        async with ModelService(Reader()) as service:
            streams = [service.open(MANUAL) for _ in talks]
            heard = [asyncio.create_task(hear(stream)) for stream in streams]
            said = (say(stream, speech(talk)) for stream, talk in zip(streams, talks, strict=True))
            await asyncio.gather(*said)
            return await asyncio.gather(*heard)

    assert [[" ".join(map(str, talk))] for talk in talks] == [finals(events) for events in asyncio.run(run())]


def test_a_turn_takes_one_job_of_each_stream_finals_first() -> None:
    async def run() -> list[list[DecodeJob]]:
        model = Reader()
        async with ModelService(model, batch_size=3) as service:
            open_one, closed_one, other_closed = (service.open(MANUAL) for _ in range(3))
            open_one.receive_audio(AudioChunk(speech([11, 12]), 0))
            for stream in (closed_one, other_closed):
                stream.receive_audio(AudioChunk(speech([13, 14]), 0))
                stream.receive_eof()
            await asyncio.gather(hear(closed_one), hear(other_closed))
            open_one.receive_eof()
            await hear(open_one)
        return model.batches

    batches = asyncio.run(run())
    assert [True, True] == [job.is_final for job in batches[0]]


@pytest.mark.parametrize(("is_watched", "batches"), [(False, [4]), (True, [1, 1, 1, 1])])
def test_a_recording_fills_a_batch_only_where_nobody_watches(is_watched: bool, batches: list[int]) -> None:
    async def batch_sizes() -> list[int]:
        model, word = Reader(), speech([12])
        async with ModelService(model, batch_size=8) as service:
            if is_watched:
                service.open()
            recording = service.open(replace(MANUAL, partials=False, final_lead_in_s=0.0))
            for i in range(4):
                recording.receive_audio(AudioChunk(word, i * len(word)))
                recording.flush()
            recording.receive_eof()
            await hear(recording)
        return [len(batch) for batch in model.batches]

    assert batches == asyncio.run(batch_sizes())


def test_a_batch_that_fails_costs_the_one_that_spoilt_it() -> None:
    class Picky(Reader):
        def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
            if any(13 in read_words(own_audio(job)) for job in jobs):
                raise RuntimeError("not 13")
            return super().decode(jobs)

    async def run() -> list[list[TimedEvent]]:
        async with ModelService(Picky()) as service:
            streams = [service.open(MANUAL) for _ in range(3)]
            for stream, word in zip(streams, (12, 13, 14), strict=True):
                stream.receive_audio(AudioChunk(speech([word]), 0))
                stream.receive_eof()
            return await asyncio.gather(*map(hear, streams))

    heard = asyncio.run(run())
    assert [["12"], [], ["14"]] == [finals(events) for events in heard]
    failed = [[t.event.is_lost for t in events if isinstance(t.event, DecodeFailed)] for events in heard]
    assert [[], [False, True], []] == failed


def test_a_flush_is_told_behind_the_final_of_what_came_before() -> None:
    async def run() -> list[TimedEvent]:
        async with ModelService(Reader()) as service:
            stream = service.open(MANUAL)
            first = speech([11, 12])
            stream.receive_audio(AudioChunk(first, 0))
            stream.flush("one")
            stream.flush("two")
            stream.receive_audio(AudioChunk(speech([13]), len(first)))
            stream.receive_eof()
            return await hear(stream)

    told = [timed.event for timed in asyncio.run(run()) if isinstance(timed.event, Final | Flushed)]
    assert ["11 12", "one", "two", "13"] == [e.text if isinstance(e, Final) else e.tag for e in told]


def test_what_nobody_reads_does_not_pile_up() -> None:
    async def run() -> list[TimedEvent]:
        model, core = Reader(), Transcriber(LoudnessDetector(), MANUAL)
        stream = LiveStream(core, MANUAL, time.perf_counter, lambda: None, lambda _: None)
        for chunk in cut(speech([11 + i % 20 for i in range(50)]), lambda: 1600):
            stream.receive_audio(chunk)
            for job in stream.next_jobs(1):
                stream.receive_hypothesis(job, model.decode([job])[0], 0.1)
        stream.end(None)
        return await hear(stream)

    kinds = [type(timed.event).__name__ for timed in asyncio.run(run())]
    assert sorted(["SpeechStarted", "Partial", "Status"]) == sorted(kinds)


def test_a_stream_that_leaves_takes_nothing_with_it() -> None:
    async def run() -> tuple[int, list[str]]:
        async with ModelService(Reader()) as service:
            leaver, stayer = service.open(MANUAL), service.open(MANUAL)
            leaver.receive_audio(AudioChunk(speech([11, 12, 13]), 0))
            await asyncio.sleep(0)
            await leaver.aclose()
            stayer.receive_audio(AudioChunk(speech([14]), 0))
            stayer.receive_eof()
            heard = finals(await hear(stayer))
            return service.load.n_streams, heard

    assert (0, ["14"]) == asyncio.run(run())


def test_a_service_that_ends_lets_no_reader_wait() -> None:
    async def run() -> None:
        async with ModelService(Reader()) as service:
            stream = service.open()
        await hear(stream)

    with pytest.raises(RuntimeError, match="has ended"):
        asyncio.run(run())


def test_the_load_counts_what_was_done() -> None:
    async def run() -> tuple[int, int]:
        async with ModelService(Reader()) as service:
            stream = service.open(MANUAL)
            stream.receive_audio(AudioChunk(speech([11]), 0))
            stream.receive_eof()
            await hear(stream)
            return service.load.n_jobs, service.load.n_batches

    assert (1, 1) == asyncio.run(run())
