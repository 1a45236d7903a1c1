"""``max-whisper connect``: arguments, exit code and what it says, of servers that are not ours too."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
from fakes_ui import SAMPLE
from websockets.sync.server import ServerConnection, serve

from ui.cli import main


@contextlib.contextmanager
def answering(answer: Callable[[ServerConnection], None]) -> Iterator[str]:
    """The address of a server that does that with each client, then closes."""
    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_writes_nothing_but_text_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    error = r'{"kind": "error", "code": "busy", "message": "full \u001b]0;yours\u0007\u009b2J\nok"}'
    with answering(lambda client: client.send(error)) as address:
        assert main(["connect", address, "--file", str(SAMPLE)]) == 1
    assert capfd.readouterr() == ("", "max-whisper: the server refuses: full  ]0;yours  2J ok\n")


def test_a_server_that_is_not_there_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", "127.0.0.1:9", "--file", str(SAMPLE)]) == 1
    assert "ws://127.0.0.1:9/stream cannot be reached" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--tls-ca", "/nowhere.pem"], 1, "--tls-ca /nowhere.pem cannot be used (No such file or directory)"),
        (["--tls-ca", str(SAMPLE)], 1, "cannot be used"),
        (["--paced", "--pipe"], 2, "--paced needs --file"),
    ],
)
def test_what_connect_cannot_use_is_named(
    flags: list[str], code: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = main(
            ["connect", "https://127.0.0.1:9", *([] if "--pipe" in flags else ["--file", str(SAMPLE)]), *flags]
        )
    except SystemExit as error:
        ended = error.code
    err = capfd.readouterr().err
    assert (code, True) == (ended, said in err), err
    assert "fault of the program" not in err


def test_a_proxy_that_makes_no_sense_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("https_proxy", "ftp://nowhere.example")
    assert main(["connect", "https://captions.example", "--file", str(SAMPLE)]) == 1
    assert "the proxy of this environment cannot be used" in capfd.readouterr().err
