"""What a soak found: a table by kind of client, and what is wrong."""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table
from soak_server import Sample, Watch

from ui.bench.machine import machine, our_version
from ui.bench.results import print_results

_WINDOW_S = 300.0
_GROWTH = 1.05
"""From the middle of the soak to its end.  MAX's own store of memory grows until it has met the largest batch, for
25 minutes of the hour that was measured; a leak goes on."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of one client, that came at ``began_s``."""

    kind: str
    clip: str
    outcome: str
    began_s: float
    took_s: float
    is_failure: bool = False


def verdicts(
    visits: Sequence[Visit], watch: Watch, at_start: Sample, at_end: Sample, faults: Sequence[str]
) -> Iterator[str]:
    """Yield what is wrong, of clients, of answers, of the log, and of what is left."""
    yield from (f"{visit.kind}, {visit.clip}: {visit.outcome}" for visit in visits if visit.is_failure)
    yield from watch.troubles
    yield from (f"logged: {line}" for line in faults)
    for what in ("n_streams", "n_tasks"):
        before, after = getattr(at_start, what), getattr(at_end, what)
        if after > before:
            yield f"{what}: {before:g} at the start, {after:g} when all were gone"
    if at_end.n_files > at_start.n_files:
        yield f"open files: {at_start.n_files:g} at the start, {at_end.n_files:g} when all were gone"
    middle, last = _memory(watch.samples)
    if last > _GROWTH * middle:
        yield f"memory grew from {middle:.0f} MiB in the middle to {last:.0f} at the end"


def _memory(samples: Sequence[Sample]) -> tuple[float, float]:
    """The medians of the five minutes after the middle and of the last five, in MiB; of quarters where it is less."""
    end_s = samples[-1].t_s
    window_s = min(_WINDOW_S, end_s / 4)
    spans = (end_s / 2, end_s / 2 + window_s), (end_s - window_s, end_s)
    middle, last = ([sample.rss_mib for sample in samples if low <= sample.t_s <= high] for low, high in spans)
    return statistics.median(middle), statistics.median(last)


def written(visits: Sequence[Visit], watch: Watch, found: Sequence[str], path: Path | None) -> int:
    """Print it, write it, and return the exit code."""
    print_so_far(visits, watch)
    print_results([], found)
    if path is not None:
        content = {"machine": machine(), "version": our_version(), "found": found, "watch": watch.figures()}
        path.write_text(json.dumps(content | {"visits": [asdict(visit) for visit in visits]}) + "\n", encoding="utf-8")
    return 1 if found else 0


def print_so_far(visits: Sequence[Visit], watch: Watch) -> None:
    """Print what has become of the clients and of the server until now."""
    print_results([_clients_table(visits), _held_table(watch.samples)], [f"after {watch.now_s:.0f} s", *_notes(watch)])


def _notes(watch: Watch) -> Iterator[str]:
    yield f"{watch.n_asked} answers of /healthz and /readyz, the slowest after {watch.slowest_s:.2f} s"
    yield "told: the server gave that reason, in the words of the protocol"


def _clients_table(visits: Sequence[Visit]) -> Table:
    by_kind: defaultdict[str, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_kind[visit.kind].append(visit)
    table = Table(title="Clients", title_justify="left", box=None)
    for heading in ("kind", "came", "failed", "what became of them"):
        table.add_column(heading, justify="right" if heading in {"came", "failed"} else "left")
    for kind in sorted(by_kind):
        outcomes = Counter(visit.outcome for visit in by_kind[kind] if not visit.is_failure)
        told = "; ".join(f"{outcome} {n}" for outcome, n in outcomes.most_common())
        n_failed = sum(visit.is_failure for visit in by_kind[kind])
        table.add_row(kind, str(len(by_kind[kind])), str(n_failed), told)
    return table


def _held_table(samples: Sequence[Sample]) -> Table:
    table = Table(title="The server", title_justify="left", box=None)
    for heading in ("", "memory, MiB", "files", "tasks", "streams"):
        table.add_column(heading, justify="right" if heading else "left")
    window_s = min(_WINDOW_S, samples[-1].t_s / 2)
    spans = {
        "first sample": samples[:1],
        "median, first 5 min": [sample for sample in samples if sample.t_s <= samples[0].t_s + window_s],
        "median": samples,
        "median, last 5 min": [sample for sample in samples if sample.t_s >= samples[-1].t_s - window_s],
        "most": [max(samples, key=lambda sample: sample.rss_bytes)],
        "last": samples[-1:],
    }
    for name, span in spans.items():
        columns = zip(*((one.rss_mib, one.n_files, one.n_tasks, one.n_streams) for one in span), strict=True)
        table.add_row(name, *(f"{statistics.median(column):.0f}" for column in columns))
    return table
