"""A transcript in a file, in the form that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from engine.events import Event, TimedEvent
from ui.formats.kept_file import KeptFile
from ui.formats.output import USUAL, Shape, form_of
from ui.formats.subtitles import Subtitles
from ui.formats.text import Lines
from ui.formats.verbose_json import VerboseJsonWriter, VerboseTranscript


class Form(Protocol):
    """Makes the text of one transcript, event by event."""

    def text_for(self, event: Event) -> str:
        """Return what ``event`` adds, maybe nothing."""

    def ending(self) -> str:
        """Return what stands behind all of it."""


class TranscriptWriter:
    """Appends to a file what each event adds, and sees that it reaches the disk, so that nothing said is lost."""

    def __init__(self, path: Path, form: Form, *, overwrite: bool = False) -> None:
        """Open ``path``, making its folder.

        Raises:
            FileExistsError: there is text in it already, and ``overwrite`` is off.
            OSError: it cannot be written.
        """
        self._file = KeptFile(path, overwrite=overwrite)
        self._form = form

    def show(self, timed: TimedEvent) -> None:
        """Write what there is to write of one event; the first, whatever it is, begins the file.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._file.begin()
        if text := self._form.text_for(timed.event):
            self._file.append(text)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def new_form(name: str, *, task: str, shape: Shape = USUAL) -> Form:
    """Return a transcript that holds nothing yet.

    Args:
        name: one of ``FORMS``.
        task: "transcribe" or "translate".
        shape: of its cues, where it has some.
    """
    match name:
        case "srt" | "vtt":
            return Subtitles(is_vtt=name == "vtt", shape=shape)
        case "json":
            return VerboseTranscript(task=task)
        case _:
            return Lines()


def transcript_writer(
    path: Path, *, task: str, form: str | None = None, shape: Shape = USUAL, overwrite: bool = False
) -> TranscriptWriter | VerboseJsonWriter:
    """Open ``path`` for a transcript.

    Args:
        path: the file, whose folder is made.
        task: "transcribe" or "translate".
        form: one of ``FORMS``; unless given, its ending says it.
        shape: of its cues, where it has some.
        overwrite: whether text in it may be replaced.

    Raises:
        FileExistsError: there is text in it already, and ``overwrite`` is off.
        OSError: it cannot be written.
    """
    form = form or form_of(path) or "txt"
    if form == "json":
        return VerboseJsonWriter(path, task=task, overwrite=overwrite)
    return TranscriptWriter(path, new_form(form, task=task, shape=shape), overwrite=overwrite)
