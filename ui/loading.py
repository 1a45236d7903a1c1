"""What the user sees while the model loads: seconds usually, minutes the very first time."""

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

_ONCE = "This happens once on this machine; later starts take about a second."
_BAR_CELLS = 24
_REDRAW_S = 0.25

Result = TypeVar("Result")


def load_with_progress(load: Callable[[OnProgress], Result], console: Console) -> Result:
    """Run ``load`` and show how far it is: a bar on a terminal, a line a stage elsewhere.

    ``load`` runs on a thread of its own, so that Ctrl-C is heard while MAX compiles.
    """
    if not console.is_terminal:
        return _on_thread(lambda: load(_report_line), _wait_quietly)
    display = _Display(console)
    return _on_thread(lambda: load(display.begin), display.wait)


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


def _wait_quietly(thread: threading.Thread) -> None:
    while thread.is_alive():
        thread.join(_REDRAW_S)


def _report_line(progress: LoadProgress) -> None:
    if progress.is_compiling:
        note = f" (about {progress.expected_s / 60:.0f} to {progress.expected_s / 30:.0f} minutes). {_ONCE}"
        sys.stderr.write(f"{progress.stage}, step {progress.step} of {progress.n_steps}{note}\n")
        sys.stderr.flush()


def bar_share(elapsed_s: float, expected_s: float) -> float:
    """Return how much of a bar to fill: two thirds at the expected time, then ever slower, never all of it."""
    return 1.0 - math.exp(-1.1 * elapsed_s / expected_s)


class _Display:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: LoadProgress | None = None
        self._began = time.perf_counter()

    def begin(self, progress: LoadProgress) -> None:
        """Called on the loading thread."""
        self._began = time.perf_counter()
        self._progress = progress

    def wait(self, thread: threading.Thread) -> None:
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while thread.is_alive():
                live.update(self._drawing(), refresh=True)
                thread.join(_REDRAW_S)

    def _drawing(self) -> Text:
        progress = self._progress
        if progress is None:
            return Text("Starting …", style="dim")
        elapsed_s = time.perf_counter() - self._began
        n_full = int(bar_share(elapsed_s, progress.expected_s) * _BAR_CELLS)
        lines = Text.assemble(
            (f"{progress.stage}", "bold"),
            (f"  step {progress.step} of {progress.n_steps}  ", "dim"),
            ("━" * n_full, "green"),
            ("━" * (_BAR_CELLS - n_full), "dim"),
            (f"  {int(elapsed_s) // 60}:{int(elapsed_s) % 60:02}", "dim"),
        )
        if progress.is_compiling:
            lines.append(f"\n{_ONCE}", style="dim")
        lines.no_wrap = True
        return lines
