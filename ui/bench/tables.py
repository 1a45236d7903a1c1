"""Figures as tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from rich.table import Table

from ui.bench.measure import Figures, Timing
from ui.bench.recordings import Score


def tables_of(figures: Figures, model: str, n_runs: int) -> Iterator[Table]:
    """Yield the tables that have rows."""
    if figures.scores:
        yield _recordings_table(figures.scores, f"Whole recordings, {model}, median of {n_runs} runs")
    if figures.parts:
        yield _timing_table(figures.parts, f"Parts, {model}, ms", 1000)
    if figures.starts:
        title = "Fresh processes, s to a loaded model"
        memory = {"peak memory, MiB": {name: f"{mib:.0f}" for name, mib in figures.peaks_mib.items()}}
        yield _timing_table(figures.starts, title, 1, memory)


def deletions(scores: Sequence[Score]) -> Iterator[str]:
    """Yield for each score the words that were left out, where there are any."""
    for one in scores:
        if one.deleted:
            yield f"{one.recording}, {one.program}, left out: {'; '.join(one.deleted)}"


def _timing_table(
    timings: Sequence[Timing], title: str, scale: int, more: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> Table:
    """Return a row a program and a column for each thing timed; ``more`` are columns of cells by program."""
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("program")
    cells = {(one.what, one.program): _spread(one.took_s, scale) for one in timings}
    columns = dict.fromkeys(one.what for one in timings)
    for heading in (*columns, *more):
        table.add_column(heading, justify="right")
    for program in dict.fromkeys(one.program for one in timings):
        timed = [cells.get((what, program), "–") for what in columns]
        table.add_row(program, *timed, *(column.get(program, "–") for column in more.values()))
    return table


def _spread(took_s: Sequence[float], scale: int) -> str:
    digits = 1 if scale > 1 else 2
    median, fastest, slowest = (f"{scale * pick(took_s):.{digits}f}" for pick in (statistics.median, min, max))
    return median if len(took_s) == 1 else f"{median} ({fastest} – {slowest})"


def _recordings_table(scores: Sequence[Score], title: str) -> Table:
    """Return a row a score, and one a program over everything."""
    table = Table(title=title, title_justify="left", box=None)
    for heading in ("recording", "program"):
        table.add_column(heading)
    for heading in ("WER", "sub", "del", "ins", "audio s per s", "slowest", "fastest"):
        table.add_column(heading, justify="right")
    for one in scores:
        table.add_row(*_score_row(one.recording, [one]))
    if len({one.recording for one in scores}) > 1:
        for program in dict.fromkeys(one.program for one in scores):
            table.add_row(*_score_row("together", [one for one in scores if one.program == program]), style="bold")
    return table


def _score_row(heading: str, scores: Sequence[Score]) -> list[str]:
    """Return the cells for the scores of one program, taken together."""
    duration_s = sum(one.duration_s for one in scores)
    took_s = [sum(pick(one.took_s) for one in scores) for pick in (statistics.median, max, min)]
    wer = sum(one.n_errors for one in scores) / sum(one.n_words for one in scores)
    counts = [sum(getattr(one, kind) for one in scores) for kind in ("substitutions", "deletions", "insertions")]
    return [heading, scores[0].program, f"{wer:.2%}", *map(str, counts), *(f"{duration_s / s:.1f}" for s in took_s)]
