"""What the terminal shows, as a value: events in, a new state out.  No drawing, no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from engine.events import (
    AudioDropped,
    DecodeFailed,
    Discarded,
    Event,
    Final,
    Flushed,
    Partial,
    SpeechStarted,
    SpeechStopped,
    Status,
)


@dataclass(frozen=True, slots=True)
class TranscriptState:
    """The live part of the transcript; what is final is printed once and lives in the scrollback.

    Attributes:
        partial: text of the utterance still open, or None.
        status: the latest, or None before the first audio.
        device_name, model_name: for the status line.
        duration_s: length of a recording, for progress; None for a live source.
        can_pause: whether there is a key for that.
        is_paused: whether nobody listens for now.
        name: of a recording, for progress.
    """

    device_name: str
    model_name: str
    duration_s: float | None = None
    partial: Partial | None = None
    status: Status | None = None
    can_pause: bool = False
    is_paused: bool = False
    name: str = ""


Line = Final | AudioDropped | DecodeFailed
"""What is printed once, above the live region."""


def apply(state: TranscriptState, event: Event) -> tuple[TranscriptState, Line | None]:  # noqa: PLR0911  # one a kind
    """Return the state after ``event``, and the line to print for good, if there is one."""
    match event:
        case Partial():
            return replace(state, partial=event), None
        case Final():
            return _without_utterance(state, event.utterance_id), event
        case Discarded():
            return _without_utterance(state, event.utterance_id), None
        case AudioDropped():
            return state, event
        case DecodeFailed(is_lost=is_lost):
            return state, event if is_lost else None
        case Status():
            return replace(state, status=event), None
        case SpeechStarted() | SpeechStopped() | Flushed():
            return state, None
        case _:
            assert_never(event)


def _without_utterance(state: TranscriptState, utterance_id: int) -> TranscriptState:
    """Forget the partial of an utterance that has ended; that of a later one stays."""
    if state.partial is not None and state.partial.utterance_id <= utterance_id:
        return replace(state, partial=None)
    return state
