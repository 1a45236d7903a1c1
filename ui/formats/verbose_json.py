"""A transcript as one JSON object, the verbose_json of OpenAI's transcription API, whole on disk as it grows."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from engine.config import has_spaces
from engine.events import Event, Final, Status, TimedEvent
from ui.formats.event_lines import segment_fields, word_fields
from ui.formats.kept_file import make_room_for
from ui.formats.languages import LANGUAGE_NAMES

_SHARE_UNWRITTEN = 20
"""The file is written anew when one in so many segments is not in it yet: all of it takes time in proportion."""


class VerboseTranscript:
    """All finals of a recording as one JSON object.

    Attributes:
        text: of all of them.
        duration_s: seconds of audio heard.
    """

    def __init__(self, *, task: str) -> None:
        """``task``: "transcribe" or "translate"."""
        self._task, self._language = task, ""
        self._segments: list[dict[str, Any]] = []
        self._words: list[dict[str, Any]] = []
        self.text, self.duration_s, self._is_spaced = "", 0.0, False

    @property
    def n_segments(self) -> int:
        """How many segments there are."""
        return len(self._segments)

    def take(self, event: Event) -> str:
        """Take a final, and from the status how much was heard; return what is new at the end of ``text``."""
        if isinstance(event, Status):
            self.duration_s = event.now_s
        if not isinstance(event, Final):
            return ""
        self._language = self._language or event.language
        self.duration_s = max(self.duration_s, event.end_s)
        for segment in event.segments:
            place = {"id": len(self._segments), "seek": round(100 * event.start_s)}
            self._segments.append(place | segment_fields(segment))
        self._words += map(word_fields, event.words)
        is_spaced = has_spaces(event.language, is_translated=self._task == "translate")
        new = f" {event.text}" if (is_spaced or self._is_spaced) and self.text else event.text
        self._is_spaced = is_spaced
        self.text += new
        return new

    def text_for(self, event: Event) -> str:
        """Take ``event``, and return nothing: one object is not written in parts."""
        self.take(event)
        return ""

    def ending(self) -> str:
        """Return all of it, as a line of JSON."""
        return json.dumps(self.fields(), ensure_ascii=False) + "\n"

    def fields(self) -> dict[str, Any]:
        """Return ``task``, ``language``, ``duration``, ``text``, ``segments`` and, where there are some, ``words``.

        The language is that of the first final, by its English name; the duration is in seconds of audio heard.  A
        segment's ``seek`` is where the piece of audio it was heard in begins, in 10 ms; all else is as in
        docs/events.md.
        """
        return {
            "task": self._task,
            "language": LANGUAGE_NAMES.get(self._language, self._language),
            "duration": round(self.duration_s, 3),
            "text": self.text,
            "segments": self._segments,
        } | ({"words": self._words} if self._words else {})


class VerboseJsonWriter:
    """Keeps all finals in a file that is one valid JSON object from the first event on."""

    def __init__(self, path: Path, *, task: str, overwrite: bool = False) -> None:
        """See that ``path`` can be written, making its folder.

        Args:
            path: the file; what is no regular file, as a pipe, is written once, at the end.
            task: "transcribe" or "translate".
            overwrite: whether text in it may be replaced.

        Raises:
            FileExistsError: there is text in it already, and ``overwrite`` is off.
            OSError: it cannot be written.
        """
        make_room_for(path, overwrite=overwrite)
        self._is_replaced = path.is_file() or not path.exists()
        # Where a link leads: the link stays.
        self._path = path.resolve() if self._is_replaced else path
        self._transcript = VerboseTranscript(task=task)
        self._n_written = 0
        self._is_begun = False
        if self._is_replaced:
            _check_replaceable(self._path)

    def show(self, timed: TimedEvent) -> None:
        """Take a final, and from the status how much was heard; the first event begins the file.

        Raises:
            OSError: the disk is full, or gone; what was written before is still there.
        """
        self._transcript.take(timed.event)
        n_segments = self._transcript.n_segments
        is_due = isinstance(timed.event, Final) and (n_segments - self._n_written) * _SHARE_UNWRITTEN >= n_segments
        if self._is_replaced and (is_due or not self._is_begun):
            self._write()
        self._is_begun = True

    def close(self) -> None:
        """Write what is missing; where nothing was heard of, nothing.

        Raises:
            OSError: the disk is full, or gone; what was written before is still there.
        """
        if self._is_begun:
            self._write()

    def _write(self) -> None:
        content = self._transcript.ending()
        if self._is_replaced:
            _replace(self._path, content)
        else:
            self._path.write_text(content, encoding="utf-8", errors="replace")
        self._n_written = self._transcript.n_segments


def _check_replaceable(path: Path) -> None:
    """See that a file can be made beside ``path``."""
    part = _beside(path)
    part.touch()
    part.unlink()


def _replace(path: Path, content: str) -> None:
    """Put ``content`` in the place of what ``path`` holds, which stays until all of the new is on the disk."""
    part = _beside(path)
    try:
        with part.open("w", encoding="utf-8", errors="replace") as file:
            if path.exists():
                shutil.copymode(path, part)  # before there is text in it that not everybody may read
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
