"""What a run over a recording with a known script measured: word error rate and the delay of words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.events import Final, Status, TimedEvent
from ui.scoring.delays import percentile, word_delays
from ui.scoring.event_traces import trace_of
from ui.scoring.scripts import Script
from ui.scoring.words import word_errors

Row = tuple[str, str, str]
"""What was measured, its value, and what that means."""


def final_text(events: Iterable[TimedEvent]) -> str:
    """Join the finals of a run."""
    return " ".join(timed.event.text for timed in events if isinstance(timed.event, Final))


def report_rows(
    events: Sequence[TimedEvent], script: Script, model_name: str, device_name: str, *, is_paced: bool
) -> list[Row]:
    """Return what was measured in the run that made ``events``; delays mean something only if it was paced."""
    errors = word_errors(script.text, final_text(events))
    n_words = errors.hits + errors.substitutions + errors.deletions
    rows = [("word error rate", f"{errors.wer:.1%}", f"{errors.hits} of {n_words} words right")]
    if is_paced:
        delays = word_delays(script, trace_of(events))
        rows += [_delay_row("word first shown", delays.shown), _delay_row("word settled", delays.settled)]
    end = [timed.event for timed in events if isinstance(timed.event, Status)][-1]
    load = end.compute_s / end.now_s if end.now_s else 0.0
    rows.append(("real-time factor", f"{load:.2f}", "seconds of compute a second of audio, over the whole run"))
    rows.append(("ran on", device_name, f"Whisper {model_name} on MAX"))
    return rows


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """Print ``rows`` as a table on a terminal, elsewhere as plain lines."""
    if not console.is_terminal:
        for name, value, note in rows:
            console.print(Text(f"{name}: {value} ({note})"), soft_wrap=True)
        return
    table = Table(title="Measured in this run", title_justify="left", title_style="bold", box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(style="bold", justify="right", no_wrap=True)
    table.add_column(style="dim")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print()
    console.print(table)


def _delay_row(name: str, delays: Sequence[float]) -> Row:
    if len(delays) < 2:
        return name, "–", "too few words were recognised"
    median, late = percentile(delays, 50), percentile(delays, 95)
    return name, f"{median:.2f} s", f"after it was spoken (median; 95 % within {late:.2f} s)"
