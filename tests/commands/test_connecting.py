"""``max-whisper connect``: arguments, exit code and what it says, of servers that are not ours too."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
from fakes_ui import SAMPLE
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from ui.cli import _parser, main
from ui.connect_arguments import Address
from ui.remote import client


@contextlib.contextmanager
def answering(
    answer: Callable[[ServerConnection], None],
    asked: Callable[[ServerConnection, Request], Response | None] | None = None,
) -> Iterator[str]:
    """The address of a server that does that with each client, then closes; ``asked`` may answer before."""
    with serve(answer, "127.0.0.1", 0, process_request=asked) as server:
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


@pytest.mark.parametrize(
    ("text", "url", "token"),
    [
        ("localhost:8000", "ws://localhost:8000/stream", None),
        ("http://host", "ws://host/stream", None),
        ("HTTPS://host/captions/", "wss://host/captions/stream", None),
        ("https://host/captions/#token=a%2Bb&x=1", "wss://host/captions/stream", "a+b"),
        ("host:8000#token=a://b", "ws://host:8000/stream", "a://b"),
        ("https://host/#top", "wss://host/stream", None),
        ("wss://host/captions/stream?rate=16000", "wss://host/captions/stream?rate=16000", None),
    ],
)
def test_the_address_of_the_page_is_that_of_the_server(text: str, url: str, token: str | None) -> None:
    assert Address(url, token) == _parser().parse_args(["connect", text]).address


@pytest.mark.parametrize("address", ["htps://host/", "https://", "https://[::1/", "host:99999", "host:0", "host:eight"])
def test_what_is_no_address_is_wrong_usage_and_its_token_is_not_shown(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["connect", f"{address}?token=secret#token=secret"])
    err = capfd.readouterr().err
    assert (2, True) == (ending.value.code, f"must be an address as http://host:8000, got {address}" in err)
    assert "secret" not in err


def test_the_token_of_the_address_is_shown_to_the_server_alone(capfd: pytest.CaptureFixture[str]) -> None:
    asked: list[Request] = []

    def refuse(connection: ServerConnection, request: Request) -> Response:
        asked.append(request)
        return connection.respond(403, "")

    with answering(lambda client: None, refuse) as address:
        assert main(["connect", f"http://me:secret@{address}/a/?token=secret#token=secret", "--file", str(SAMPLE)]) == 1
    [request] = asked
    assert "/a/stream?token=secret" == request.path
    assert "Bearer secret" in request.headers.get_all("Authorization")
    assert capfd.readouterr().err == f"max-whisper: ws://{address}/a/stream answers 403: check the address\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            list,
            "/stream says nothing: check the address, and that a max-whisper server is there",
        ),
        (lambda client: client.close(), "/stream broke the connection off"),
        (lambda client: client.send('{"kind": "session"}'), "the server sent a 'session' that makes no sense"),
    ],
    ids=["silent", "closing", "mistaken"],
)
def test_a_server_that_says_no_hello_is_told(
    answer: Callable[[ServerConnection], None],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(client, "_HELLO_S", 0.1)
    with answering(answer) as address:
        assert main(["connect", address, "--file", str(SAMPLE)]) == 1
    err = capfd.readouterr().err
    assert (1, True) == (len(err.splitlines()), said in err), err


def test_a_server_that_is_not_there_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", "127.0.0.1:9", "--file", str(SAMPLE)]) == 1
    assert "ws://127.0.0.1:9/stream cannot be reached" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--tls-ca", "/nowhere.pem"], 1, "--tls-ca /nowhere.pem cannot be used (No such file or directory)"),
        (["--tls-ca", str(SAMPLE)], 1, "cannot be used"),
        (["--paced", "--pipe"], 2, "--paced needs --file"),
        (["--token-file", "tokens"], 2, "--token-file and a token in the address contradict each other"),
    ],
)
def test_what_connect_cannot_use_is_named(
    flags: list[str], code: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = main(
            [
                "connect",
                "https://127.0.0.1:9/#token=secret",
                *([] if "--pipe" in flags else ["--file", str(SAMPLE)]),
                *flags,
            ]
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
