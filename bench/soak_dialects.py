"""What a client of each WebSocket protocol says, and what it makes of the answers.  No I/O, no clock.

Sound is int16, mono, 16 kHz.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import soxr

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


class ToldError(Exception):
    """The server said why it does not serve this client, or not all of its sound."""


class Dialect(Protocol):
    """One client's side of a protocol.

    Attributes:
        path: of its address.
        greeting, farewell: what it says before and behind the sound.
        texts: the finals it was told.
        ends_by_close: whether the server says that it was all by closing.
    """

    path: str
    greeting: Sequence[str]
    farewell: Sequence[str | bytes]
    texts: list[str]
    ends_by_close: bool

    def sound(self, block: bytes) -> str | bytes:
        """Return a message for a block of int16 samples."""

    def receive(self, message: Mapping[str, Any]) -> bool:
        """Take a message; return whether it is the last.  Raises ``ToldError``."""


class Own:
    """Ours: docs/protocol.md.  Numbers must rise by one, over all connections of a session."""

    greeting: Sequence[str] = ()
    farewell: Sequence[str | bytes] = ('{"kind": "end"}',)
    ends_by_close = False

    def __init__(self) -> None:
        self.path = "/stream"
        self.texts: list[str] = []
        self.received = 0
        self.is_over = False
        self._seq = 0

    def sound(self, block: bytes) -> bytes:
        """Return the samples as they are."""
        return block

    def receive(self, message: Mapping[str, Any]) -> bool:
        """``end`` is the last."""
        kind = message["kind"]
        if kind == "session":
            self.received = message["received"]
            self._session = message["session"]
        elif kind == "error":
            raise ToldError(message["code"])
        elif "seq" in message:
            assert message["seq"] == self._seq + 1, f"message {message['seq']} behind {self._seq}"
            self._seq = message["seq"]
            self.path = f"/stream?session={self._session}&after={self._seq}"
        if kind == "gap":
            raise ToldError("gap")
        if kind == "final":
            self.texts.append(message["text"])
        self.is_over = kind == "end"
        return self.is_over


class Realtime:
    """OpenAI's, GA or beta; behind the sound it commits, and clears: the answer to that comes behind every commit."""

    farewell: Sequence[str | bytes] = (
        '{"type": "input_audio_buffer.commit"}', '{"type": "input_audio_buffer.clear"}',
    )  # fmt: skip
    ends_by_close = False

    def __init__(self, *, is_beta: bool = False) -> None:
        turn = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 600}}
        session = turn if is_beta else {"type": "transcription", "audio": {"input": turn}}
        kind = "transcription_session.update" if is_beta else "session.update"
        self.path = "/v1/realtime?intent=transcription"
        self.greeting: Sequence[str] = (json.dumps({"type": kind, "session": session}),)
        self.texts: list[str] = []
        self._n_open = 0
        self._is_cleared = False
        self._resampler = soxr.ResampleStream(16_000, 24_000, 1, dtype="int16")

    def sound(self, block: bytes) -> str:
        """Return an append event, at OpenAI's rate."""
        samples = self._resampler.resample_chunk(np.frombuffer(block, np.int16))
        return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(samples.tobytes()).decode()})

    def receive(self, message: Mapping[str, Any]) -> bool:
        """The last is the one after which nothing is committed that is not completed."""
        kind = message["type"]
        if kind == "error" and message["error"]["code"] != "input_audio_buffer_commit_empty":
            raise ToldError(message["error"]["code"])
        if kind == f"{_TRANSCRIPTION}.failed":
            raise ToldError(message["error"]["code"])
        self._n_open += kind == "input_audio_buffer.committed"
        self._is_cleared |= kind == "input_audio_buffer.cleared"
        if kind == f"{_TRANSCRIPTION}.completed":
            self._n_open -= 1
            self.texts.append(message["transcript"])
        return self._is_cleared and self._n_open == 0


class Deepgram:
    """Deepgram's."""

    path = "/v1/listen?encoding=linear16&sample_rate=16000&interim_results=true"
    greeting: Sequence[str] = ()
    farewell: Sequence[str | bytes] = ('{"type": "CloseStream"}',)
    ends_by_close = False

    def __init__(self) -> None:
        self.texts: list[str] = []

    def sound(self, block: bytes) -> bytes:
        """Return the samples as they are."""
        return block

    def receive(self, message: Mapping[str, Any]) -> bool:
        """``Metadata`` is the last."""
        if message["type"] == "Error":
            raise ToldError(str(message.get("variant", message.get("description"))))
        if message["type"] == "Results" and message["is_final"]:
            self.texts.append(message["channel"]["alternatives"][0]["transcript"])
        return bool(message["type"] == "Metadata")


class WhisperLive:
    """WhisperLive's."""

    path = "/"
    greeting: Sequence[str] = (json.dumps({"uid": "soak", "audio_format": "int16", "send_last_n_segments": 100}),)
    farewell: Sequence[str | bytes] = (b"END_OF_AUDIO",)
    ends_by_close = True

    def __init__(self) -> None:
        self.texts: list[str] = []

    def sound(self, block: bytes) -> bytes:
        """Return the samples as they are."""
        return block

    def receive(self, message: Mapping[str, Any]) -> bool:
        """Take the completed segments; the server never says that it was the last message."""
        if "status" in message:
            raise ToldError(message["status"] if message["status"] == "WAIT" else message["message"])
        if "segments" in message:
            self.texts = [segment["text"] for segment in message["segments"] if segment["completed"]]
        return False


DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    "own": Own,
    "realtime": Realtime,
    "realtime beta": lambda: Realtime(is_beta=True),
    "deepgram": Deepgram,
    "whisper-live": WhisperLive,
}
