"""The live view: owns the terminal while captions run.

Finals are printed above as real scrollback; Rich redraws only the few lines below them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from engine.events import TimedEvent
from ui.terminal.job_control import job_control
from ui.terminal.keyboard import Keyboard, Keys
from ui.terminal.render import partial_lines, render, transcript_line
from ui.terminal.state import TranscriptState, apply

_FRAME_S = 1 / 12


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Forget it."""


def _call_later(delay_s: float, draw: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(delay_s, draw)


class LiveView:
    """Shows events on a terminal; restores it however the block is left."""

    def __init__(
        self,
        console: Console,
        state: TranscriptState,
        *,
        clock: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], None]], Timer] = _call_later,
    ) -> None:
        """``clock`` returns seconds and ``call_later`` calls after some; they pace the frames."""
        self._console = console
        self._state = state
        self._clock = clock
        self._call_later = call_later
        self._keyboard = Keyboard()
        self._pending: Timer | None = None
        self._drawn_at = -_FRAME_S
        self._drawn = Text()
        self._drawn_width = console.width
        self._live = self._new_live()

    def __enter__(self) -> Self:
        self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_back()
        if self._state.partial is not None:  # what was read must not vanish
            self._console.print(Text("\n").join(partial_lines(self._state.partial, self._console.width)))

    @contextlib.contextmanager
    def attended(self, keys: Keys) -> Iterator[None]:
        """Heed ``keys``, and what stops or ends the program, as long as the block runs, within a running event loop."""
        with self._keyboard.listened(keys), job_control(self._give_back, self._take):
            yield

    def show(self, timed: TimedEvent) -> None:
        """Show one event: a final at once, everything else at most twelve times a second, and the last of it always."""
        self._state, line = apply(self._state, timed.event)
        if line is not None:
            with self._console:  # one write, or the screen flickers
                self._follow_resize()
                self._console.print(transcript_line(line, self._console.width), soft_wrap=True)
                self._draw()
        elif self._pending is None:
            wait_s = self._drawn_at + _FRAME_S - self._clock()
            if wait_s > 0:
                self._pending = self._call_later(wait_s, self._draw)
            else:
                self._draw()

    def set_paused(self, is_paused: bool) -> None:
        """Show whether nobody listens for now."""
        self._state = replace(self._state, is_paused=is_paused)
        self._draw()

    def _take(self) -> None:
        """Own the terminal, and draw below what stands there; nothing new where that is so already."""
        self._keyboard.take()
        if not self._live.is_started:
            self._live.start()
            self._drawn, self._drawn_width = Text(), self._console.width
            self._draw()

    def _give_back(self) -> None:
        """Leave the terminal as it was found, and nothing drawn on it."""
        self._forget_pending()
        try:
            with self._console:
                self._follow_resize()
                self._live.stop()
        finally:
            self._live = self._new_live()
            self._keyboard.give_back()

    def _new_live(self) -> Live:
        # No refresh thread: the events set the pace.  "crop" because render() never draws more than fits.
        # On stderr it has no say in what goes to stdout.
        to_stdout = not self._console.stderr
        return Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            vertical_overflow="crop",
            redirect_stdout=to_stdout,
        )

    def _draw(self) -> None:
        self._forget_pending()
        self._drawn_at = self._clock()
        frame = self._frame()
        if frame != self._drawn:
            with self._console:
                self._follow_resize()
                self._live.update(frame, refresh=True)
            self._drawn = frame

    def _frame(self) -> Text:
        return render(self._state, self._console.width, self._console.height)

    def _forget_pending(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def _follow_resize(self) -> None:
        """Go up to where Rich believes it is: a terminal that became narrower has wrapped the drawn lines anew."""
        width, height = self._console.size
        if width < self._drawn_width:
            lines = self._drawn.plain.split("\n")
            n_rows = sum(max(1, -(-cell_len(line) // width)) for line in lines)
            n_more = min(n_rows, height) - len(lines)
            up = [(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)] * n_more
            self._console.control(Control(*up))
        self._drawn_width = width
