"""A transcript as one JSON object, the verbose_json of OpenAI's transcription API, whole on disk as it grows."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from engine.config import WITHOUT_SPACES
from engine.events import Final, Status, TimedEvent
from ui.formats.event_lines import segment_fields, word_fields
from ui.formats.kept_file import make_room_for
from ui.formats.languages import LANGUAGE_NAMES

_SHARE_UNWRITTEN = 20
"""The file is written anew when one in so many segments is not in it yet: all of it takes time in proportion."""


class VerboseJsonWriter:
    """Keeps all finals in a file that is one valid JSON object from the first event on.

    Its fields: ``task``, ``language`` (its English name, that of the first final), ``duration`` (seconds of audio
    heard), ``text``, ``segments`` and, where there are some, ``words``.  A segment's ``seek`` is where the piece of
    audio it was heard in begins, in 10 ms; all else as in docs/events.md.
    """

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
        self._task, self._language, self._duration_s = task, "", 0.0
        self._texts: list[str] = []
        self._segments: list[dict[str, Any]] = []
        self._words: list[dict[str, Any]] = []
        self._n_unwritten = 0
        self._is_begun = False
        if self._is_replaced:
            # Nothing yet: where no model can be loaded, the next try finds no text that it would have to keep.
            _replace(self._path, "")

    def show(self, timed: TimedEvent) -> None:
        """Take a final, and from the status how much was heard; the first event begins the file.

        Raises:
            OSError: the disk is full, or gone; what was written before is still there.
        """
        event = timed.event
        if isinstance(event, Status):
            self._duration_s = event.now_s
        if isinstance(event, Final):
            self._take(event)
        is_due = isinstance(event, Final) and self._n_unwritten * _SHARE_UNWRITTEN >= len(self._segments)
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

    def _take(self, final: Final) -> None:
        self._language = self._language or final.language
        self._duration_s = max(self._duration_s, final.end_s)
        self._texts.append(final.text)
        for segment in final.segments:
            place = {"id": len(self._segments), "seek": round(100 * final.start_s)}
            self._segments.append(place | segment_fields(segment))
        self._words += map(word_fields, final.words)
        self._n_unwritten += len(final.segments)

    def _write(self) -> None:
        content = json.dumps(self._fields(), ensure_ascii=False) + "\n"
        if self._is_replaced:
            _replace(self._path, content)
        else:
            self._path.write_text(content, encoding="utf-8", errors="replace")
        self._n_unwritten = 0

    def _fields(self) -> dict[str, Any]:
        is_unspaced = self._language in WITHOUT_SPACES and self._task == "transcribe"
        return {
            "task": self._task,
            "language": LANGUAGE_NAMES.get(self._language, self._language),
            "duration": round(self._duration_s, 3),
            "text": ("" if is_unspaced else " ").join(self._texts),
            "segments": self._segments,
        } | ({"words": self._words} if self._words else {})


def _replace(path: Path, content: str) -> None:
    """Put ``content`` in the place of what ``path`` holds, which stays until all of the new is on the disk."""
    part = path.with_name(f".{path.name}.part")
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
