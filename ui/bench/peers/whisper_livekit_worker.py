"""Runs in WhisperLiveKit's environment: streams through its server, by the protocol of its page."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

sys.path.append(str(Path(__file__).resolve().parents[3]))
from ui.bench.peers.answering import serve
from ui.bench.peers.pacing import Recording, read_pcm
from ui.bench.peers.server import HOST, Server
from ui.bench.peers.whisper_livekit_screen import WhisperLiveKitScreen
from ui.scoring.moments import trace_of_moments
from ui.scoring.traces import trace_as_json

_LAST_LIMIT_S = 60.0
_SERVER = Path(__file__).with_name("whisper_livekit_server.py")
_END_OF_SOUND = b""
_WARM_UP = Path(__file__).parents[2] / "sample" / "sample.flac"


class WhisperLiveKit:
    """A server, and streams through it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        flags = ["--pcm-input", "--lan", "en", "--backend-policy", settings["policy"]]
        flags += ["--warmup-file", str(_WARM_UP)]  # without one, it would look for one on the net
        told = {"flags": flags, "weights": settings["weights"]}
        self._server = Server(_SERVER, told, {"OMP_NUM_THREADS": str(settings["n_threads"])})

    def stream(self, path: str) -> dict[str, Any]:
        """Return the trace of a recording as it came live, see ``ui.bench.streaming``."""
        began_s = time.process_time() + self._server.cpu_s
        screen, notes = asyncio.run(self._listen(read_pcm(path)))
        return {
            "views": trace_as_json(trace_of_moments(screen.moments)),
            "cpu_s": time.process_time() + self._server.cpu_s - began_s,
            "peak_mib": self._server.peak_mib,
            "notes": notes,
        }

    async def _listen(self, pcm: bytes) -> tuple[WhisperLiveKitScreen, list[str]]:
        screen, notes = WhisperLiveKitScreen(), []
        async with connect(
            f"ws://{HOST}:{self._server.port}/asr", max_size=None, compression=None, proxy=None
        ) as connection:
            recording = Recording(pcm)
            speaking = asyncio.create_task(speak(connection, recording))
            try:
                async with asyncio.timeout(recording.duration_s + _LAST_LIMIT_S):
                    await read_all(connection, recording, screen)
            except TimeoutError:
                notes.append(f"did not end within {_LAST_LIMIT_S:.0f} s after the sound: cut off")
            await speaking
            screen.end(recording.now_s)
        return screen, [*notes, *recording.notes]


async def speak(connection: ClientConnection, recording: Recording) -> None:
    """Send the sound at its time, then that no more comes."""
    for index, block in enumerate(recording.blocks):
        await asyncio.sleep(recording.rest_s(index))
        await connection.send(block)
    await connection.send(_END_OF_SOUND)


async def read_all(connection: ClientConnection, recording: Recording, screen: WhisperLiveKitScreen) -> None:
    """Read until the server says that nothing more comes."""
    async for text in connection:
        message = json.loads(text)
        if message.get("type") == "ready_to_stop":
            return
        screen.receive(recording.now_s, message)


if __name__ == "__main__":
    serve({"stream": WhisperLiveKit(json.loads(sys.argv[1])).stream})
