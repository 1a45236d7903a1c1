"""Runs in WhisperLive's environment: streams through its server, by its own client."""

from __future__ import annotations

import json
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from websocket import WebSocketException

sys.path.append(str(Path(__file__).resolve().parents[3]))
from ui.bench.peers.answering import serve
from ui.bench.peers.pacing import Recording, read_pcm
from ui.bench.peers.server import HOST, Server
from ui.bench.peers.whisper_live_screen import WhisperLiveScreen
from ui.scoring.moments import trace_of_moments
from ui.scoring.traces import trace_as_json

sys.modules["pyaudio"] = types.ModuleType("pyaudio")
"""Its client imports PortAudio's binding, which needs a compiler, for a microphone and a loudspeaker not used here."""
from whisper_live.client import Client  # noqa: E402

_READY_LIMIT_S = 60.0
_LAST_LIMIT_S = 60.0
_SERVER = Path(__file__).with_name("whisper_live_server.py")


class BenchClient(Client):  # type: ignore[misc]  # its library has no types
    """Its client; says when the server is ready, or why not."""

    def __init__(self, port: int, weights: str, screen: WhisperLiveScreen) -> None:
        self._screen = screen
        self._recording: Recording | None = None
        self._answered = threading.Event()
        super().__init__(
            HOST, port, lang="en", model=weights, log_transcription=False, transcription_callback=self._show
        )

    def begin(self, pcm: bytes) -> Recording:
        """Wait until the server is ready, and begin to record."""
        if not self._answered.wait(_READY_LIMIT_S) or not self.recording:
            raise RuntimeError(f"its server was not ready within {_READY_LIMIT_S:.0f} s, or refused")
        self._recording = Recording(pcm)
        return self._recording

    def on_message(self, ws: object, message: str) -> None:
        """Take a message; the first that makes a difference sets the answer."""
        super().on_message(ws, message)
        if self.recording or self.waiting or self.server_error:
            self._answered.set()

    def _show(self, _: str, segments: list[dict[str, Any]]) -> None:
        assert self._recording is not None
        self._screen.receive(self._recording.now_s, segments)


class WhisperLive:
    """A server, and streams through it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._weights = settings["weights"]
        threads = {"OMP_NUM_THREADS": str(settings["n_threads"])}
        told = {key: settings[key] for key in ("weights", "max_clients", "is_batched")}
        self._server = Server(_SERVER, told, threads)
        self._cpu_to_end_of_sound_s = self._cpu_s()

    def stream(self, path: str) -> dict[str, Any]:
        """Return the trace of a recording as it came live, see ``ui.bench.streaming``."""
        began_s = self._cpu_s()
        return self._hear(path) | self._cost(began_s)

    def load(self, paths: list[str]) -> dict[str, Any]:
        """Return what became of recordings that come live at once, see ``ui.bench.load.measure``."""
        began_s = self._cpu_s()
        starts_s = [index / len(paths) for index in range(len(paths))]
        with ThreadPoolExecutor(len(paths)) as clients:
            streams = list(clients.map(self._hear_or_tell, paths, starts_s))
        return {"streams": streams} | self._cost(began_s)

    def _hear_or_tell(self, path: str, start_s: float) -> dict[str, Any]:
        time.sleep(start_s)
        try:
            return self._hear(path)
        except (RuntimeError, WebSocketException) as error:
            return {"views": [], "refusal": str(error), "late_s": 0.0}

    def _hear(self, path: str) -> dict[str, Any]:
        screen = WhisperLiveScreen()
        client = BenchClient(self._server.port, self._weights, screen)
        try:
            recording = client.begin(read_pcm(path))
            for block in recording.paced():
                client.send_packet_to_server((np.frombuffer(block, np.int16).astype(np.float32) / 32768.0).tobytes())
            self._cpu_to_end_of_sound_s = self._cpu_s()
            wait_for_the_last(client)
            screen.end(recording.now_s)
            client.send_packet_to_server(Client.END_OF_AUDIO.encode())
        finally:
            client.close_websocket()
        views = trace_as_json(trace_of_moments(screen.moments))
        return {"views": views, "refusal": "", "late_s": recording.late_s, "notes": recording.notes}

    def _cpu_s(self) -> float:
        return time.process_time() + self._server.cpu_s

    def _cost(self, began_s: float) -> dict[str, float]:
        cpu_s, all_cpu_s = self._cpu_to_end_of_sound_s - began_s, self._cpu_s() - began_s
        return {"cpu_s": cpu_s, "all_cpu_s": all_cpu_s, "peak_mib": self._server.peak_mib}


def wait_for_the_last(client: Client) -> None:
    """Wait as its ``wait_before_disconnect`` does, which spends a core on it; at most a minute."""
    deadline = time.time() + _LAST_LIMIT_S
    while (now := time.time()) < deadline:
        rest_s = client.last_response_received + client.disconnect_if_no_response_for - now
        if rest_s <= 0:
            return
        time.sleep(min(rest_s, deadline - now))


if __name__ == "__main__":
    program = WhisperLive(json.loads(sys.argv[1]))
    serve({"stream": program.stream, "load": program.load})
