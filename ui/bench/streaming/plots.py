"""Delay against word error rate: a panel for each set, a point for each program and setting."""

from __future__ import annotations

from collections.abc import Sequence

from ui.bench.charts import Panel, Point, Series, picture
from ui.bench.streaming.measure import OFFLINE, StreamRun
from ui.bench.streaming.tables import TOGETHER, total
from ui.scoring.delays import percentile

_NOTE = "Point: half of the words stay from then on; line: 95 % do.  Full by the wall clock, ring by the virtual one."


def plot_of(runs: Sequence[StreamRun]) -> str:
    """Return the picture as SVG."""
    spoken = [run for run in runs if run.score.n_words and run.clock != OFFLINE]
    sets = {name: [run for run in spoken if run.set_name == name] for name in dict.fromkeys(r.set_name for r in spoken)}
    if len(sets) > 1:
        sets = {TOGETHER: spoken, **sets}
    axes = {"x_title": "stays, seconds after the word", "y_title": "word errors of finals, %"}
    return picture([Panel(title=name, **axes, series=_series(own)) for name, own in sets.items()], _NOTE)


def _series(runs: Sequence[StreamRun]) -> list[Series]:
    keys = dict.fromkeys((run.label, run.clock) for run in runs)
    return [
        Series(name=label, points=_points([run for run in runs if (run.label, run.clock) == (label, clock)]),
               is_hollow=clock == "virtual")
        for label, clock in keys
    ]  # fmt: skip


def _points(runs: Sequence[StreamRun]) -> list[Point]:
    score = total(runs)
    if len(score.stays_s) < 2:
        return []
    at_s, late_s = (max(0.0, percentile(score.stays_s, percent)) for percent in (50, 95))
    return [Point(at_s, 100 * score.n_final_errors / score.n_words, late_s)]
