"""What goes to the server's log, and how often."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from ui.server.logs import logging_to_stderr


@pytest.fixture
def elsewhere() -> Iterator[io.StringIO]:
    """What a handler of the root logger writes, such as a library installs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def test_a_line_is_there_once_whatever_libraries_install(
    elsewhere: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to_stderr(as_json=True):
        logging.getLogger("ui.server").info("serving")
    logging.getLogger("ui.server").info("over")

    assert ["serving"] == [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()]
    assert "over\n" == elsewhere.getvalue()
