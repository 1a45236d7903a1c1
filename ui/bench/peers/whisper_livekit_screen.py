"""What a reader of WhisperLiveKit's page sees, from the messages it receives.  Only the standard library.

Each message has all lines so far, of validated text, and what is not validated yet, shown behind the last line.
A line of silence has the speaker -2; it, or another line, ends the line before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ui.scoring.moments import Moment

_SILENCE = -2


class WhisperLiveKitScreen:
    """Takes each message and keeps the moments.

    Attributes:
        moments: what was shown.
    """

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self._closed: list[str] = []

    def receive(self, t_s: float, message: Mapping[str, Any]) -> None:
        """Take a message, which came at ``t_s``; those about other things are passed over."""
        if "lines" not in message:
            return
        lines = message["lines"]
        texts = [line["text"].strip() for line in lines if line["speaker"] != _SILENCE and line["text"]]
        is_open = bool(texts) and lines[-1]["speaker"] != _SILENCE
        validated = texts[-1] if is_open and len(texts) > len(self._closed) else ""
        self._closed += texts[len(self._closed) : len(texts) - is_open]
        rest = message["buffer_transcription"].strip()
        shown = f"{validated} {rest}".strip()
        self.moments.append(Moment(t_s=t_s, closed=tuple(self._closed), open=shown, stable=validated))

    def end(self, t_s: float) -> None:
        """The server has said that all is said."""
        before = self.moments[-1] if self.moments else Moment(t_s=t_s, closed=())
        self.moments.append(Moment(t_s=t_s, closed=before.closed, open=before.open, stable=before.stable))
