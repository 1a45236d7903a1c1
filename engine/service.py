"""One model and any number of streams: who is decoded next, and with whom.

The streams and their core run on asyncio's thread; one worker thread runs the model.  Overload has a policy: while
the model is behind, partials are skipped and never finals, and no source is read while too much waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, Self

from engine.events import DecodeJob, Hypothesis
from engine.live_stream import LiveStream
from engine.meters import LoadMeter, Work
from engine.options import StreamingOptions
from engine.sequential import SequentialTranscriber
from engine.transcriber import Transcriber
from stream.detector import WebRtcDetector

Clock = Callable[[], float]
_LATE_S = 0.5
"""So long a partial may wait for finals that nobody waits for."""
_AHEAD_S = 10.0
"""A stream whose text is so late is not spoken now, or the model is too slow for it anyway."""
_log = logging.getLogger(__name__)


class SpeechModel(Protocol):
    """Whatever turns jobs into hypotheses; called on one worker thread."""

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """Decode ``jobs`` together; may take long."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a service is.

    Attributes:
        n_streams: how many are open.
        busy: share of the last ten seconds in which the model worked, 0 … 1.
        batch_size: jobs a batch, on average over the last ten seconds; 0 where there was none.
        lag_s: the greatest lag of any stream, seconds of speech.
        n_batches, n_jobs: since the service began.
        compute_s: seconds the model worked since then.
    """

    n_streams: int
    busy: float
    batch_size: float
    lag_s: float
    n_batches: int
    n_jobs: int
    compute_s: float


class ModelService:
    """Gives the model's time to the streams, turn by turn; used as ``async with``.

    In a turn, whatever is final goes before what is partial, and of the streams that wait, the one that has waited
    longest goes first.  Each brings one job, so that none starves; streams without partials, which nobody watches,
    bring as many as fit where no other is open.  Finals of sound that came faster than it was spoken, which a recording
    has at any time, take turns with partials that have waited for long.
    """

    def __init__(self, model: SpeechModel, *, batch_size: int = 8, clock: Clock = time.perf_counter) -> None:
        """At most ``batch_size`` jobs are decoded together; ``clock`` is in seconds."""
        self._model = model
        self._batch_size = batch_size
        self._clock = clock
        self._streams: list[LiveStream] = []
        self._meter = LoadMeter(clock)
        self._has_news = asyncio.Event()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._turns: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to take turns."""
        self._turns = asyncio.create_task(self._take_turns())
        self._turns.add_done_callback(self._end_streams)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give up what is not decoded; return once the model has come to rest."""
        assert self._turns is not None
        self._turns.cancel()
        await asyncio.wait({self._turns})
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)

    def open(self, options: StreamingOptions | None = None) -> LiveStream:
        """Return a new stream."""
        options = options or StreamingOptions()
        core = SequentialTranscriber(options) if options.sequential else Transcriber(WebRtcDetector(), options)
        stream = LiveStream(core, options, self._clock, self._has_news.set, self._streams.remove)
        self._streams.append(stream)
        return stream

    @property
    def is_running(self) -> bool:
        """Whether turns are taken; nothing is heard any more where they are not."""
        return self._turns is not None and not self._turns.done()

    async def failure(self) -> BaseException:
        """Return why no more turns are taken, once that is so."""
        assert self._turns is not None
        await asyncio.wait({self._turns})
        return _failure_of(self._turns)

    @property
    def load(self) -> Load:
        """How busy the service is now."""
        total, recent = self._meter.total, self._meter.recent
        return Load(
            len(self._streams),
            recent.compute_s / self._meter.window_s,
            recent.n_jobs / recent.n_batches if recent.n_batches else 0.0,
            max((stream.lag_s for stream in self._streams), default=0.0),
            total.n_batches,
            total.n_jobs,
            total.compute_s,
        )

    async def _take_turns(self) -> None:
        while True:
            self._has_news.clear()
            turn = self._next_turn()
            if turn:
                await self._decode([job for _, job in turn], [stream for stream, _ in turn])
            else:
                await self._wait()

    async def _wait(self) -> None:
        """Until there is news, or somebody's patience ends."""
        patience_s = min((s for stream in self._streams if (s := stream.patience_left_s) is not None), default=None)
        try:
            async with asyncio.timeout(patience_s):
                await self._has_news.wait()
        except TimeoutError:
            return

    def _next_turn(self) -> list[tuple[LiveStream, DecodeJob]]:
        waiting = self._most_urgent([stream for stream in self._streams if stream.has_due])
        waiting.sort(key=lambda stream: stream.due_since)
        is_watched = any(stream.is_watched for stream in self._streams) and len(self._streams) > 1
        turn: list[tuple[LiveStream, DecodeJob]] = []
        for stream in waiting:
            room = self._batch_size - len(turn)
            turn += [(stream, job) for job in stream.next_jobs(min(room, 1) if is_watched else room)]
        return turn

    def _most_urgent(self, waiting: list[LiveStream]) -> list[LiveStream]:
        """Those of ``waiting`` whose turn it is: all want the same, finals or partials."""
        finals = [stream for stream in waiting if stream.has_final_due]
        spoken_now = [stream for stream in finals if stream.late_s < _AHEAD_S]
        late_since = self._clock() - _LATE_S
        late = [stream for stream in waiting if stream not in finals and stream.due_since < late_since]
        ready = [spoken_now] if spoken_now else [streams for streams in (late, finals) if streams]
        return min(ready, key=lambda streams: min(stream.due_since for stream in streams), default=waiting)

    async def _decode(self, jobs: list[DecodeJob], streams: list[LiveStream]) -> None:
        loop, began = asyncio.get_running_loop(), self._clock()
        try:
            hypotheses = await loop.run_in_executor(self._executor, self._model.decode, jobs)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever a model does, a panic too, the other streams go on
            _log.exception("the model failed over %d jobs", len(jobs))
            await self._fail(jobs, streams, f"{type(error).__name__}: {error}")
            return
        took_s = self._clock() - began
        self._meter.add(Work(1, len(jobs), took_s))
        for stream, job, hypothesis in zip(streams, jobs, hypotheses, strict=True):
            stream.receive_hypothesis(job, hypothesis, took_s / len(jobs))

    async def _fail(self, jobs: list[DecodeJob], streams: list[LiveStream], reason: str) -> None:
        """Find by decoding each by itself over which of ``jobs`` the model fails; one job has failed by now."""
        if len(jobs) == 1:
            streams[0].receive_failure(jobs[0], reason)
            return
        for job, stream in zip(jobs, streams, strict=True):
            await self._decode([job], [stream])

    def _end_streams(self, turns: asyncio.Task[None]) -> None:
        """Nobody decodes any more: let no reader wait for ever."""
        error = _failure_of(turns)
        for stream in list(self._streams):
            stream.end(error)


def _failure_of(turns: asyncio.Task[None]) -> BaseException:
    error = None if turns.cancelled() else turns.exception()
    return error or RuntimeError("the model's service has ended")
