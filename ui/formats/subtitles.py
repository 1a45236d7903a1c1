"""Subtitles: SubRip (.srt) and WebVTT (.vtt), cue by cue as finals come."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

from engine.events import Final, TimedEvent
from ui.formats.cues import Cue, cues_of
from ui.formats.kept_file import KeptFile


class Subtitles:
    """Makes the text of one file of subtitles, final by final: SubRip or WebVTT.

    Attributes:
        header: what stands before the first cue.
    """

    def __init__(self, *, is_vtt: bool) -> None:
        self.header = "WEBVTT\n\n" if is_vtt else ""
        self._block: Callable[[Cue, int], str] = _vtt if is_vtt else _srt
        self._n_cues = 0
        self._end_s = 0.0

    def blocks_of(self, final: Final) -> str:
        """Return the cues of the next final, maybe none."""
        cues = cues_of(final, self._end_s)
        blocks = [self._block(cue, self._n_cues + n) for n, cue in enumerate(cues, start=1)]
        self._n_cues += len(cues)
        self._end_s = cues[-1].end_s if cues else self._end_s
        return "".join(blocks)


class SubtitleWriter:
    """Appends the cues of each final to a file; by its suffix SubRip or WebVTT."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Open ``path``, making its folder.

        Raises:
            FileExistsError: there is text in it already, and ``overwrite`` is off.
            OSError: it cannot be written.
        """
        self._file = KeptFile(path, overwrite=overwrite)
        self._subtitles = Subtitles(is_vtt=path.suffix.lower() == ".vtt")
        self._header = self._subtitles.header

    def show(self, timed: TimedEvent) -> None:
        """Write a final; every other event is none of this file's business, but the first begins it.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._file.begin()
        if self._header:
            self._file.append(self._header)
            self._header = ""
        if isinstance(timed.event, Final) and (blocks := self._subtitles.blocks_of(timed.event)):
            self._file.append(blocks)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


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
