"""Where measured figures go: files that were tried beforehand, and lines under the tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table

from ui.bench.machine import machine
from ui.errors import OutputError
from ui.stdout import StdoutConsole


def try_writing(*paths: Path | None) -> None:
    """See that what is measured can be written, before it is measured.

    Raises:
        OutputError: it cannot.
    """
    for path in paths:
        if path is not None:
            with told_failure(path), path.open("a", encoding="utf-8"):
                pass


@contextmanager
def told_failure(path: Path) -> Iterator[None]:
    """Say of a file that cannot be written which it is, and what to do."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}): name a file that can") from error


def print_results(tables: Iterable[Table], notes: Iterable[str]) -> None:
    """Print tables, what a reader must know beside them, and the machine."""
    console = StdoutConsole() if sys.stdout.isatty() else StdoutConsole(width=200)
    for table in tables:
        console.print(table)
        console.print()
    for line in dict.fromkeys(notes):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    described = machine()
    place = f"{described['processor']}, {described['n_cpus']} CPUs, {described['system']}, {described['date']}"
    console.print(f"Machine: {place}", style="dim", soft_wrap=True, highlight=False)
