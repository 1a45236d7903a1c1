"""Subtitles: SubRip (.srt) and WebVTT (.vtt), cue by cue as finals come."""

from __future__ import annotations

import html
from collections.abc import Callable

from engine.events import Event, Final
from ui.formats.cues import Cue, cues_of
from ui.formats.output import USUAL, Shape


class Subtitles:
    """Makes the text of one file of subtitles, final by final: SubRip or WebVTT.

    Attributes:
        header: what stands before the first cue.
    """

    def __init__(self, *, is_vtt: bool, shape: Shape = USUAL) -> None:
        self.header = "WEBVTT\n\n" if is_vtt else ""
        self._block: Callable[[Cue, int], str] = _vtt if is_vtt else _srt
        self._shape = shape
        self._n_cues = 0
        self._end_s = 0.0
        self._is_begun = False

    def text_for(self, event: Event) -> str:
        """Return the cues of a final; before the first event, whatever it is, stands the header."""
        header, self._is_begun = "" if self._is_begun else self.header, True
        return header + (self.blocks_of(event) if isinstance(event, Final) else "")

    def ending(self) -> str:
        """Return nothing."""
        return ""

    def blocks_of(self, final: Final) -> str:
        """Return the cues of the next final, maybe none."""
        cues = cues_of(final, self._end_s, self._shape)
        blocks = [self._block(cue, self._n_cues + n) for n, cue in enumerate(cues, start=1)]
        self._n_cues += len(cues)
        self._end_s = cues[-1].end_s if cues else self._end_s
        return "".join(blocks)


def _srt(cue: Cue, number: int) -> str:
    # What looks like an arrow would be taken for one.
    lines = "\n".join(line.replace("-->", "--\u203a") for line in cue.lines)
    return f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{lines}\n\n"


def _vtt(cue: Cue, _: int) -> str:
    lines = "\n".join(html.escape(line, quote=False) for line in cue.lines)
    return f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{lines}\n\n"


def _clock(time_s: float, point: str) -> str:
    ms = round(1000 * time_s)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
