"""Standard output for whatever prints by Rich: one that cannot be written ends a command as it does elsewhere."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from ui.errors import written_stdout


class StdoutConsole(Console):
    """Rich's console on stdout, without its own way out: that would be code 1 where a reader left."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401  # Rich's
        """Print as Rich does.

        Raises:
            BrokenPipeError: nobody reads any more.
            OutputError: stdout cannot be written.
        """
        with written_stdout():
            super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Leave it to the caller: Rich asks this when nobody reads any more."""
        raise BrokenPipeError
