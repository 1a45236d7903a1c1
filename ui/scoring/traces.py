"""What a reader saw, and when: the one thing that is measured of every program that shows text live.

A **trace** is a list of views in the order of time.  What stands on the screen is a row of **pieces** of text, one
behind the other, numbered from 0 in that order; a view says what one piece has become, and replaces the view of that
piece before it.  So the whole text at any moment is the latest view of each piece, joined by spaces.

How a program's text is cut into pieces is its own affair, and nothing is taken from it but this:

- a program that knows utterances or segments makes a piece of each;
- one that knows none has a single piece 0, whose text grows, or closes what it has committed as a piece and goes on
  in the next.  Long pieces cost time to measure and nothing else.
- ``stable`` is the beginning of ``text`` that the program says it will not take back before the piece is closed, ""
  where it says nothing of the kind.  The text that the piece is closed with may differ from it, and that is counted.
- ``is_closed`` says that the piece is over: its text is final, and no view of it follows.  A program that never says
  so closes its pieces when the stream has ended.  A piece that is closed with no text was taken off the screen.
- ``t_s`` is counted from the moment that the first sample was recorded, by the clock by which audio came: a sample
  with index n is there to be heard at n / 16000 s, and no sooner.
- ``span_s`` is the audio that a piece covers where a program tells it; it serves only to say which words were lost
  with a piece that was taken off.

As JSON a view is an object with these names, and a trace an array of them.  Only the standard library is used here:
programs that are measured run in environments of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What one piece of text has become.

    Attributes:
        t_s: when, in seconds since the first sample was recorded.
        piece: which, counted from 0 in the order in which they stand.
        text: all of its text that is shown.
        stable: what of it stays until the piece is closed.
        is_closed: whether this is its last view.
        span_s: where its audio begins and ends, in seconds; None where that is not told.
    """

    t_s: float
    piece: int
    text: str
    stable: str = ""
    is_closed: bool = False
    span_s: tuple[float, float] | None = None


Trace = list[View]


def trace_as_json(trace: Iterable[View]) -> list[dict[str, Any]]:
    """Return ``trace`` as JSON has it."""
    return [asdict(view) for view in trace]


def trace_from_json(views: Iterable[Mapping[str, Any]]) -> Trace:
    """Return the trace that ``trace_as_json`` wrote.

    Raises:
        ValueError: views are out of order, or one follows the closing of its piece.
    """
    trace = [_view(fields) for fields in views]
    closed: set[int] = set()
    for before, view in zip([None, *trace], trace, strict=False):
        if before is not None and view.t_s < before.t_s:
            raise ValueError(f"views must be in the order of time, got {view.t_s} s behind {before.t_s} s")
        if view.piece in closed:
            raise ValueError(f"piece {view.piece} was closed before {view.t_s} s: no view of it may follow")
        closed |= {view.piece} if view.is_closed else set()
    return trace


def _view(fields: Mapping[str, Any]) -> View:
    span = fields.get("span_s")
    return View(**{**fields, "span_s": None if span is None else (float(span[0]), float(span[1]))})
