"""What peers showed as traces, the pace they are fed at, and that their servers end: without any of them installed."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ui.bench.peers import pacing
from ui.bench.peers.conversions import weights_for
from ui.bench.peers.environment import environment
from ui.bench.peers.pacing import Recording, read_pcm
from ui.bench.peers.server import HOST, Server
from ui.bench.peers.whisper_live_screen import WhisperLiveScreen
from ui.bench.peers.whisper_livekit_screen import WhisperLiveKitScreen
from ui.bench.streaming.peers import PEERS
from ui.scoring.corrections import steadiness_of
from ui.scoring.moments import Moment, trace_of_moments
from ui.scoring.traces import View, trace_as_json, trace_from_json

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parent.parent


def moment(t_s: float, *closed: str, shown: str = "", stable: str = "") -> Moment:
    return Moment(t_s=t_s, closed=closed, open=shown, stable=stable)


def brief(trace: list[View]) -> list[tuple[float, int, str, str, bool]]:
    return [(view.t_s, view.piece, view.text, view.stable, view.is_closed) for view in trace]


def test_an_open_text_is_cut_where_it_was_cut_later() -> None:
    trace = trace_of_moments([
        moment(1.0, shown="Good mourning every"),
        moment(2.0, "Good morning,", shown="everyone. How"),
        moment(3.0, "Good morning,", "everyone.", shown="How are"),
    ])  # fmt: skip

    assert brief(trace) == [
        (1.0, 0, "Good mourning", "", False), (1.0, 1, "every", "", False),
        (2.0, 0, "Good morning,", "", True), (2.0, 1, "everyone.", "", False), (2.0, 2, "How", "", False),
        (3.0, 1, "everyone.", "", True), (3.0, 2, "How are", "", False), (3.0, 2, "How are", "", True),
    ]  # fmt: skip


def test_a_word_that_moves_into_the_next_piece_is_no_correction() -> None:
    trace = trace_of_moments([moment(1.0, shown="one two"), moment(2.0, "one", shown="two"), moment(3.0, "one", "two")])

    pieces = [[view for view in trace if view.piece == piece] for piece in (0, 1)]
    assert [0, 0] == [steadiness_of(piece).n_changed for piece in pieces]
    assert 1.0 == pieces[1][0].t_s


def test_stable_words_are_those_at_the_beginning() -> None:
    trace = trace_of_moments(
        [moment(1.0, shown="a b c", stable="a b"), moment(2.0, "a", shown="b c d", stable="b c d")]
    )

    assert brief(trace)[:2] == [(1.0, 0, "a", "a", False), (1.0, 1, "b c", "b", False)]


def test_what_disappears_is_an_empty_view_and_closes_empty() -> None:
    trace = trace_of_moments([moment(1.0, shown="Thank you."), moment(2.0), moment(3.0)])

    assert brief(trace) == [(1.0, 0, "Thank you.", "", False), (2.0, 0, "", "", False), (3.0, 0, "", "", True)]


def test_what_does_not_change_is_no_view() -> None:
    trace = trace_of_moments([moment(t_s, shown="same") for t_s in (1.0, 2.0, 3.0)])

    assert [(1.0, False), (3.0, True)] == [(view.t_s, view.is_closed) for view in trace]


def test_the_same_words_much_later_are_others() -> None:
    later = " ".join(f"word{i}" for i in range(40))
    trace = trace_of_moments([moment(1.0, shown="end"), moment(2.0, later), moment(3.0, later, "end")])

    assert (1.0, 0, "end", "", False) == brief(trace)[0]


def test_a_word_that_stands_in_the_next_text_too_stays_where_the_text_has_got_to() -> None:
    first = "the hall with thousands of people was not worth a thought"
    trace = trace_of_moments([
        moment(1.0, shown="the hall with some"), moment(2.0, first), moment(3.0, first, "he came with some")
    ])  # fmt: skip

    assert (1.0, 0, "the hall with some", "", False) == brief(trace)[0]


@pytest.mark.parametrize("moments", [[], [moment(1.0)], [moment(1.0, "a"), moment(2.0, "a", "b", shown="c")]])
def test_a_trace_of_moments_is_one(moments: list[Moment]) -> None:
    trace = trace_of_moments(moments)

    assert trace == trace_from_json(trace_as_json(trace))


def segment(start_s: float, end_s: float, text: str, *, completed: bool = False) -> dict[str, Any]:
    """As WhisperLive 0.10.0 sends it."""
    return {"start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "text": text, "completed": completed}


def test_whisper_live_shows_what_it_completed_and_the_open_segment() -> None:
    screen = WhisperLiveScreen()
    first = segment(0.0, 2.0, " And so am I fellow Americans.", completed=True)

    screen.receive(2.72, [segment(0.0, 2.7, " And so am I fellow Americans.")])
    screen.receive(4.15, [first, segment(3.3, 4.1, " Ask.")])
    screen.receive(4.59, [first, segment(3.3, 4.5, " ask not")])
    screen.end(19.0)

    said = ("And so am I fellow Americans.",)
    assert screen.moments == [
        moment(2.72, shown=said[0]), moment(4.15, *said, shown="Ask."), moment(4.59, *said, shown="ask not"),
        moment(19.0, *said, shown="ask not"),
    ]  # fmt: skip


def test_whisper_live_keeps_a_segment_once_and_hides_the_open_one_that_became_it() -> None:
    screen = WhisperLiveScreen()

    screen.receive(1.0, [segment(0.0, 1.0, " yes")])
    screen.receive(2.0, [segment(0.0, 1.0, " yes", completed=True)])
    screen.receive(3.0, [segment(0.0, 1.0, " yes", completed=True), segment(0.5, 2.0, " no", completed=True)])

    assert [moment(1.0, shown="yes"), moment(2.0, "yes"), moment(3.0, "yes")] == screen.moments


def message(*lines: tuple[int, str], rest: str = "") -> dict[str, Any]:
    """As WhisperLiveKit 0.2.26 sends it, without what is not read."""
    return {
        "lines": [{"speaker": speaker, "text": text} for speaker, text in lines],
        "buffer_transcription": rest,
    }


def test_whisper_live_kit_shows_lines_and_what_is_not_validated() -> None:
    screen = WhisperLiveKitScreen()

    screen.receive(0.0, {"type": "config", "useAudioWorklet": True})
    screen.receive(1.0, message((1, " And so"), rest=" my fella-"))
    screen.receive(2.0, message((1, " And so my fellow"), (-2, "")))
    screen.receive(3.0, message((1, " And so my fellow"), (-2, ""), (1, " Ask"), rest=" not"))
    screen.end(4.0)

    assert screen.moments == [
        moment(1.0, shown="And so my fella-", stable="And so"), moment(2.0, "And so my fellow"),
        moment(3.0, "And so my fellow", shown="Ask not", stable="Ask"),
        moment(4.0, "And so my fellow", shown="Ask not", stable="Ask"),
    ]  # fmt: skip


def write_wav(path: Path, n_samples: int, rate: int = 16_000) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * n_samples))
    return str(path)


def test_a_block_is_handed_over_when_its_last_sample_was_recorded(tmp_path: Path) -> None:
    recording = Recording(read_pcm(write_wav(tmp_path / "a.wav", 2_400)))

    handed = [(len(block), recording.now_s) for block in recording.paced()]

    assert [3_200, 1_600] == [n_bytes for n_bytes, _ in handed]
    assert [0.1, 0.15] == [recording.due_s(index) for index in range(2)]
    assert all(t_s >= due_s for (_, t_s), due_s in zip(handed, (0.1, 0.15), strict=True))


def test_sound_that_came_late_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([5.0, 5.36])
    monkeypatch.setattr(pacing, "time", SimpleNamespace(perf_counter=lambda: next(moments)))
    recording = Recording(bytes(3_200 * 4))
    assert [] == recording.notes

    assert 0.0 == recording.rest_s(0)
    assert ["its sound was handed over up to 0.3 s late"] == recording.notes


def test_steps_have_whole_blocks_and_wait_for_who_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now_s=0.0)

    def sleep(time_s: float) -> None:
        clock.now_s += time_s

    monkeypatch.setattr(pacing, "time", SimpleNamespace(perf_counter=lambda: clock.now_s, sleep=sleep))
    taken = []
    for step, takes_s in zip(Recording(bytes(2 * 60_000)).in_steps(1.0), (1.33, 0.1, 0.0, 0.0), strict=True):
        taken.append((*step, round(clock.now_s, 2)))
        sleep(takes_s)

    assert [(0, 16_000, 1.0), (16_000, 36_800, 2.33), (36_800, 52_800, 3.3), (52_800, 60_000, 3.75)] == taken


def test_another_rate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="16000 Hz, got"):
        read_pcm(write_wav(tmp_path / "a.wav", 100, rate=8_000))


def test_a_process_ends_with_its_standard_input() -> None:
    script = f"""
import sys, time
sys.path.insert(0, {str(REPOSITORY)!r})
from ui.bench.peers.lifeline import end_with_standard_input
end_with_standard_input()
print("up", flush=True)
time.sleep(60)
sys.exit(1)
"""
    command = [sys.executable, "-I", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert b"up\n" == process.stdout.readline()
        began = time.monotonic()
        process.stdin.close()

        assert 0 == process.wait(timeout=30)
        assert time.monotonic() - began < 30


SERVER = f"""
import json, socket, sys
sys.path.insert(0, {str(REPOSITORY)!r})
from ui.bench.peers.lifeline import end_with_standard_input
from ui.bench.peers.server import HOST
end_with_standard_input()
settings = json.loads(sys.argv[1])
if settings["is_ill"]:
    sys.exit("no weights")
with socket.create_server((HOST, settings["port"])) as listening:
    while True:
        connection, _ = listening.accept()
        connection.sendall(b"hello")
"""


def test_a_server_listens_and_is_measured(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    server = Server(tmp_path / "server.py", {"is_ill": False}, {})
    try:
        with socket.create_connection((HOST, server.port), timeout=10) as connection:
            assert b"hello" == connection.recv(5)
        assert server.cpu_s > 0
        assert server.peak_mib > 1
    finally:
        server.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, server.port), timeout=10)


def test_a_server_that_does_not_come_up_is_told_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")

    with pytest.raises(RuntimeError, match="its server ended with exit code 1: no weights"):
        Server(tmp_path / "server.py", {"is_ill": True}, {})


def test_what_is_installed_alone_brings_nothing_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        (tmp_path / "peers" / "big-2").mkdir(parents=True, exist_ok=True)
        ran.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("ui.bench.peers.environment.bench_folder", lambda: tmp_path)
    monkeypatch.setattr(subprocess, "run", run)

    pythons = [environment(("small==1",), ("big==2",)) for _ in range(2)]

    assert [tmp_path / "peers" / "big-2" / "bin" / "python"] * 2 == pythons
    assert [["small==1"], ["--no-deps", "big==2"]] == [command[6:] for command in ran[1:]]


def test_every_peer_has_a_worker_and_pinned_versions() -> None:
    for program in PEERS.values():
        assert program.worker.is_file()
        assert all(name.count("==") == 1 for name in (*program.alone, *program.requirements))
        names = ["faster-whisper==1.2.1, ctranslate2==4.8.5", "whisper_streaming-1f25a1a, faster-whisper==1.2.1"]
        assert program.version.startswith((*names, *program.alone))


@pytest.mark.weights
def test_one_folder_holds_both_forms() -> None:
    folder = weights_for("both", "tiny.en")

    assert "tiny.en" == folder.name
    assert {"model.bin", "config.json", "tiny.en.npz", "tokenizer.json"} <= {path.name for path in folder.iterdir()}
