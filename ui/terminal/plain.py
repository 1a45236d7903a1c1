"""The view where stdout is not a terminal, or holds a transcript in one of its forms: that, and nothing else."""

from __future__ import annotations

from typing import TextIO

from engine.events import AudioDropped, DecodeFailed, TimedEvent
from ui.formats.text import Lines, as_seconds, printable
from ui.formats.transcripts import Form


class PlainView:
    """Writes a transcript to ``out``, each final at once; what was lost is said on ``warnings``."""

    def __init__(self, out: TextIO, warnings: TextIO, form: Form | None = None) -> None:
        """``form`` is that of the transcript, lines unless given."""
        self._out = out
        self._warnings = warnings
        self._form = form or Lines()

    def show(self, timed: TimedEvent) -> None:
        """Write what there is to write about one event.

        Raises:
            BrokenPipeError: the reader of ``out`` has gone.
            OSError: ``out`` cannot be written.
        """
        self._write(self._form.text_for(timed.event))
        match timed.event:
            case AudioDropped(start_s=start_s, end_s=end_s):
                self._warn(f"{as_seconds(end_s - start_s)} of audio lost at {start_s:.1f} s")
            case DecodeFailed(is_lost=True, start_s=start_s, end_s=end_s, reason=reason):
                self._warn(
                    printable(f"the model failed over {end_s - start_s:.1f} s of speech at {start_s:.1f} s: {reason}")
                )

    def end(self) -> None:
        """Write what stands behind all of it; raises as ``show``."""
        self._write(self._form.ending())

    def _write(self, text: str) -> None:
        if text:
            self._out.write(text)
            self._out.flush()

    def _warn(self, text: str) -> None:
        self._warnings.write(f"max-whisper: {text}\n")
        self._warnings.flush()
