"""Whose turn it is where recordings and live streams share a model, and a model that does worse than fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
from fakes import LoudnessDetector, cut, speech
from test_service import MANUAL, Reader, finals, hear, say

from engine.events import DecodeJob, Hypothesis, Partial
from engine.options import FOR_RECORDINGS, DecodingOptions, StreamingOptions
from engine.sequential import SequentialTranscriber
from engine.service import ModelService
from engine.transcriber import Transcriber
from stream.audio import AudioChunk
from stream.gate import GateOptions


class SlowReader(Reader):
    """Takes a tenth of a second a batch."""

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        time.sleep(0.1)
        return super().decode(jobs)


@pytest.mark.slow
@pytest.mark.parametrize("watched", [False, True], ids=["an upload", "a client that sends a recording at once"])
def test_a_recording_does_not_keep_those_who_speak_now_from_their_words(watched: bool) -> None:
    gate = GateOptions(is_manual=True, longest_s=2.0, pre_roll_ms=0, opening_frames=1, opening_voiced_frames=1)
    recorded = replace(StreamingOptions() if watched else FOR_RECORDINGS, gate=gate, batch_size=1)

    async def run() -> tuple[float, int]:
        async with ModelService(SlowReader(), batch_size=1) as service:
            recording, live = service.open(recorded), service.open(MANUAL)
            for chunk in cut(speech([*range(11, 200)]), lambda: 16_000):
                recording.receive_audio(chunk)
            recording.receive_eof()
            reading = asyncio.create_task(hear(recording))
            began_s = time.perf_counter()
            live.receive_audio(AudioChunk(speech([7, 8]), 0))
            async for timed in live.events():
                if isinstance(timed.event, Partial):
                    break
            took_s = time.perf_counter() - began_s
            is_over = reading.done()
            reading.cancel()
            return took_s, is_over

    took_s, is_over = asyncio.run(asyncio.wait_for(run(), 20))
    assert not is_over, "the recording was short: this shows nothing"
    assert took_s < 3


class Clocked(Reader):
    """Takes a third of a second a batch, by a clock of its own."""

    now_s = 0.0

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.now_s += 0.33
        return super().decode(jobs)


def test_those_who_speak_do_not_keep_others_from_their_finals() -> None:
    """Partials of six streams always wait for longer than half a second: an upload has its turn all the same."""
    gate = GateOptions(is_manual=True, longest_s=28.0)

    async def run() -> list[str]:
        model = Clocked()
        async with ModelService(model, batch_size=2, clock=lambda: model.now_s) as service:
            watched = [service.open(MANUAL) for _ in range(6)]
            upload = service.open(replace(FOR_RECORDINGS, gate=gate, batch_size=1))
            for chunk in cut(speech([*range(11, 171)]), lambda: 16_000):
                upload.receive_audio(chunk)
            upload.receive_eof()
            reading = asyncio.create_task(hear(upload))
            while not reading.done() and len(model.batches) < 60:
                for stream in watched:
                    stream.receive_audio(AudioChunk(speech([11]), round(16_000 * stream._core.now_s)))
                await asyncio.sleep(0.001)
            return finals(reading.result()) if reading.done() else []

    assert [*map(str, range(11, 171))] == " ".join(asyncio.run(asyncio.wait_for(run(), 20))).split()


def test_what_is_spoken_now_is_final_at_once_where_nobody_watches_it_too() -> None:
    """As a client is that wants no interim results: the partials of others are late all the time."""

    async def run() -> int:
        model = Clocked()
        async with ModelService(model, batch_size=2, clock=lambda: model.now_s) as service:
            watched = [service.open(MANUAL) for _ in range(6)]
            unwatched = service.open(replace(MANUAL, partials=False))
            begun_at = 0
            while not any(job.is_final for batch in model.batches for job in batch):
                for stream in watched:
                    stream.receive_audio(AudioChunk(speech([11]), round(16_000 * stream._core.now_s)))
                if not begun_at and len(model.batches) > 10:
                    unwatched.receive_audio(AudioChunk(speech([12]), 0))
                    unwatched.flush()
                    begun_at = len(model.batches)
                await asyncio.sleep(0.001)
            finals_at = [i for i, batch in enumerate(model.batches) if any(job.is_final for job in batch)]
            return finals_at[0] - begun_at

    assert asyncio.run(asyncio.wait_for(run(), 20)) <= 1


class Panic(BaseException):
    """As pyo3's: no Exception."""


def test_a_panic_costs_one_stream_its_text_and_no_other() -> None:
    class Panicking(Reader):
        def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
            if any(max(job.audio) == 1_300 for job in jobs):
                raise Panic("stack overflow")
            return super().decode(jobs)

    async def run() -> list[str]:
        async with ModelService(Panicking()) as service:
            for words in ([13], [11, 12]):
                stream = service.open(MANUAL)
                heard = asyncio.create_task(hear(stream))
                await say(stream, speech(words))
                events = await heard
            return finals(events)

    assert ["11 12"] == asyncio.run(asyncio.wait_for(run(), 10))


@pytest.mark.slow
def test_a_batch_is_no_larger_than_was_asked_for() -> None:
    async def run() -> int:
        model = SlowReader()
        async with ModelService(model, batch_size=3) as service:
            streams = [service.open(MANUAL) for _ in range(8)]
            readers = [asyncio.create_task(hear(stream)) for stream in streams]
            for _ in range(5):
                for stream in streams:
                    stream.receive_audio(AudioChunk(speech([11]), round(16_000 * stream._core.now_s)))
                await asyncio.sleep(0.15)
            for reader in readers:
                reader.cancel()
        return max(len(batch) for batch in model.batches)

    assert 3 == asyncio.run(asyncio.wait_for(run(), 20))


def test_nothing_is_asked_for_where_nothing_has_room() -> None:
    sequential = SequentialTranscriber(StreamingOptions(sequential=True, partials=False))
    live = Transcriber(LoudnessDetector(), MANUAL)
    for core in (sequential, live):
        core.receive_audio(AudioChunk(speech([11, 12]), 0))
        core.receive_eof()
        assert [] == core.next_jobs(0)
        assert 1 == len(core.next_jobs(1))


def test_other_options_are_for_the_utterances_to_come() -> None:
    german, french = (replace(MANUAL, decoding=DecodingOptions(language=code)) for code in ("de", "fr"))
    transcriber = Transcriber(LoudnessDetector(), german)
    transcriber.receive_audio(AudioChunk(speech([11]), 0))
    transcriber.flush()
    transcriber.configure(french)
    (job,) = transcriber.next_jobs()

    assert "de" == job.options.language
