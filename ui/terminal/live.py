"""The live view: owns the screen while captions run.

Finals are printed above as real scrollback; Rich redraws only the few lines below them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.events import TimedEvent
from ui.terminal.render import render, transcript_line
from ui.terminal.state import TranscriptState, apply

_FRAME_S = 1 / 12


class LiveView:
    """Shows events on a terminal; restores it however the block is left."""

    def __init__(
        self, console: Console, state: TranscriptState, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._console = console
        self._state = state
        self._clock = clock
        self._drawn_at = -_FRAME_S
        self._drawn: Text | None = None
        # No refresh thread: the events set the pace.  "crop" because render() never draws more than fits.
        self._live = Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, timed: TimedEvent) -> None:
        """Show one event: finals at once, everything else at most twelve times a second.

        A frame that is skipped is not lost: status events keep coming, and the next draws what it missed.
        """
        self._state, line = apply(self._state, timed.event)
        if line is not None:
            self._live.update(self._frame(), refresh=False)
            self._console.print(transcript_line(line, self._console.width), soft_wrap=True, highlight=False)
            self._draw()
        elif self._clock() - self._drawn_at >= _FRAME_S:
            self._draw()

    def _draw(self) -> None:
        frame = self._frame()
        self._drawn_at = self._clock()
        if frame != self._drawn:
            self._drawn = frame
            self._live.update(frame, refresh=True)

    def _frame(self) -> Text:
        return render(self._state, self._console.width, self._console.height)
