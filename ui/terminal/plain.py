"""The view where stdout is not a terminal: a line a final, nothing else."""

from __future__ import annotations

from typing import TextIO

from engine.events import AudioDropped, DecodeFailed, Final, TimedEvent
from ui.formats.text import as_seconds, printable


class PlainView:
    """Writes finals to ``out``, each at once; what was lost is said on ``warnings``."""

    def __init__(self, out: TextIO, warnings: TextIO) -> None:
        self._out = out
        self._warnings = warnings

    def show(self, timed: TimedEvent) -> None:
        """Write what there is to write about one event.

        Raises:
            BrokenPipeError: the reader of ``out`` has gone.
            OSError: ``out`` cannot be written.
        """
        match timed.event:
            case Final(text=text):
                self._out.write(printable(text) + "\n")
                self._out.flush()
            case AudioDropped(start_s=start_s, end_s=end_s):
                self._warn(f"{as_seconds(end_s - start_s)} of audio lost at {start_s:.1f} s")
            case DecodeFailed(is_lost=True, start_s=start_s, end_s=end_s, reason=reason):
                self._warn(
                    printable(f"the model failed over {end_s - start_s:.1f} s of speech at {start_s:.1f} s: {reason}")
                )

    def _warn(self, text: str) -> None:
        self._warnings.write(f"max-whisper: {text}\n")
        self._warnings.flush()
