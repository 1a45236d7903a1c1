"""``max-whisper serve`` and ``connect``: arguments, exit code, output and log, with a model that needs no MAX."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path

import pytest
from fakes_ui import SAMPLE, SAMPLE_LINES, CountingModel, pcm
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from engine.events import DecodeJob, Hypothesis
from ui import commands
from ui.cli import main
from ui.server.transport import listening_socket

ROOT = Path(__file__).parents[2]
LISTENS = re.compile(r"at http://127\.0\.0\.1:(\d+)")


class ServedModel(CountingModel):
    languages = ("en",)


@pytest.fixture(autouse=True)
def _served_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "model_loader", lambda arguments: ServedModel)


def serve_while(
    work: Callable[[int], None], capfd: pytest.CaptureFixture[str], *flags: str, is_ended: bool = True
) -> tuple[int, str, list[BaseException]]:
    """Serve on any port; once it does, ``work`` runs on a thread, then SIGTERM comes, unless the server ends by itself.

    Returns code, log, failures of work.
    """
    failures: list[BaseException] = []
    log: list[str] = []

    def run() -> None:
        try:
            while not (found := LISTENS.search("".join(log))):
                log.append(capfd.readouterr().err)
            work(int(found[1]))
        except BaseException as error:  # noqa: BLE001  # a thread's top: looked at below
            failures.append(error)
        finally:
            if is_ended:
                os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=run)
    thread.start()
    code = main(["serve", "--port", "0", *flags])
    thread.join()
    return code, "".join(log) + capfd.readouterr().err, failures


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_it_serves_until_sigterm(capfd: pytest.CaptureFixture[str]) -> None:
    answers = {}

    def work(port: int) -> None:
        answers.update({path: get(port, path) for path in ("/healthz", "/readyz", "/v1/info", "/metrics", "/none")})

    code, log, failures = serve_while(work, capfd)

    assert (0, []) == (code, failures)
    assert {"model": "counting", "languages": ["en"], "needs_token": False} == json.loads(answers["/v1/info"][1])
    assert [200, 200, 404] == [answers[path][0] for path in ("/healthz", "/readyz", "/none")]
    assert b"max_whisper_streams 0.0" in answers["/metrics"][1]
    assert "serving counting on abacus at" in log
    assert "ending: 0 streams are finished first" in log


class DeafModel(ServedModel):
    """Its answers are those of no job: the service cannot go on."""

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        return []


def test_it_ends_where_the_service_of_the_model_does(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def talk(port: int) -> None:
        with connect(f"ws://127.0.0.1:{port}/stream") as client:
            client.send(pcm())
            with pytest.raises(ConnectionClosedError, match="1011"):
                list(client)

    monkeypatch.setattr(commands, "model_loader", lambda arguments: DeafModel)
    code, log, failures = serve_while(talk, capfd, is_ended=False)

    assert (1, []) == (code, failures)
    [said] = [line for line in log.splitlines() if line.startswith("max-whisper: ")]
    assert "the model's service has failed: ValueError" in said


def test_the_log_is_json_where_it_is_wanted(capfd: pytest.CaptureFixture[str]) -> None:
    def work(port: int) -> None:
        get(port, "/healthz?token=secret-secret-secret")

    _, log, _ = serve_while(work, capfd, "--log-format", "json")
    lines = [json.loads(line) for line in log.splitlines()]

    assert {"info"} == {line["level"] for line in lines}
    assert all({"time", "logger", "message"} <= line.keys() for line in lines)
    assert "secret" not in log


@pytest.mark.slow
def test_its_own_client_shows_the_same_text(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text, events = tmp_path / "talk.txt", tmp_path / "talk.jsonl"
    done: list[subprocess.CompletedProcess[str]] = []

    def work(port: int) -> None:
        given = [f"127.0.0.1:{port}", "--file", str(SAMPLE), "--output", str(text), "--events", str(events)]
        command = [sys.executable, "-m", "ui", "connect", *given]
        done.append(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False))

    assert serve_while(work, capfd)[2] == []
    assert (0, "") == (done[0].returncode, done[0].stderr)
    assert SAMPLE_LINES == done[0].stdout.splitlines() == text.read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in events.read_text().splitlines()]
    assert {"speech_started": 4, "final": 4} == {kind: kinds.count(kind) for kind in ("speech_started", "final")}


def test_a_port_that_is_taken_is_told_before_the_model_loads(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "model_loader", lambda arguments: pytest.fail("loaded"))
    with listening_socket("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]

        assert main(["serve", "--port", str(port)]) == 1

    assert capfd.readouterr().err.startswith(f"max-whisper: port {port} of 127.0.0.1 cannot be listened on: Address")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 needs --token-file"),
        (["--queue-s", "5"], "must be at least 28, the longest utterance"),
        (["--config", "/nowhere.toml"], "/nowhere.toml cannot be read: No such file"),
        (["--beam-size", "2", "--temperature", "1"], "--beam-size needs a --temperature of 0"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(flags: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["serve", *flags])

    assert ending.value.code == 2
    assert said in capfd.readouterr().err
