"""whisper_streaming as a peer, without it: where its file comes from, what it shows, and how its worker uses it."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import wave
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError, URLError

import pytest

from ui.bench.peers.environment import PeerError, environment
from ui.bench.peers.source import source_folder
from ui.bench.peers.whisper_streaming_screen import WhisperStreamingScreen
from ui.bench.programs import SourceFile
from ui.bench.streaming.command import _peers_runs
from ui.bench.streaming.peers import PEERS
from ui.bench.worker import Worker
from ui.cli import _arguments
from ui.scoring.moments import Moment, trace_of_moments
from ui.scoring.traces import trace_from_json

CONTENT = b"print('its program')\n"
SOURCE = SourceFile(
    repository="somebody/program",
    commit="0123456789" * 4,
    name="program.py",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    flag="--program",
)
ADDRESS = f"https://raw.githubusercontent.com/somebody/program/{SOURCE.commit}/program.py"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were asked for; the net has the file, and the cache folder is this test's."""
    addresses: list[str] = []

    def urlopen(address: str, timeout: float) -> io.BytesIO:
        addresses.append(address)
        return io.BytesIO(CONTENT)

    monkeypatch.setattr("ui.bench.peers.source.urlopen", urlopen)
    monkeypatch.setattr("ui.bench.peers.source.bench_folder", lambda: tmp_path / "cache")
    return addresses


def test_the_file_is_fetched_once(asked: list[str], tmp_path: Path) -> None:
    folders = [source_folder(SOURCE, None) for _ in range(2)]

    assert [tmp_path / "cache" / "peers" / "sources" / "program-0123456"] * 2 == folders
    assert [ADDRESS] == asked
    assert {"program.py": CONTENT} == {path.name: path.read_bytes() for path in folders[0].iterdir()}


def test_a_file_that_was_changed_is_fetched_anew(asked: list[str]) -> None:
    (source_folder(SOURCE, None) / "program.py").write_bytes(b"")

    assert CONTENT == (source_folder(SOURCE, None) / "program.py").read_bytes()
    assert 2 == len(asked)


def test_another_content_is_not_kept(asked: list[str], tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=f"is not what it was: its SHA-256 must be {'0' * 64}"):
        source_folder(replace(SOURCE, sha256="0" * 64), None)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "error", [URLError("no such host"), HTTPError(ADDRESS, 404, "Not Found", None, None), TimeoutError("timed out")]
)
def test_without_the_net_it_is_said_how_to_go_on(
    error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def urlopen(address: str, timeout: float) -> io.BytesIO:
        raise error

    monkeypatch.setattr("ui.bench.peers.source.urlopen", urlopen)
    monkeypatch.setattr("ui.bench.peers.source.bench_folder", lambda: tmp_path)

    with pytest.raises(PeerError, match=r"could not be fetched \(.+\); --program names a folder that has it"):
        source_folder(SOURCE, None)
    assert [] == list(tmp_path.iterdir())


def test_a_copy_is_taken_where_it_is(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "program.py").write_bytes(CONTENT)

    assert tmp_path == source_folder(SOURCE, tmp_path)
    assert [] == asked


def test_a_copy_of_another_version_is_refused(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "program.py").write_bytes(CONTENT + b"\n")

    with pytest.raises(PeerError, match=rf"program\.py is not there, or is not that of commit {SOURCE.commit}"):
        source_folder(SOURCE, tmp_path)
    assert [] == asked


def test_an_environment_may_have_the_name_of_what_is_installed_by_other_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "peers" / "there-1").mkdir(parents=True)
    (tmp_path / "peers" / "there-1" / "ready").write_text("small==1", encoding="utf-8")
    monkeypatch.setattr("ui.bench.peers.environment.bench_folder", lambda: tmp_path)

    assert tmp_path / "peers" / "there-1" / "bin" / "python" == environment(("small==1",), name="there-1")


def test_the_folder_of_a_copy_is_a_flag_or_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_WHISPER_WHISPER_STREAMING", "there")
    assert Path("there") == _arguments(["bench", "streaming"]).whisper_streaming
    assert Path("here") == _arguments(["bench", "streaming", "--whisper-streaming", "here"]).whisper_streaming
    monkeypatch.setenv("MAX_WHISPER_WHISPER_STREAMING", "")
    assert _arguments(["bench", "streaming"]).whisper_streaming is None


def test_without_its_file_the_peer_is_noted_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--peers", "whisper-streaming,whisper-streaming-int8", "--whisper-streaming", str(tmp_path)]
    monkeypatch.setattr("ui.bench.peers.conversions.weights_for", lambda form, which: tmp_path)
    notes: list[str] = []

    assert [] == list(_peers_runs(_arguments(["bench", "streaming", "--clock", "wall", *flags]), {}, notes))
    assert ["whisper_streaming float32", "whisper_streaming int8"] == [note.split(":")[0] for note in notes]
    assert all("whisper_online.py is not there" in note for note in notes)


def test_each_confirmed_line_is_shown_and_final_at_once() -> None:
    screen = WhisperStreamingScreen()

    screen.receive(1.1, (None, None, ""))
    screen.receive(2.1, (0.2, 0.9, " And so"))
    screen.receive(3.1, (None, None, ""))
    screen.receive(4.1, (1.0, 2.2, " my fellow"))

    lines = ("And so", "my fellow")
    assert [Moment(t_s=2.1, closed=lines[:1]), Moment(t_s=4.1, closed=lines)] == screen.moments
    assert [(2.1, "And so", True), (4.1, "my fellow", True)] == [
        (view.t_s, view.text, view.is_closed) for view in trace_of_moments(screen.moments)
    ]


ITS_PROGRAM = """
class FasterWhisperASR:
    def __init__(self, lan, modelsize=None, cache_dir=None, model_dir=None):
        self.told = [lan]
        self.model = self.load_model(modelsize, cache_dir, model_dir)
    def use_vad(self): self.told.append("vad")
    def transcribe(self, audio): self.told.append(f"warm {len(audio)}")

class OnlineASRProcessor:
    def __init__(self, asr): self.asr, self.n = asr, 0
    def insert_audio_chunk(self, audio): self.n += len(audio)
    def process_iter(self): return (0.0, 1.0, f" {self.n}") if self.n > 16000 else (None, None, "")
    def finish(self): return (0.0, 1.0, " ".join(["", *self.asr.told, *self.asr.model]))

def load_audio_chunk(path, begin_s, end_s): return [0.0] * int(16000 * (end_s - begin_s))
"""
ITS_MODEL = """
def WhisperModel(weights, device, compute_type, cpu_threads): return weights, device, compute_type, str(cpu_threads)
"""


@pytest.mark.slow
def test_the_worker_steps_each_second_and_prints_the_rest_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "whisper_online.py").write_text(ITS_PROGRAM, encoding="utf-8")
    (tmp_path / "faster_whisper.py").write_text(ITS_MODEL, encoding="utf-8")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 20_000))
    program = PEERS["whisper-streaming"]
    settings = {"weights": "w", "n_threads": 2, "source": str(tmp_path), **program.settings}
    command = [sys.executable, "-I", str(program.worker), json.dumps(settings)]

    with Worker(program.name, command) as worker:
        answer = worker.ask("stream", str(tmp_path / "a.wav"))

    result = SimpleNamespace(**answer.result)
    views = trace_from_json(result.views)
    assert ["20000", "en vad warm 16000 w cpu float32 2"] == [view.text for view in views]
    assert all(view.is_closed and 1.25 <= view.t_s < 30 for view in views)
    assert 1.25 <= answer.took_s
    assert (0 <= result.cpu_s, result.peak_mib > 1, []) == (True, True, result.notes)
