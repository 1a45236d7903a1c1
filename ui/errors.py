"""From what went wrong to what a person reads, and the exit code."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from ui.paths import crash_log_path


class OutputError(Exception):
    """A file the user asked for cannot be written; the message is shown as it is."""


@contextmanager
def written_stdout() -> Iterator[None]:
    """Say of a stdout that cannot be written in the block what to do; a reader that left is no such failure.

    Raises:
        BrokenPipeError: nobody reads any more.
        OutputError: it cannot be written.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written ({error.strerror}): send it elsewhere") from error


EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_READER_GONE = 141
"""As a shell reports a program that wrote into a pipe nobody reads."""


def complain(message: object) -> None:
    """Say on stderr what went wrong, whoever worded it; a closed stderr is no reason to fail."""
    from ui.formats.text import printable  # brings NumPy, for which --help should not wait

    lines = [printable(line) for line in f"max-whisper: {message}".split("\n")]
    try:
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return


class CrashLog(logging.Handler):
    """Keeps the details of errors that were logged and survived; says so once."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._has_told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not self._has_told:
            self._has_told = True
            report_crash(error)


def report_crash(error: BaseException) -> None:
    """Keep the details of an unexpected error in the log and say where they are."""
    path = crash_log_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(f"--- {datetime.now().astimezone().isoformat(timespec='seconds')}  {_command_line()}\n")
            log.writelines(traceback.format_exception(error))
    except OSError as reason:
        complain(f"this is a fault of the program: {error!r} (its log {path} cannot be written: {reason})")
        return
    complain(f"this is a fault of the program: {error!r}. The details are in {path}; please report them.")


def _command_line() -> str:
    """What was asked for; an address may hold a token, and the log is made to be shown."""
    return re.sub(r"(token=)[^&#\s]+", r"\1…", " ".join(sys.argv))
