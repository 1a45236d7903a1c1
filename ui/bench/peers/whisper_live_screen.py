"""What a reader of WhisperLive's client sees, from the messages it receives.  Only the standard library.

As whisper_live/client.py 0.10.0 (``Client.process_segments``): a completed segment is kept where it begins behind the
one before; the last segment, while it is not completed, is shown behind them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ui.scoring.moments import Moment


class WhisperLiveScreen:
    """Takes the segments of each message and keeps the moments.

    Attributes:
        moments: what was shown.
    """

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self._closed: list[str] = []
        self._closed_to_s = 0.0
        self._open = ""

    def receive(self, t_s: float, segments: Sequence[Mapping[str, Any]]) -> None:
        """Take the ``segments`` of one message, which came at ``t_s``."""
        for segment in segments:
            if segment["completed"] and float(segment["start"]) >= self._closed_to_s:
                self._closed.append(segment["text"].strip())
                self._closed_to_s = float(segment["end"])
        if segments and not segments[-1]["completed"]:
            self._open = segments[-1]["text"].strip()
        elif self._open in self._closed:
            self._open = ""
        self.moments.append(Moment(t_s=t_s, closed=tuple(self._closed), open=self._open))

    def end(self, t_s: float) -> None:
        """The client waits no longer: what is open is written down as it stands."""
        self.moments.append(Moment(t_s=t_s, closed=tuple(self._closed), open=self._open))
