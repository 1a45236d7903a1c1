"""How far a recording is, on stderr, while its text goes elsewhere."""

from __future__ import annotations

from rich.text import Text

from engine.events import Status, TimedEvent
from ui.terminal.live import LiveView
from ui.terminal.render import progress_line


class ProgressView(LiveView):
    """Shows one line and no text; nothing is left of it at the end."""

    _elapsed_s = 0.0

    def show(self, timed: TimedEvent) -> None:
        """Show how far it is."""
        if isinstance(timed.event, Status):
            self._elapsed_s = timed.t_s
            super().show(timed)

    def _frame(self) -> Text:
        return progress_line(self._state, self._elapsed_s, self._console.width)
