"""What is told of what programs cost: whose work is whose, and how they were built."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ui.bench.load.command import _runs
from ui.bench.load.peers import PEERS as LOADED
from ui.bench.programs import PEERS as OFFLINE
from ui.bench.streaming.peers import PEERS
from ui.cli import _arguments


def test_whisper_live_tells_what_it_did_behind_the_sound_too(monkeypatch: pytest.MonkeyPatch) -> None:
    client = ModuleType("whisper_live.client")
    client.Client = object  # type: ignore[attr-defined]
    websocket = ModuleType("websocket")
    websocket.WebSocketException = OSError  # type: ignore[attr-defined]
    for module in (client, websocket, ModuleType("whisper_live"), ModuleType("pyaudio")):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sys, "path", [*sys.path])  # the worker adds to it
    worker = import_module("ui.bench.peers.whisper_live_worker")
    monkeypatch.delitem(sys.modules, worker.__name__)
    server = SimpleNamespace(cpu_s=100.0, peak_mib=1.0, port=1)
    monkeypatch.setattr(worker, "Server", lambda *_: server)
    program = worker.WhisperLive({"weights": "", "max_clients": 1, "is_batched": False, "n_threads": 1})

    def hear(_: str) -> dict[str, Any]:
        program._cpu_to_end_of_sound_s += 3.0
        server.cpu_s += 12.0
        return {"views": []}

    monkeypatch.setattr(program, "_hear", hear)
    answer = program.stream("talk.wav")
    assert (3, 12) == (round(answer["cpu_s"]), round(answer["all_cpu_s"]))


def test_whose_processor_seconds_are_told_is_said() -> None:
    notes = [LOADED[name].note for name in LOADED] + [PEERS["whisper-live"].note]
    assert all("processor seconds are those of its server and its clients" in note for note in notes)
    assert "processor seconds are those of the server and its client" in PEERS["whisperlivekit-alignatt"].note


def test_what_the_wheel_of_whisper_cpp_was_built_for_is_said() -> None:
    assert "AVX2, without AVX-512" in OFFLINE["whisper.cpp"].note


def test_of_our_server_the_clients_are_left_out_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.bench.load.command.load_ours", lambda *_: iter(()))
    notes: list[str] = []

    assert [] == list(_runs(_arguments(["bench", "load", "--peers", ""]), {}, notes))
    assert ["max-whisper: CPU s per s are its server's alone, without those of the clients"] == notes
