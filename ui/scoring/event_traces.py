"""Our events as a trace: an utterance is a piece."""

from __future__ import annotations

from collections.abc import Iterable

from engine.events import Discarded, Final, Partial, TimedEvent
from ui.scoring.traces import Trace, View


def trace_of(events: Iterable[TimedEvent]) -> Trace:
    """Return what a reader of ``events`` saw; utterance 1 is piece 0."""
    return [view for timed in events if (view := _view(timed)) is not None]


def _view(timed: TimedEvent) -> View | None:
    match timed.event:
        case Partial(utterance_id=id, stable=stable, unstable=unstable, start_s=start_s, end_s=end_s):
            return View(t_s=timed.t_s, piece=id - 1, text=stable + unstable, stable=stable, span_s=(start_s, end_s))
        case Final(utterance_id=id, text=text, start_s=start_s, end_s=end_s):
            return View(t_s=timed.t_s, piece=id - 1, text=text, is_closed=True, span_s=(start_s, end_s))
        case Discarded(utterance_id=id, start_s=start_s, end_s=end_s):
            return View(t_s=timed.t_s, piece=id - 1, text="", is_closed=True, span_s=(start_s, end_s))
        case _:
            return None
