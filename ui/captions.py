"""One run of captions: a source, the model, and whatever shows or keeps the events."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from typing import Protocol

from engine.events import DecodeFailed, TimedEvent
from engine.options import StreamingOptions
from engine.pipeline import transcribe
from engine.service import SpeechModel
from stream.source import AudioSource
from ui.errors import complain, written_stdout

UNATTENDED: AbstractContextManager[None] = contextlib.nullcontext()
"""For sinks that nobody types at."""


class Sink(Protocol):
    """Something that takes events: a view, a file."""

    def show(self, timed: TimedEvent) -> None:
        """Take one event."""


class FileSink(Sink, Protocol):
    """A sink that owns a file."""

    def close(self) -> None:
        """Write what is still to be written, and close the file."""


class Keeper:
    """Guards a sink that writes to disk: when it fails, that is said once and the captions go on without it."""

    def __init__(self, sink: FileSink, guard: WriteGuard) -> None:
        self._sink = sink
        self._guard = guard

    def show(self, timed: TimedEvent) -> None:
        """Pass one event on."""
        self._guard.attempt(lambda: self._sink.show(timed))

    def close(self) -> None:
        """Close the sink."""
        self._guard.finish(self._sink.close)


class WriteGuard:
    """Says once that a file cannot be written any more, and then lets it be.

    Attributes:
        has_failed: whether that was so.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.has_failed = False

    def attempt(self, write: Callable[[], object]) -> None:
        """Write, unless that failed before."""
        if not self.has_failed:
            self.finish(write)

    def finish(self, close: Callable[[], object]) -> None:
        """Close the file, whether writing failed or not."""
        try:
            close()
        except OSError as error:
            if not self.has_failed:
                complain(f"{self._name} is no longer written ({error.strerror}): make room there.  The captions go on.")
            self.has_failed = True


class Stdout:
    """Guards a sink that writes to stdout: without it there is nothing to go on for."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def show(self, timed: TimedEvent) -> None:
        """Pass one event on.

        Raises:
            BrokenPipeError: nobody reads any more.
            OutputError: stdout cannot be written.
        """
        with written_stdout():
            self._sink.show(timed)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: whether by the user before its end, and whether the model failed over any of it."""

    was_stopped: bool
    has_lost: bool


async def caption(
    source: AudioSource,
    model: SpeechModel,
    options: StreamingOptions,
    sinks: Sequence[Sink],
    attended: AbstractContextManager[None] = UNATTENDED,
) -> Ending:
    """Show everything ``source`` says; return how it ended.

    The first Ctrl-C, or SIGTERM, closes the source and lets what was heard become final; the second stops at once.

    Raises:
        SourceError: the source failed; what was heard before has been shown.
        BrokenPipeError: nobody reads the captions any more.
        OutputError: stdout cannot be written.
        asyncio.CancelledError: a second Ctrl-C.
    """
    return await show_events(lambda stop: transcribe(source, model, options, stop=stop), sinks, attended)


async def show_events(
    begin: Callable[[asyncio.Event], AsyncGenerator[TimedEvent]],
    sinks: Sequence[Sink],
    attended: AbstractContextManager[None] = UNATTENDED,
) -> Ending:
    """Show all events that ``begin`` yields, given what ends its source once it is set; as ``caption``."""
    stop, has_lost = asyncio.Event(), False
    with stop_on_signals(stop), attended:
        async with aclosing(begin(stop)) as events:
            async for timed in events:
                has_lost |= isinstance(timed.event, DecodeFailed) and timed.event.is_lost
                for sink in sinks:
                    sink.show(timed)
    return Ending(stop.is_set(), has_lost)


@contextlib.contextmanager
def stop_on_signals(stop: asyncio.Event) -> Iterator[None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def end() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
