"""One stream of a service: audio in, events out, and the moments between.

Its core (``engine.transcriber``) knows no clock; this puts the times to its events.  On asyncio's thread alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

from engine.events import DecodeJob, Event, Hypothesis, Partial, Status, TimedEvent
from engine.meters import RateMeter
from engine.options import StreamingOptions
from engine.sequential import SequentialTranscriber
from engine.transcriber import Transcriber
from stream.audio import AudioChunk, seconds

_STATUS_EVERY_S = 0.1


class LiveStream:
    """Made by ``ModelService.open``; it has no limits of its own: see ``wait_for_room``."""

    def __init__(
        self,
        core: Transcriber | SequentialTranscriber,
        options: StreamingOptions,
        clock: Callable[[], float],
        on_news: Callable[[], None],
        on_end: Callable[[LiveStream], None],
    ) -> None:
        """``on_news`` is called when there may be work; ``on_end`` once, with the stream."""
        self._core = core
        self._options = options
        self._clock = clock
        self._on_news = on_news
        self._on_end = on_end
        self._rate = RateMeter()
        self._started_at: float | None = None
        self._audio_at = clock()
        self._due_since = clock()
        self._status_due_s = 0.0
        self._unread: deque[TimedEvent] = deque()
        self._has_events = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_eof = False
        self._is_over = False
        self._failure: BaseException | None = None

    @property
    def lag_s(self) -> float:
        """Seconds of speech that no text covers yet."""
        return self._core.lag_s

    @property
    def late_s(self) -> float:
        """How late its text is, in seconds."""
        return self._core.late_s

    @property
    def is_watched(self) -> bool:
        """Whether somebody wants to see text while it is spoken."""
        return self._options.partials

    @property
    def has_due(self) -> bool:
        """Whether something waits for the model, and nothing is with it."""
        return self._core.has_due

    @property
    def has_final_due(self) -> bool:
        """Whether a final waits for the model, and nothing is with it."""
        return self._core.has_final_due

    @property
    def due_since(self) -> float:
        """Since when something waits, by the clock."""
        return self._due_since

    @property
    def patience_left_s(self) -> float | None:
        """Seconds for which more audio may be waited for to fill a batch; None where that is over, or was never so."""
        left_s = self._audio_at + self._options.patience_s - self._clock()
        return left_s if left_s > 0 and not self._has_eof and self._core.has_due else None

    def receive_audio(self, chunk: AudioChunk) -> None:
        """Take the next audio, of any length; a jump in its ``start_sample`` is audio that was lost."""
        self._audio_at = self._clock()
        if self._started_at is None:
            self._started_at = self._audio_at - seconds(len(chunk.samples))
        self._core.receive_audio(chunk)
        self._note_change()

    async def wait_for_room(self) -> None:
        """Return once so little speech waits for the model that more may come; at once where that is so."""
        await asyncio.sleep(0)  # a source that never waits must not keep the others from their turn
        while not self._core.wants_audio and not self._is_over:
            self._has_room.clear()
            await self._has_room.wait()

    def receive_eof(self) -> None:
        """There is no more audio: ``events`` ends when all is final."""
        self._has_eof = True
        self._core.receive_eof()
        self._note_change()

    def flush(self, tag: str = "") -> None:
        """Close what is open; ``Flushed(tag)`` comes once all audio so far has been transcribed."""
        self._watched_core.flush(tag)
        self._note_change()

    def clear(self) -> None:
        """Forget the utterance under way."""
        self._watched_core.clear()
        self._note_change()

    def configure(self, options: StreamingOptions) -> None:
        """Go by ``options`` from here on.

        Raises:
            ValueError: utterances would be longer than those this stream was made for.
        """
        self._watched_core.configure(options)
        self._options = options
        self._note_change()

    async def events(self) -> AsyncGenerator[TimedEvent]:
        """Yield what happens until all is final; for one reader.

        Of what is not read in time, a partial gives way to the next of its utterance, and a status to the next.
        """
        while True:
            while self._unread:
                yield self._unread.popleft()
            if self._failure is not None:
                raise self._failure
            if self._is_over:
                return
            self._has_events.clear()
            await self._has_events.wait()

    async def aclose(self) -> None:
        """Give up: what is not final will not be."""
        self.end(None)

    def end(self, failure: BaseException | None) -> None:
        """Let ``events`` end here, with ``failure`` where there was one."""
        if not self._is_over:
            self._is_over, self._failure = True, failure
            self._on_end(self)
        self._has_events.set()
        self._has_room.set()

    def next_jobs(self, most: int) -> list[DecodeJob]:
        """Return what the model is to do next, at most so many jobs."""
        jobs = self._core.next_jobs(most, is_patient=self.patience_left_s is not None)
        if jobs:
            self._due_since = self._clock()
        return jobs

    def receive_hypothesis(self, job: DecodeJob, hypothesis: Hypothesis, compute_s: float) -> None:
        """Take the outcome of ``job``, and its share of the time the model took."""
        self._rate.add(compute_s)
        if not self._is_over:
            self._core.receive_hypothesis(job, hypothesis)
            self._note_change()

    def receive_failure(self, job: DecodeJob, reason: str) -> None:
        """Take it that the model failed over ``job``."""
        if not self._is_over:
            self._core.receive_failure(job, reason)
            self._note_change()

    @property
    def _watched_core(self) -> Transcriber:
        assert isinstance(self._core, Transcriber), "a recording is neither flushed nor reconfigured"
        return self._core

    def _note_change(self) -> None:
        t_s = 0.0 if self._started_at is None else self._clock() - self._started_at
        events = self._core.events()
        for event in events:
            self._put(TimedEvent(t_s, event))
        if events or t_s >= self._status_due_s or self._core.is_finished:
            self._status_due_s = t_s + _STATUS_EVERY_S
            self._put(TimedEvent(t_s, self._status()))
        if not self._core.has_due:
            self._due_since = self._clock()
        if self._core.is_finished:
            self.end(None)
        self._has_events.set()
        self._has_room.set()
        self._on_news()

    def _put(self, timed: TimedEvent) -> None:
        event = timed.event
        if isinstance(event, Partial | Status):
            # From the end: there is at most one of each kind, and few events are unread at any time.
            stale = next((one for one in reversed(self._unread) if _replaces(event, one.event)), None)
            if stale is not None:
                self._unread.remove(stale)
        self._unread.append(timed)

    def _status(self) -> Status:
        core, rate = self._core, self._rate
        return Status(core.now_s, core.level_dbfs, core.is_speech, core.lag_s, rate.rate(core.now_s), rate.total_s)


def _replaces(event: Event, older: Event) -> bool:
    match event, older:
        case Status(), Status():
            return True
        case Partial(utterance_id=one), Partial(utterance_id=other):
            return one == other
        case _:
            return False
