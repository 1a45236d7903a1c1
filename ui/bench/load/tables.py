"""What servers made of their load, as a table and a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table

from ui.bench.charts import Panel, Point, Series, picture
from ui.bench.load.measure import LoadRun
from ui.scoring.delays import least_for, percentile, percentile_of_all

SHOWN_LIMIT_S = 3.0
"""A server holds so many streams while 95 % of words are shown at all, and 95 % of them within this, …"""
FINAL_LIMIT_S = 2.0
"""… and 95 % of the finals come within this after the silence that ends an utterance."""
_LEAST_SHOWN = 0.95
_NONE = "–"


def holds(run: LoadRun, hangover_s: float) -> bool:
    """Whether every stream was taken and heard in time: nearly all words were shown at all, and there were finals.

    Words that the model takes for others are shown late by no server: a few are missing however idle it is.
    """
    score = run.score
    if run.refusals or score is None or not score.n_timed or not score.final_s:
        return False
    if len(score.shown_s) < _LEAST_SHOWN * score.n_timed:
        return False
    shown_s, final_s = (percentile_of_all(values, len(values), 95) for values in (score.shown_s, score.final_s))
    return shown_s <= SHOWN_LIMIT_S and final_s <= hangover_s + FINAL_LIMIT_S


def late(values: Sequence[float], percent: int, n_least: int = 2) -> float | None:
    """Return a percentile of delays; None of fewer than ``n_least``."""
    return percentile(values, percent) if len(values) >= n_least else None


def table_of(runs: Sequence[LoadRun], hangover_s: float) -> Table:
    """Return a row for each program and number of streams."""
    title = (
        "Streams at once: errors in %, delays in seconds after the end of the word, of finals after that of the last"
    )
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("program")
    for heading in (
        "streams", "refused", "errors", "of words, %", "shown p50", "shown p95", "p95 of all", "settled p95",
        "stays p95", "finals, n", "final p50", "final p95", "CPU s per s", "peak MiB", "sent late", "holds",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for run in runs:
        cost = (_number(run.cpu_s and run.cpu_s / run.audio_s, 3), _number(run.peak_mib, 0))
        told = (*cost, f"{run.late_s:.2f}", "yes" if holds(run, hangover_s) else "no")
        table.add_row(run.program, str(len(run.streams)), str(len(run.refusals)), *_heard(run), *told)
    return table


def plot_of(runs: Sequence[LoadRun], hangover_s: float) -> str:
    """Return streams against delay, p95, as SVG."""
    panels = [("words first shown", "shown_s"), ("finals", "final_s")]
    limits = f"up to {SHOWN_LIMIT_S:g} s and {hangover_s + FINAL_LIMIT_S:g} s."
    limit = f"A server holds its streams {limits}  Words that were never shown are in no point."
    return picture([_panel(title, name, runs) for title, name in panels], limit)


def _panel(title: str, name: str, runs: Sequence[LoadRun]) -> Panel:
    series = []
    for program in dict.fromkeys(run.program for run in runs):
        own = [run for run in runs if run.program == program and run.score is not None]
        at = [(len(run.streams), late(getattr(run.score, name), 95, least_for(95))) for run in own]
        points = [Point(n_streams, max(0.0, late_s)) for n_streams, late_s in at if late_s is not None]
        series.append(Series(name=program, points=points, is_line=True))
    return Panel(title=f"{title}, p95", x_title="streams at once", y_title="seconds after the word", series=series)


def _heard(run: LoadRun) -> list[str]:
    score = run.score
    if score is None:
        return [_NONE] * 10
    errors = 100 * score.n_final_errors / score.n_words if score.n_words else None
    covered = 100 * len(score.shown_s) / score.n_timed if score.n_timed else None
    of_all = percentile_of_all(score.shown_s, score.n_timed, 95) if score.n_timed else math.inf
    shown = [late(score.shown_s, 50), late(score.shown_s, 95), of_all if of_all < math.inf else None]
    words = [*shown, late(score.settled_s, 95), late(score.stays_s, 95)]
    finals = [late(score.final_s, percent, least_for(percent)) for percent in (50, 95)]
    told = [_number(late_s, 2) for late_s in words], [_number(late_s, 2) for late_s in finals]
    return [_number(errors, 2), _number(covered, 1), *told[0], str(len(score.final_s)), *told[1]]


def _number(value: float | None, n_digits: int) -> str:
    return _NONE if value is None else f"{value:.{n_digits}f}"
