"""Where source, transcriber and the model's thread meet.

All of the core runs on asyncio's thread; one worker thread runs the model.  Overload has a policy: while the model
is behind, partials are skipped and never finals, and a source is not read while the ring has no room for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any, Protocol

from engine.events import DecodeJob, Hypothesis, Status, TimedEvent
from engine.options import StreamingOptions
from engine.sequential import SequentialTranscriber
from engine.transcriber import Transcriber
from stream.audio import AudioChunk, seconds
from stream.detector import WebRtcDetector
from stream.source import AudioSource, SourceError

_STATUS_EVERY_S = 0.1
_RATE_WINDOW_S = 30.0

Clock = Callable[[], float]


class SpeechModel(Protocol):
    """Whatever turns jobs into hypotheses; called on one worker thread."""

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """Decode ``jobs`` together; may take long."""


async def transcribe(
    source: AudioSource,
    model: SpeechModel,
    options: StreamingOptions | None = None,
    *,
    stop: asyncio.Event | None = None,
    clock: Clock = time.perf_counter,
) -> AsyncGenerator[TimedEvent]:
    """Yield events until ``source`` ends and every utterance is final.

    Args:
        source: read as long as there is room for its audio.
        model: see ``SpeechModel``.
        options: how the stream is cut.
        stop: once set, the source is closed, what was heard is made final, and the iterator ends.
        clock: seconds, for ``TimedEvent.t_s`` and the real-time factor.

    Raises:
        SourceError: the source failed; all that was heard before is final by then.
    """
    run = _Run(source, model, options or StreamingOptions(), stop or asyncio.Event(), clock)
    async with aclosing(run.events()) as events:
        async for event in events:
            yield event


class _Run:
    """One call of ``transcribe``."""

    def __init__(
        self, source: AudioSource, model: SpeechModel, options: StreamingOptions, stop: asyncio.Event, clock: Clock
    ) -> None:
        self._chunks = source.chunks()
        self._model = model
        self._transcriber = _transcriber(options)
        self._batch_size, self._patience_s = options.batch_size, options.patience_s
        self._clock = clock
        self._stop = stop
        self._started_at: float | None = None
        self._status_due_s = 0.0
        self._failure: SourceError | None = None
        self._compute = _ComputeMeter()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._reading: asyncio.Future[AudioChunk] | None = None
        self._decoding: asyncio.Future[list[Hypothesis]] | None = None
        self._stopping: asyncio.Future[bool] = asyncio.ensure_future(stop.wait())
        self._jobs: list[DecodeJob] = []
        self._has_source = True
        self._is_source_late = False

    async def events(self) -> AsyncGenerator[TimedEvent]:
        """Yield until all is final, then raise the source's failure, if there was one."""
        try:
            while not self._transcriber.is_finished:
                self._begin_work()
                await self._wait()
                for event in self._take_results():
                    yield event
            yield TimedEvent(self._t_s(), self._status())
        finally:
            await self._close()
        if self._failure is not None:
            raise self._failure

    def _begin_work(self) -> None:
        if self._has_source and self._reading is None and self._transcriber.wants_audio:
            self._reading = asyncio.ensure_future(anext(self._chunks))
        if self._decoding is None:
            self._jobs = self._transcriber.next_jobs(self._batch_size, is_patient=self._is_patient)
            if self._jobs:
                loop = asyncio.get_running_loop()
                self._decoding = loop.run_in_executor(self._executor, self._decode, self._jobs)

    def _decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """On the worker thread."""
        began = self._clock()
        hypotheses = self._model.decode(jobs)
        self._compute.add(self._clock() - began)
        return hypotheses

    @property
    def _is_patient(self) -> bool:
        """Whether more audio will come soon enough to wait for a full batch."""
        return self._patience_s > 0 and self._reading is not None and not self._is_source_late

    async def _wait(self) -> None:
        reading = (self._reading, self._stopping) if self._has_source else ()
        pending: set[asyncio.Future[Any]] = {f for f in (*reading, self._decoding) if f is not None}
        if pending:
            timeout_s = self._patience_s if self._is_patient and self._decoding is None else None
            done, _ = await asyncio.wait(pending, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            self._is_source_late = not done

    def _take_results(self) -> list[TimedEvent]:
        if self._decoding is not None and self._decoding.done():
            decoding, self._decoding = self._decoding, None
            for job, hypothesis in zip(self._jobs, decoding.result(), strict=True):
                self._transcriber.receive_hypothesis(job, hypothesis)
        if self._has_source and self._reading is not None and self._reading.done():
            reading, self._reading = self._reading, None
            self._receive_reading(reading)
        if self._stopping.done() and self._has_source:
            self._end_source()
        return self._timed_events()

    def _receive_reading(self, reading: asyncio.Future[AudioChunk]) -> None:
        try:
            chunk = reading.result()
        except StopAsyncIteration:
            self._end_source()
        except SourceError as error:
            self._failure = error
            self._end_source()
        else:
            if self._started_at is None:
                self._started_at = self._clock() - seconds(len(chunk.samples))
            self._transcriber.receive_audio(chunk)

    def _end_source(self) -> None:
        self._has_source = False
        if self._reading is not None:
            self._reading.cancel()
        self._transcriber.receive_eof()

    def _timed_events(self) -> list[TimedEvent]:
        t_s = self._t_s()
        events = [TimedEvent(t_s, event) for event in self._transcriber.events()]
        if events or t_s >= self._status_due_s:
            self._status_due_s = t_s + _STATUS_EVERY_S
            events.append(TimedEvent(t_s, self._status()))
        return events

    def _t_s(self) -> float:
        return 0.0 if self._started_at is None else self._clock() - self._started_at

    def _status(self) -> Status:
        core = self._transcriber
        return Status(core.now_s, core.level_dbfs, core.is_speech, core.lag_s, self._compute.rate(core.now_s))

    async def _close(self) -> None:
        self._stopping.cancel()
        if self._reading is not None:
            # A generator cannot be closed while it runs: let the cancellation arrive first.
            self._reading.cancel()
            await asyncio.wait({self._reading})
        await self._chunks.aclose()
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)


def _transcriber(options: StreamingOptions) -> Transcriber | SequentialTranscriber:
    return SequentialTranscriber(options) if options.sequential else Transcriber(WebRtcDetector(), options)


class _ComputeMeter:
    """Seconds of compute per second of audio over the last half minute of audio."""

    def __init__(self) -> None:
        self._total_s = 0.0
        self._history: deque[tuple[float, float]] = deque([(0.0, 0.0)])

    def add(self, compute_s: float) -> None:
        self._total_s += compute_s

    def rate(self, now_s: float) -> float:
        self._history.append((now_s, self._total_s))
        while len(self._history) > 2 and now_s - self._history[1][0] >= _RATE_WINDOW_S:
            self._history.popleft()
        audio_s, total_s = self._history[0]
        return (self._total_s - total_s) / (now_s - audio_s) if now_s > audio_s else 0.0
