"""What a reader of whisper_streaming sees, from what its online processor returns.  Only the standard library.

As whisper_online.py prints it (``output_transcript``; its server sends the same lines): a line of what was confirmed,
whenever something was, never revised: shown, stable and final at once.  What is not confirmed goes to the log alone.
"""

from __future__ import annotations

from ui.scoring.moments import Moment

Output = tuple[float | None, float | None, str]
"""Where the text begins and ends, in seconds, and the text; None, None and "" where there is none."""


class WhisperStreamingScreen:
    """Takes each output and keeps the moments.

    Attributes:
        moments: what was shown.
    """

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self._lines: tuple[str, ...] = ()

    def receive(self, t_s: float, output: Output) -> None:
        """Take what was confirmed at ``t_s``."""
        begin_s, _, text = output
        if begin_s is not None:
            self._lines = (*self._lines, text.strip())
            self.moments.append(Moment(t_s=t_s, closed=self._lines))
