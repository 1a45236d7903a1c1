"""Real speech, the real model, and the clients that other people wrote."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Results
from fakes_server import IN_ONE_PIECE, Running, running_server
from speech import BRIEF, SAID, SAID_BRIEFLY, companded, read_clip
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient

from stream.detector import WebRtcDetector
from ui.paths import bench_folder
from ui.server.transport import listening_socket
from ui.server.wyoming_port import wyoming_served

pytestmark = [
    pytest.mark.max,
    pytest.mark.weights,
    pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning"),  # deepgram-sdk's
]
CLIENT = Path(__file__).parents[1] / "whisper_live_client.py"
WHISPER_LIVE = ("whisper-live==0.10.0", "websocket-client==1.9.2")


@pytest.fixture
def sound(audio_folder: Path) -> bytes:
    """Eleven seconds of speech, s16le at 16 kHz; nothing behind the last word ends it."""
    return read_clip(audio_folder / "formats" / "jfk_44k1_stereo.flac").astype("<i2").tobytes()


@pytest.fixture(scope="session")
def whisper_live() -> Path:
    """The folder of WhisperLive's client, put there by pip the first time, without the gigabyte its server needs."""
    folder = bench_folder() / "clients" / "-".join(WHISPER_LIVE)
    if not (folder / "ready").is_file():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), *WHISPER_LIVE]
        done = subprocess.run(pip, check=False, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            pytest.skip(f"pip cannot install {WHISPER_LIVE[0]}: {done.stderr.strip()[-200:]}")
        (folder / "ready").touch()
    return folder


async def listen(running: Running, sound: bytes, **query: Any) -> list[ListenV1Results]:
    """The final results of deepgram-sdk."""
    socket_url, url = f"ws://{running.address}", f"http://{running.address}"
    environment = DeepgramClientEnvironment(base=url, production=socket_url, agent=socket_url, agent_rest=url)
    client = AsyncDeepgramClient(api_key="key", environment=environment)
    async with client.listen.v1.connect(model="nova-3", **query) as connection:
        for at in range(0, len(sound), 4000):
            await connection.send_media(sound[at : at + 4000])
        await connection.send_close_stream()
        messages = [message async for message in connection]
    return [message for message in messages if isinstance(message, ListenV1Results) and message.is_final]


def transcript(results: Sequence[ListenV1Results]) -> str:
    return " ".join(result.channel.alternatives[0].transcript for result in results)


def test_deepgram_s_client_hears_every_word_with_its_time(model: Any, sound: bytes) -> None:
    async def talk() -> list[ListenV1Results]:
        async with running_server(model, detector=WebRtcDetector, defaults=IN_ONE_PIECE) as running:
            return await listen(running, sound, encoding="linear16", sample_rate=16_000)

    results = asyncio.run(talk())

    words = [word for result in results for word in result.channel.alternatives[0].words]
    assert transcript(results) == SAID
    assert SAID.split() == [word.punctuated_word for word in words]
    assert sorted(word.start for word in words) == [word.start for word in words]
    assert all(0 < word.confidence < 1 for word in words)
    assert words[-1].end == pytest.approx(10.5, abs=0.5)


def test_deepgram_s_client_may_speak_as_a_telephone(model: Any, sound: bytes) -> None:
    telephone = companded(np.frombuffer(sound, "<i2")[::2], "mulaw")  # there is little above 4 kHz in this recording

    async def talk() -> list[ListenV1Results]:
        async with running_server(model, detector=WebRtcDetector, defaults=IN_ONE_PIECE) as running:
            return await listen(running, telephone, encoding="mulaw", sample_rate=8000)

    assert transcript(asyncio.run(talk())) == SAID


def test_wyoming_s_client_hears_every_word(model: Any, sound: bytes) -> None:
    form = {"rate": 16_000, "width": 2, "channels": 1}

    async def talk() -> str:
        async with wyoming_server(model) as port, AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Transcribe().event())
            await client.write_event(AudioStart(**form).event())
            for at in range(0, len(sound), 2048):
                await client.write_event(AudioChunk(audio=sound[at : at + 2048], **form).event())
            await client.write_event(AudioStop().event())
            while not Transcript.is_type((event := await client.read_event()).type):
                assert event is not None
            return Transcript.from_event(event).text

    assert asyncio.run(talk()) == SAID


@asynccontextmanager
async def wyoming_server(model: Any) -> AsyncIterator[int]:
    bound = listening_socket("127.0.0.1", 0)
    async with (
        running_server(model, detector=WebRtcDetector, defaults=IN_ONE_PIECE) as running,
        wyoming_served(running.server, bound),
    ):
        yield bound.getsockname()[1]


@pytest.mark.parametrize(
    ("how", "clip", "said"),
    [
        ("streaming", "formats/jfk_44k1_stereo", SAID),
        pytest.param("file", f"short/{BRIEF}", SAID_BRIEFLY, marks=pytest.mark.slow),
    ],
    ids=["streaming", "file"],
)
def test_whisper_live_s_clients_hear_every_word(
    how: str, clip: str, said: str, model: Any, audio_folder: Path, whisper_live: Path, tmp_path: Path
) -> None:
    sound = read_clip(audio_folder / f"{clip}.flac").astype("<i2").tobytes()
    with wave.open(str(tmp_path / "said.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(sound)

    async def talk() -> bytes:
        async with running_server(model, detector=WebRtcDetector, defaults=IN_ONE_PIECE) as running:
            port = running.address.rpartition(":")[2]
            command = [sys.executable, str(CLIENT), how, port, "said.wav"]
            environment = {**os.environ, "PYTHONPATH": str(whisper_live)}
            client = await asyncio.create_subprocess_exec(
                *command, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE
            )
            out, _ = await asyncio.wait_for(client.communicate(), 60)
            return out

    segments = json.loads(asyncio.run(talk()).splitlines()[-1])

    assert said == "".join(segment["text"] for segment in segments).strip()
    assert all(segment["completed"] for segment in segments)
