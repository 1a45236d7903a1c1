"""Where the time of a run went, as a table."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from engine.timings import NO_TIMINGS, Timings


@contextlib.contextmanager
def told_timings(arguments: argparse.Namespace) -> Iterator[None]:
    """Put timings in the place of the --timings flag, and print at the end of the block what they measured."""
    if not getattr(arguments, "timings", False):
        arguments.timings = NO_TIMINGS
        yield
        return
    arguments.timings = timings = Timings(time.perf_counter)
    try:
        yield
    finally:
        Console(stderr=True).print(timings_table(timings))


def timings_table(timings: Timings) -> Table:
    """Return a row for each stage, the longest first, and one for the time in none of them."""
    elapsed_s = timings.elapsed_s
    table = Table(title=f"Where {elapsed_s:.2f} s went", title_justify="left", box=None)
    table.add_column("stage")
    for heading in ("calls", "total s", "mean ms", "share"):
        table.add_column(heading, justify="right")
    for name, stage in sorted(timings.stages.items(), key=lambda item: -item[1].total_s):
        mean_ms = 1000 * stage.total_s / stage.n_calls
        share = stage.total_s / elapsed_s
        table.add_row(name, str(stage.n_calls), f"{stage.total_s:.3f}", f"{mean_ms:.2f}", f"{share:.1%}")
    rest_s = elapsed_s - sum(stage.total_s for stage in timings.stages.values())
    table.add_row("reading, cutting, waiting, showing", "", f"{rest_s:.3f}", "", f"{rest_s / elapsed_s:.1%}")
    return table
