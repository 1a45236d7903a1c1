"""The server's log: a line an event on stderr, for people or as JSON.  Never sound, never text, never a token."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_LEVELS = {"ui.server": logging.INFO, "engine": logging.INFO, "uvicorn.error": logging.WARNING}
"""At INFO, uvicorn writes down every address that is asked for, tokens included."""


@contextmanager
def logging_to_stderr(*, as_json: bool) -> Iterator[None]:
    """Send what the server and the engine log in the block to stderr, and nowhere else.

    Libraries may give the root logger a handler, as MAX's compiler does: every line would be there twice.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    loggers = [logging.getLogger(name) for name in _LEVELS]
    for logger in loggers:
        logger.setLevel(_LEVELS[logger.name])
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.propagate = True


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(fields, ensure_ascii=False)
