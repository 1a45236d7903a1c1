"""The drawing of a ``TranscriptState`` as Rich text.  Pure: no console, no clock.

A partial is laid out as the final that will replace it, so that words stay where they were first read.
"""

from __future__ import annotations

import re
from math import isfinite

from rich.cells import cell_len, chop_cells
from rich.text import Text

from engine.events import AudioDropped, DecodeFailed, Partial, Status
from ui.formats.text import as_seconds, printable
from ui.terminal.state import Line, TranscriptState

_METER_CELLS = 8
_QUIETEST_DBFS = -60.0
_STABLE = "bold"
_UNSTABLE = "dim"
_QUIET = "dim"
_SPEECH = "green"
_WARNING = "yellow"
_LATE_S = 2.0
"""A delay beyond this is shown as a warning."""
_LOW_SCREEN = 8
"""From this height on, a line is left empty above the status."""
_WORD = re.compile(r" +|[^ ]+ *")


def render(state: TranscriptState, width: int, height: int) -> Text:
    """Draw the live region: the open utterance above the status line, in at most ``height`` - 1 lines.

    Of an utterance too long for the screen its end is shown.
    """
    bottom = [status_line(state, width)]
    if height >= _LOW_SCREEN:
        bottom.insert(0, Text())
    lines = partial_lines(state.partial, width) if state.partial else []
    room = max(0, height - 1 - len(bottom))
    return Text("\n").join([*lines[max(0, len(lines) - room) :], *bottom])


def partial_lines(partial: Partial, width: int) -> list[Text]:
    """Lay out an open utterance: stable words bright, unstable ones dim."""
    words = Text.assemble((printable(partial.stable), _STABLE), (printable(partial.unstable), _UNSTABLE))
    return _stamped(partial.start_s, words, width)


def transcript_line(line: Line, width: int) -> Text:
    """Draw what is printed for good: the time, and the words or what was lost."""
    if isinstance(line, AudioDropped):
        words = Text(f"[{as_seconds(line.end_s - line.start_s)} of audio lost]", style=_WARNING)
    elif isinstance(line, DecodeFailed):
        seconds = f"{line.end_s - line.start_s:.1f} s"
        words = Text(printable(f"[the model failed over {seconds} of speech: {line.reason}]"), style=_WARNING)
    else:
        words = Text(printable(line.text))
    return Text("\n").join(_stamped(line.start_s, words, width))


def status_line(state: TranscriptState, width: int) -> Text:
    """Draw the status line; what matters least goes first when it does not fit."""
    status = state.status
    if status is None:
        keys = "p pauses, Ctrl-C ends" if state.can_pause else "Ctrl-C ends"
        return _cut(Text(f"Waiting for sound …  {keys}", style=_QUIET), width)
    fields = {
        "speech": Text("‖ paused, p goes on", style=_WARNING) if state.is_paused else _speech_field(status),
        "meter": _meter_field(status),
        "level": _level_field(status),
        "time": _time_field(status.now_s, state.duration_s),
        "delay": Text(f"{status.lag_s:.1f} s behind", style=_WARNING if status.lag_s > _LATE_S else _QUIET),
        "load": Text(f"RTF {status.real_time_factor:.2f}", style=_QUIET),
        "model": Text(printable(f"{state.model_name} on {state.device_name}"), style=_QUIET),
    }
    if state.can_pause and not state.is_paused:
        fields["keys"] = Text("p pauses", style=_QUIET)
    for least in ("keys", "level", "model", "load", "meter", "delay", "time"):
        if _cells_of(fields) > width:
            fields.pop(least, None)
    return _cut(Text("  ").join(fields.values()), width)


def progress_line(state: TranscriptState, elapsed_s: float, width: int) -> Text:
    """Draw how far a recording is: what of it has its text, how quickly that came, and how long the rest takes."""
    done_s = state.status.now_s - state.status.lag_s if state.status else 0.0
    fields = {"name": Text(printable(state.name), style=_QUIET)} if state.name else {}
    fields["time"] = _time_field(done_s, state.duration_s)
    if done_s > 0 and elapsed_s > 0 and state.duration_s:
        speed = done_s / elapsed_s
        fields["speed"] = Text(f"{speed:.{0 if speed >= 10 else 1}f}× real time", style=_QUIET)
        fields["left"] = Text(f"{_clock(max(0.0, state.duration_s - done_s) / speed)} left")
    for least in ("speed", "name", "left"):
        if _cells_of(fields) > width:
            fields.pop(least, None)
    return _cut(Text("  ").join(fields.values()), width)


def wrap(text: Text, width: int) -> list[Text]:
    """Wrap by words to lines of at most ``width`` cells; a longer word, or a script without spaces, is cut.

    ``width`` is at least 2, as wide as a character can be.
    """
    lines = list(text.divide(_breaks(text.plain, width)))
    for line in lines:
        line.rstrip()
    return lines


def _breaks(text: str, width: int) -> list[int]:
    """Where in ``text`` a new line begins."""
    breaks: list[int] = []
    at = n_used = 0
    for word in _WORD.findall(text):
        body = word.rstrip(" ")
        if n_used and n_used + cell_len(body) > width:
            breaks.append(at)
        *pieces, last = chop_cells(body, width) or [""]
        for piece in pieces:
            at += len(piece)
            breaks.append(at)
        n_spaces = len(word) - len(body)
        starts_line = not at or bool(breaks and breaks[-1] == at)
        n_used = (0 if starts_line else n_used) + cell_len(last) + n_spaces
        at += len(last) + n_spaces
    return breaks


def _stamped(start_s: float, words: Text, width: int) -> list[Text]:
    """Put the time before ``words`` and keep the column below it free, unless that takes too much of the width."""
    stamp = Text(f"{_clock(start_s)}  ", style=_QUIET)
    indent = len(stamp)
    if width < 3 * indent:
        return wrap(Text.assemble(stamp, words), width)
    first, *others = wrap(words, width - indent)
    return [Text.assemble(stamp, first), *(Text.assemble(" " * indent, other) for other in others)]


def _speech_field(status: Status) -> Text:
    return Text("● speech ", style=_SPEECH) if status.is_speech else Text("○ silence", style=_QUIET)


def _meter_field(status: Status) -> Text:
    share = 1.0 - max(_QUIETEST_DBFS, status.level_dbfs) / _QUIETEST_DBFS
    n_lit = min(_METER_CELLS, round(share * _METER_CELLS))
    return Text.assemble(("▮" * n_lit, _SPEECH), ("▯" * (_METER_CELLS - n_lit), _QUIET))


def _level_field(status: Status) -> Text:
    level = f"{status.level_dbfs:3.0f} dB" if isfinite(status.level_dbfs) else " –∞ dB"
    return Text(level, style=_QUIET)


def _time_field(at_s: float, duration_s: float | None) -> Text:
    if not duration_s:
        return Text(_clock(at_s), style=_QUIET)
    share = min(1.0, at_s / duration_s)
    return Text(f"{_clock(at_s)} of {_clock(duration_s)} ({share:.0%})", style=_QUIET)


def _cells_of(fields: dict[str, Text]) -> int:
    return sum(cell_len(field.plain) + 2 for field in fields.values()) - 2


def _cut(line: Text, width: int) -> Text:
    line.truncate(width)
    return line


def _clock(at_s: float) -> str:
    minutes, second = divmod(int(at_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes:02}:{second:02}"
