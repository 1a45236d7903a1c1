"""The drawing of a ``TranscriptState`` as Rich text.  Pure: no console, no clock."""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len, chop_cells
from rich.text import Text

from engine.events import AudioDropped, Final, Partial, Status
from ui.terminal.state import Line, TranscriptState

_METER_CELLS = 8
_QUIETEST_DBFS = -60.0
_STABLE = "bold"
_UNSTABLE = "dim"
_QUIET = "dim"
_SPEECH = "green"
_LOST = "yellow"
_STATUS_LINES = 1
_LATE_S = 2.0
"""A delay beyond this is shown as a warning."""


def render(state: TranscriptState, width: int, height: int) -> Text:
    """Draw the live region: the open utterance above one status line, never taller than ``height`` - 1 lines.

    Of an utterance too long for the screen its end is shown.
    """
    lines = partial_lines(state.partial, width) if state.partial else []
    room = max(0, height - 1 - _STATUS_LINES)
    shown = lines[len(lines) - room :] if len(lines) > room else lines
    return Text("\n", end="").join([*shown, status_line(state, width)])


def partial_lines(partial: Partial, width: int) -> list[Text]:
    """Wrap an open utterance to ``width`` cells: stable words bright, unstable ones dim."""
    text = Text.assemble((printable(partial.stable), _STABLE), (printable(partial.unstable), _UNSTABLE))
    return wrap(text, width)


def transcript_line(line: Line, width: int) -> Text:
    """Draw what is printed for good: the time, and the words or what was lost."""
    stamp = Text(f"{_clock(line.start_s)}  ", style=_QUIET)
    match line:
        case Final():
            body = Text(printable(line.text))
        case AudioDropped():
            body = Text(f"[{line.end_s - line.start_s:.1f} s of audio lost]", style=_LOST)
    indent = Text(" " * cell_len(stamp.plain))
    if width < 3 * cell_len(indent.plain):
        return Text("\n").join(wrap(stamp + body, width))
    first, *others = wrap(body, width - cell_len(indent.plain)) or [Text()]
    return Text("\n").join([stamp + first, *(indent + other for other in others)])


def status_line(state: TranscriptState, width: int) -> Text:
    """Draw the status line; the least important fields go first when it does not fit."""
    status = state.status
    if status is None:
        return Text(_fitted("waiting for sound …", width), style=_QUIET)
    fields = [_speech_field(status), _meter_field(status), _time_field(state, status), _delay_field(status)]
    fields.append(Text(f"{status.real_time_factor:.2f}× real time", style=_QUIET))
    fields.append(Text(f"{state.model_name} on {state.device_name}", style=_QUIET))
    while len(fields) > 1 and sum(cell_len(field.plain) + 2 for field in fields) - 2 > width:
        fields.pop()
    line = Text("  ").join(fields)
    line.truncate(width)
    return line


def printable(text: str) -> str:
    """Return ``text`` without characters that could move the cursor or colour the screen."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs") or c == "\u200d" else " " for c in text)


def wrap(text: Text, width: int) -> list[Text]:
    """Wrap by words to lines of at most ``width`` cells; a longer word, or a script without spaces, is cut."""
    lines: list[Text] = []
    begin = line_end = at = used = 0
    for word in _words(text.plain):
        n_cells = cell_len(word.rstrip(" "))
        if used and used + n_cells > width:
            lines.append(text[begin:line_end])
            begin, used = at, 0
        for piece in chop_cells(word, width) if n_cells > width else [word]:
            if used and used + cell_len(piece.rstrip(" ")) > width:
                lines.append(text[begin:at])
                begin, used = at, 0
            at += len(piece)
            used += cell_len(piece)
        line_end = at
    if text.plain[begin:].strip():
        lines.append(text[begin:])
    for line in lines:
        line.rstrip()
    return lines


def _words(text: str) -> list[str]:
    """Cut after every run of spaces, so that the pieces together are ``text``."""
    words: list[str] = []
    begin = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or (text[i - 1] == " " and text[i] != " "):
            words.append(text[begin:i])
            begin = i
    return words


def _speech_field(status: Status) -> Text:
    return Text("● speech ", style=_SPEECH) if status.is_speech else Text("○ silence", style=_QUIET)


def _meter_field(status: Status) -> Text:
    share = 1.0 - max(_QUIETEST_DBFS, status.level_dbfs) / _QUIETEST_DBFS
    n_lit = min(_METER_CELLS, round(max(0.0, share) * _METER_CELLS))
    return Text.assemble(("▮" * n_lit, _SPEECH), ("▯" * (_METER_CELLS - n_lit), _QUIET))


def _time_field(state: TranscriptState, status: Status) -> Text:
    if state.duration_s:
        share = min(1.0, status.now_s / state.duration_s)
        return Text(f"{_clock(status.now_s)} of {_clock(state.duration_s)} ({share:.0%})", style=_QUIET)
    return Text(_clock(status.now_s), style=_QUIET)


def _delay_field(status: Status) -> Text:
    return Text(f"{status.lag_s:.1f} s behind", style=_LOST if status.lag_s > _LATE_S else _QUIET)


def _clock(at_s: float) -> str:
    minutes, second = divmod(int(at_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes:02}:{second:02}"


def _fitted(text: str, width: int) -> str:
    return text if cell_len(text) <= width else text[: max(0, width)]
