"""Which form a transcript takes: its file's suffix says."""

from __future__ import annotations

from pathlib import Path

from ui.formats.subtitles import SubtitleWriter
from ui.formats.text import TextWriter
from ui.formats.verbose_json import VerboseJsonWriter

Transcript = TextWriter | SubtitleWriter | VerboseJsonWriter


def transcript_writer(path: Path, *, task: str, overwrite: bool = False) -> Transcript:
    """Open ``path`` for a transcript: subtitles for .srt and .vtt, verbose_json for .json, else plain text.

    Args:
        path: the file, whose folder is made.
        task: "transcribe" or "translate".
        overwrite: whether text in it may be replaced.

    Raises:
        FileExistsError: there is text in it already, and ``overwrite`` is off.
        OSError: it cannot be written.
    """
    match path.suffix.lower():
        case ".srt" | ".vtt":
            return SubtitleWriter(path, overwrite=overwrite)
        case ".json":
            return VerboseJsonWriter(path, task=task, overwrite=overwrite)
        case _:
            return TextWriter(path, overwrite=overwrite)
