"""What was measured, as tables: a row for each program, setting and set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from operator import add

from rich.table import Table

from ui.bench.streaming.measure import OFFLINE, StreamRun
from ui.scoring.delays import least_for, percentile, percentile_of_all
from ui.scoring.scores import Score

TOGETHER = "together"
_NONE = "–"
Runs = Sequence[StreamRun]
Column = tuple[str, Callable[[Runs], str]]
"""Its heading, and the cell for the runs of one row."""


def tables_of(runs: Runs) -> Iterator[Table]:
    """Yield what readers got right, how soon, how steadily, and what it cost."""
    spoken = [run for run in runs if run.score.n_words]
    live = [run for run in spoken if run.clock != OFFLINE]
    silent = [run for run in runs if not run.score.n_words]
    yield _table("Words: errors in %", spoken, _WORDS)
    yield _table("Delays: seconds after the end of the word", live, _DELAYS)
    yield _table("Finals: seconds after the end of their last word", live, _FINALS)
    yield _table("Steadiness, for each 100 words of the last text", live, _STEADINESS)
    yield _table("Cost", runs, _COST)
    if silent:
        yield _table("Made up where nothing is said: words", silent, _SILENCE)


def _table(title: str, runs: Runs, columns: Sequence[Column]) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for heading in ("program", "clock", "set"):
        table.add_column(heading)
    for heading, _ in columns:
        table.add_column(heading, justify="right")
    for who in dict.fromkeys((run.label, run.clock) for run in runs):
        own = [run for run in runs if (run.label, run.clock) == who]
        rows = {
            name: [run for run in own if run.set_name == name] for name in dict.fromkeys(run.set_name for run in own)
        }
        for name, row in rows.items():
            table.add_row(*who, name, *(cell(row) for _, cell in columns))
        if len(rows) > 1:
            table.add_row(*who, TOGETHER, *(cell(own) for _, cell in columns), style="bold")
    return table


def total(runs: Runs) -> Score:
    """The score of all ``runs`` together."""
    return reduce(add, (run.score for run in runs))


def _share(count: str, of: str) -> Callable[[Runs], str]:
    def cell(runs: Runs) -> str:
        score = total(runs)
        n = getattr(score, of)
        return f"{100 * getattr(score, count) / n:.2f}" if n else _NONE

    return cell


def _covered(runs: Runs) -> str:
    score = total(runs)
    return f"{100 * len(score.shown_s) / score.n_timed:.1f}" if score.n_timed else _NONE


def _late_of_all(runs: Runs) -> str:
    score = total(runs)
    late_s = percentile_of_all(score.shown_s, score.n_timed, 95) if score.n_timed else math.inf
    return f"{late_s:.2f}" if late_s < math.inf else _NONE


def _count(name: str) -> Callable[[Runs], str]:
    return lambda runs: str(getattr(total(runs), name))


def _late(name: str, percent: int, n_least: int = 2) -> Callable[[Runs], str]:
    def cell(runs: Runs) -> str:
        values = getattr(total(runs), name)
        return f"{percentile(values, percent):.2f}" if len(values) >= n_least else _NONE

    return cell


def _lates(what: str, name: str) -> list[Column]:
    return [(f"{what} p{percent}", _late(name, percent)) for percent in (50, 95, 99)]


def _n(name: str) -> Callable[[Runs], str]:
    return lambda runs: str(len(getattr(total(runs), name)))


def _after_hangover(runs: Runs) -> str:
    values = total(runs).final_s
    hangovers = {run.hangover_s for run in runs}
    if len(values) < 2 or len(hangovers) != 1 or None in hangovers:
        return _NONE
    (hangover_s,) = hangovers
    assert hangover_s is not None
    return f"{percentile(values, 50) - hangover_s:+.2f}"


def _load(runs: Runs) -> str:
    if any(run.compute_s is None for run in runs):
        return _NONE
    return f"{sum(run.compute_s or 0.0 for run in runs) / total(runs).audio_s:.3f}"


def _processor(runs: Runs) -> str:
    return f"{sum(run.cpu_s for run in runs) / total(runs).audio_s:.3f}"


def _others(runs: Runs) -> str:
    known = [run.others_cpus for run in runs if run.others_cpus is not None]
    return f"{max(known):.2f}" if known else _NONE


def _counts(runs: Runs) -> str:
    names = dict.fromkeys(name for run in runs for name in run.counts)
    return ", ".join(f"{sum(run.counts.get(name, 0) for run in runs)} {name}" for name in names) or _NONE


_WORDS: list[Column] = [
    ("words", _count("n_words")),
    ("finals", _share("n_final_errors", "n_words")),
    ("stable", _share("n_stable_errors", "n_words")),
    ("first shown", _share("n_first_errors", "n_words")),
    ("lost to guards", _share("n_lost", "n_words")),
    ("made up, n", _count("n_false")),
]
_DELAYS: list[Column] = [
    ("of words, %", _covered),
    *_lates("shown", "shown_s"),
    ("p95 of all", _late_of_all),
    *_lates("settled", "settled_s"),
    *_lates("stays", "stays_s"),
]
_FINALS: list[Column] = [
    ("finals, n", _n("final_s")),
    *((f"final p{percent}", _late("final_s", percent, least_for(percent))) for percent in (50, 95, 99)),
    ("p50 – hangover", _after_hangover),
]
_STEADINESS: list[Column] = [
    ("changed", _share("n_changed", "n_last")),
    ("stable changed by finals", _share("n_stable_changed", "n_last")),
    ("stable completed before, n", _count("n_completed")),
    ("stable taken back before, n", _count("n_taken_back")),
]
_COST: list[Column] = [
    ("compute s per s", _load),
    ("CPU s per s", _processor),
    ("others' CPUs", _others),
    ("peak MiB", lambda runs: f"{max(run.peak_mib for run in runs):.0f}"),
    ("counts", _counts),
]
_SILENCE: list[Column] = [
    ("clips", lambda runs: str(len(runs))),
    ("minutes", lambda runs: f"{total(runs).audio_s / 60:.1f}"),
    ("in finals", _count("n_false")),
    ("ever shown", _count("n_false_shown")),
    ("clips with a word shown", lambda runs: str(sum(run.score.n_false_shown > 0 for run in runs))),
]
