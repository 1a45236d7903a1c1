"""``max-whisper bench load`` against small servers of both protocols, on this machine, that say what they are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread
from typing import NoReturn

import numpy as np
import pytest
from speech_set import write_speech
from websockets.asyncio.server import ServerConnection, serve
from websockets.sync.connection import Connection
from websockets.sync.server import serve as serve_in_threads

from ui.bench.load.client import Heard, hear_all
from ui.bench.load.messages import OwnMessages, RefusedError, WhisperLiveMessages, protocol_of
from ui.bench.peers.server import HOST
from ui.bench.streaming.streams import StreamMaker
from ui.cli import main

pytestmark = pytest.mark.slow

Answer = Callable[[ServerConnection], Awaitable[None]]
SOUND = np.full(4_000, 1_000, np.int16).tobytes()
"""A quarter of a second."""


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    async with serve(answer, HOST, 0) as server:
        yield f"ws://{HOST}:{server.sockets[0].getsockname()[1]}"


def heard(answer: Answer, protocol: Callable[[], OwnMessages | WhisperLiveMessages], n_streams: int = 1) -> list[Heard]:
    async def run() -> list[Heard]:
        async with answering(answer) as url:
            return await hear_all(f"{url}/stream", protocol, [SOUND] * n_streams, within_s=0.1)

    return asyncio.run(run())


async def own_server(connection: ServerConnection) -> None:
    """Our own protocol: a final that says how many bytes came."""
    n_bytes = 0
    await connection.send(json.dumps({"kind": "session", "seq": 0}))
    async for message in connection:
        if isinstance(message, bytes):
            if not n_bytes:
                partial = {
                    "kind": "partial",
                    "utterance": 1,
                    "text": "so far",
                    "stable": "so",
                    "start": 0.0,
                    "end": 0.1,
                }
                await connection.send(json.dumps(partial))
            n_bytes += len(message)
        elif json.loads(message)["kind"] == "end":
            final = {"kind": "final", "utterance": 1, "text": f"{n_bytes} bytes", "start": 0.0, "end": 0.25}
            for said in (final, {"kind": "status"}, {"kind": "end"}):
                await connection.send(json.dumps(said))


async def whisper_live_server(connection: ServerConnection) -> None:
    """WhisperLive's: a segment that says how many bytes came, and another that stays open."""
    options = json.loads(await connection.recv())
    await connection.send(json.dumps({"uid": options["uid"], "message": "SERVER_READY", "backend": "faster_whisper"}))
    n_bytes = 0
    async for message in connection:
        if message == b"END_OF_AUDIO":
            return
        n_bytes += len(message)
        first = {"start": "0.000", "end": "0.100", "text": f" {n_bytes} bytes", "completed": n_bytes == 16_000}
        rest = [{"start": "0.100", "end": "0.200", "text": " rest", "completed": False}] * first["completed"]
        await connection.send(json.dumps({"uid": options["uid"], "segments": [first, *rest]}))


class ImpatientMessages(WhisperLiveMessages):
    """A client that does not wait 15 s."""

    patience_s = 0.2


def test_our_own_protocol_is_spoken() -> None:
    (one,) = heard(own_server, OwnMessages)

    partial, final = one.trace
    assert "" == one.refusal
    assert ("so far", "so", False, (0.0, 0.1)) == (partial.text, partial.stable, partial.is_closed, partial.span_s)
    assert ("8000 bytes", "", True) == (final.text, final.stable, final.is_closed)
    assert 0.1 <= partial.t_s < 0.25 <= final.t_s


def test_whisper_lives_protocol_is_spoken() -> None:
    (one,) = heard(whisper_live_server, ImpatientMessages)

    last = [view for view in one.trace if view.is_closed]
    assert [(0, "16000 bytes"), (1, "rest")] == [(view.piece, view.text) for view in last]
    assert last[0].t_s < last[1].t_s - 0.2


def test_streams_are_heard_at_once_and_kept_apart() -> None:
    streams = heard(own_server, OwnMessages, n_streams=4)

    assert ["8000 bytes"] * 4 == [one.trace[-1].text for one in streams]
    assert all(one.trace[-1].t_s < 10 for one in streams)


async def refusing(connection: ServerConnection) -> None:
    await connection.send(json.dumps({"kind": "error", "code": "busy", "message": "try again in 5 s"}))
    await connection.close(1013, "busy")


async def breaking(connection: ServerConnection) -> None:
    await connection.send(json.dumps({"kind": "session"}))
    await connection.recv()
    await connection.close(1011, "the model failed")


def test_a_refused_stream_says_why_and_the_others_go_on() -> None:
    asked: list[ServerConnection] = []

    async def second_refused(connection: ServerConnection) -> None:
        asked.append(connection)
        await (refusing if len(asked) == 2 else own_server)(connection)

    assert ["", "try again in 5 s", ""] == [one.refusal for one in heard(second_refused, OwnMessages, n_streams=3)]


def test_a_stream_that_is_given_up_is_no_success() -> None:
    (one,) = heard(breaking, OwnMessages)

    assert "the model failed" in one.refusal


async def silent(connection: ServerConnection) -> None:
    await connection.wait_closed()


def test_a_server_that_never_gets_ready_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.bench.load.client._READY_LIMIT_S", 0.1)

    assert ["not ready within 0.1 s"] == [one.refusal for one in heard(silent, OwnMessages)]


def test_a_server_that_never_ends_is_given_up_and_its_text_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.bench.load.client._LAST_LIMIT_S", 0.1)

    async def endless(connection: ServerConnection) -> None:
        await connection.send(json.dumps({"kind": "session"}))
        await connection.send(json.dumps({"kind": "partial", "utterance": 1, "text": "so", "start": 0, "end": 0.1}))
        await connection.wait_closed()

    (one,) = heard(endless, OwnMessages)
    assert ("not finished 0.1 s after the sound", ["so"]) == (one.refusal, [view.text for view in one.trace])


@pytest.mark.parametrize("said", ["hello", "[]", '{"type": "config"}', '{"kind": "session"}{', b"\x00"])
def test_a_server_of_another_protocol_is_told(said: str | bytes) -> None:
    async def foreign(connection: ServerConnection) -> None:
        await connection.send(said)

    (one,) = heard(foreign, OwnMessages)
    assert "does not speak this protocol" in one.refusal


def test_nobody_listening_is_a_refusal() -> None:
    (one,) = asyncio.run(hear_all(f"ws://{HOST}:9/stream", OwnMessages, [SOUND]))

    assert "" != one.refusal


def test_a_full_whisper_live_says_how_long() -> None:
    with pytest.raises(RefusedError, match=r"full: wait 1\.5 minutes"):
        WhisperLiveMessages().is_ready({"status": "WAIT", "message": 1.5})


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("ws://127.0.0.1:8000/stream?language=en", "own"),
        ("wss://host", "whisper-live"),
        ("ws://h:9090/", "whisper-live"),
    ],
)
def test_the_path_tells_the_protocol(url: str, name: str) -> None:
    assert name == protocol_of(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1/stream", "ws:///stream", "ws://host/v1/listen"])
def test_an_address_that_tells_nothing_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"ws://|--protocol"):
        protocol_of(url)


def test_every_talker_begins_with_another_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("streams", "word_times"):
        monkeypatch.setattr(f"ui.bench.streaming.{module}.bench_folder", lambda: tmp_path / "cache")
    maker = StreamMaker(write_speech(tmp_path), lambda _: [(0.25, 0.5, "word"), (0.5, 0.75, "c")], is_quick=False)

    talkers = maker.talkers(3, 3.0)

    assert ["word a word b", "word b word c", "word c word a"] == [stream.script.text for stream in talkers]
    assert 3 == len({stream.path for stream in talkers})
    assert ["by hand", "by hand, by base, 0.07 s early"] == [stream.times for stream in talkers[:2]]


def talk(connection: Connection) -> None:
    """Our own protocol: "word a", whatever is said."""
    connection.send(json.dumps({"kind": "session"}))
    for message in connection:
        if isinstance(message, str):
            final = {"kind": "final", "utterance": 1, "text": "Word a.", "start": 0.0, "end": 1.0}
            connection.send(json.dumps(final))
            connection.send(json.dumps({"kind": "end"}))
            return


@contextmanager
def listening(answer: Callable[[Connection], None]) -> Iterator[str]:
    """A server in a thread, while the command runs in this one."""
    with serve_in_threads(answer, HOST, 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://{HOST}:{server.socket.getsockname()[1]}/stream?token=secret"
        finally:
            server.shutdown()
            thread.join()


class NobodyListens:
    """Where all words are timed by hand, nobody is asked."""

    def hear(self, path: Path) -> NoReturn:
        raise AssertionError(path)

    def close(self) -> None:
        pass


def test_the_whole_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("ui.bench.streaming.streams.bench_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr("ui.bench.streaming.streams._PAUSE_S", 0.0)
    monkeypatch.setattr("ui.bench.load.command.Listener", NobodyListens)
    kept = tmp_path / "load.json"
    with listening(talk) as url:
        flags = ["--url", url, "--streams", "2", "--seconds", "1", "--audio", str(write_speech(tmp_path))]
        assert 0 == main(["bench", "load", *flags, "--json", str(kept), "--plot", str(tmp_path / "load.svg")])

    content = json.loads(kept.read_text(encoding="utf-8"))
    (run,) = content["runs"]
    assert (2, 4, 1) == (len(run["streams"]), run["score"]["n_words"], run["score"]["n_final_errors"])
    assert "secret" not in capsys.readouterr().out + kept.read_text(encoding="utf-8")
    assert (tmp_path / "load.svg").read_text(encoding="utf-8").startswith("<svg")


def test_an_address_without_a_protocol_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(["bench", "load", "--url", "ws://127.0.0.1/other"])
    assert "name one, own or whisper-live, with --protocol" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--streams", "0"], ["--streams", "1,,2"], ["--seconds", "nan"], ["--peers", "x"]])
def test_senseless_flags_are_refused(flags: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "load", *flags])
