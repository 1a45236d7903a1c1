"""What the user sees while the model loads: less than a second usually, minutes the very first time."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.progress import LoadProgress, OnProgress
from ui.terminal.job_control import noted_signals, obey
from ui.terminal.keyboard import silent_keyboard

_ONCE = "This happens once on this machine; later starts take a moment."
_BAR_CELLS = 24
_REDRAW_S = 0.25

Result = TypeVar("Result")


def load_with_progress(load: Callable[[OnProgress], Result], console: Console) -> Result:
    """Run ``load`` and show how far it is: a bar on a terminal, elsewhere a line for each stage that takes minutes.

    ``load`` runs on a thread of its own, so that Ctrl-C is heard while MAX compiles.
    """
    if not console.is_terminal or console.is_dumb_terminal:
        return _on_thread(lambda: load(print_stage), _wait)
    display = _Display(console)
    return _on_thread(lambda: load(display.begin), display.wait)


def print_stage(progress: LoadProgress) -> None:
    """Say on stderr that a stage began which may take minutes; the others are over before they are read."""
    if progress.n_bytes and not progress.n_bytes_done:
        sys.stderr.write(f"{progress.stage} ({in_megabytes(progress.n_bytes)})\n")
        sys.stderr.flush()
    if progress.is_compiling:
        minutes = max(1, round(progress.expected_s / 60))
        sys.stderr.write(
            f"{progress.stage} (step {progress.step} of {progress.n_steps}, {minutes} min or so).  {_ONCE}\n"
        )
        sys.stderr.flush()


def draw_progress(progress: LoadProgress, elapsed_s: float, width: int) -> Text:
    """Draw the stage that runs since ``elapsed_s`` seconds in lines of at most ``width`` cells."""
    share, how_far = bar_share(elapsed_s, progress.expected_s), f"step {progress.step} of {progress.n_steps}"
    if progress.n_bytes:
        share = min(1.0, progress.n_bytes_done / progress.n_bytes)
        how_far = f"{progress.n_bytes_done // 10**6} of {in_megabytes(progress.n_bytes)}"
    n_full = int(share * _BAR_CELLS)
    head = Text.assemble(
        (progress.stage, "bold"),
        (f"  {how_far}  ", "dim"),
        ("━" * n_full, "green"),
        ("━" * (_BAR_CELLS - n_full), "dim"),
        (f"  {int(elapsed_s) // 60}:{int(elapsed_s) % 60:02}", "dim"),
    )
    lines = [head, Text(_ONCE, style="dim")] if progress.is_compiling else [head]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n").join(lines)


def bar_share(elapsed_s: float, expected_s: float) -> float:
    """Return how much of a bar to fill: two thirds at the expected time, then ever slower, never all of it."""
    return 1.0 - math.exp(-1.1 * elapsed_s / expected_s)


def in_megabytes(n_bytes: int) -> str:
    """Return how much ``n_bytes`` are, for people."""
    return f"{max(1, round(n_bytes / 10**6))} MB" if n_bytes else "0 MB"


def _on_thread(work: Callable[[], Result], wait: Callable[[threading.Thread], None]) -> Result:
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001  # a thread's top: raised again below, on the caller's
            failure.append(error)

    thread = threading.Thread(target=run, name="loading", daemon=True)
    thread.start()
    wait(thread)
    if failure:
        raise failure[0]
    return outcome[0]


def _wait(thread: threading.Thread) -> None:
    while thread.is_alive():
        thread.join(_REDRAW_S)


class _Display:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun: tuple[float, LoadProgress] | None = None

    def begin(self, progress: LoadProgress) -> None:
        """Called on the loading thread."""
        begun_s = time.monotonic()
        if self._begun is not None and self._begun[1].stage == progress.stage:
            begun_s = self._begun[0]
        self._begun = begun_s, progress

    def wait(self, thread: threading.Thread) -> None:
        while thread.is_alive():
            with (
                noted_signals() as signals,
                silent_keyboard(),
                Live(console=self._console, auto_refresh=False, transient=True) as live,
            ):
                while thread.is_alive() and not signals:
                    live.update(self._drawing(), refresh=True)
                    thread.join(_REDRAW_S)
            for number in signals:
                obey(number)

    def _drawing(self) -> Text:
        if self._begun is None:
            return Text("Starting …", style="dim")
        began_s, progress = self._begun
        return draw_progress(progress, time.monotonic() - began_s, self._console.width)
