"""What a client says to a server and makes of its answers, in two protocols.  No I/O, no clock.

A client sends its greeting, waits until ``is_ready``, sends sound, then its farewell, and reads until ``is_over``.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from ui.bench.peers.whisper_live_screen import WhisperLiveScreen
from ui.scoring.moments import trace_of_moments
from ui.scoring.traces import Trace, View


class RefusedError(Exception):
    """The server takes no stream, or gave one up; the message is its own."""


class Messages(Protocol):
    """One client's side of a protocol.

    Attributes:
        greeting: the first message, where there is one.
        farewell: says that no more sound comes.
        patience_s: how long it waits, after the sound, for text that it has not seen; then the stream is over.  None
            where the server says so.
    """

    greeting: str | None
    farewell: str | bytes
    patience_s: float | None

    def sound(self, block: bytes) -> bytes:
        """Return a message for a block of int16 samples."""

    def is_ready(self, message: Mapping[str, Any]) -> bool:
        """Whether, after this message, sound may come; raises ``RefusedError``."""

    def receive(self, t_s: float, message: Mapping[str, Any]) -> bool:
        """Take a message, which came at ``t_s``; return whether it is the last.  Raises ``RefusedError``."""

    def trace(self, t_s: float) -> Trace:
        """Return what a reader saw until ``t_s``, when the stream was over."""


class OwnMessages:
    """Our own protocol: docs/protocol.md."""

    greeting: str | None = None
    farewell: str | bytes = json.dumps({"kind": "end"})
    patience_s: float | None = None

    def __init__(self) -> None:
        self._trace: Trace = []

    def sound(self, block: bytes) -> bytes:
        """Return the samples as they are."""
        return block

    def is_ready(self, message: Mapping[str, Any]) -> bool:
        """Whether the session has begun."""
        self._check(message)
        return bool(message["kind"] == "session")

    def receive(self, t_s: float, message: Mapping[str, Any]) -> bool:
        """Keep what is shown; ``end`` is the last message."""
        self._check(message)
        kind = message["kind"]
        if kind in {"partial", "final", "discarded"}:
            span_s = (message["start"], message["end"])
            shown = {"text": message.get("text", ""), "stable": message.get("stable", "") if kind == "partial" else ""}
            piece, is_closed = message["utterance"] - 1, kind != "partial"
            self._trace.append(View(t_s=t_s, piece=piece, is_closed=is_closed, span_s=span_s, **shown))
        return bool(kind == "end")

    def trace(self, t_s: float) -> Trace:  # noqa: ARG002  # every final told its own time
        """Return what was shown."""
        return self._trace

    def _check(self, message: Mapping[str, Any]) -> None:
        if message["kind"] == "error":
            raise RefusedError(message["message"])


class WhisperLiveMessages:
    """WhisperLive's protocol, as its client 0.10.0 speaks it unless it is told otherwise."""

    farewell: str | bytes = b"END_OF_AUDIO"
    patience_s: float | None = 15.0

    def __init__(self, model: str = "tiny.en") -> None:
        self._uid = str(uuid.uuid4())
        options = {"language": "en", "task": "transcribe", "model": model, "use_vad": True, "send_last_n_segments": 10}
        more = {"no_speech_thresh": 0.45, "clip_audio": False, "same_output_threshold": 10}
        self.greeting: str | None = json.dumps({"uid": self._uid, **options, **more})
        self._screen = WhisperLiveScreen()

    def sound(self, block: bytes) -> bytes:
        """Return the samples as float32, -1 … 1."""
        import numpy as np  # not above: --help needs the names of the protocols, and should not wait for it

        return (np.frombuffer(block, np.int16).astype(np.float32) / 32768.0).tobytes()

    def is_ready(self, message: Mapping[str, Any]) -> bool:
        """Whether the server has loaded its model."""
        if message.get("status") == "WAIT":
            raise RefusedError(f"full: wait {message['message']:.1f} minutes")
        if message.get("status") == "ERROR":
            raise RefusedError(str(message["message"]))
        return bool(message.get("message") == "SERVER_READY")

    def receive(self, t_s: float, message: Mapping[str, Any]) -> bool:
        """Keep what is shown; the server never says that it was the last."""
        if message.get("status") == "ERROR":
            raise RefusedError(str(message["message"]))
        if "segments" in message:
            self._screen.receive(t_s, message["segments"])
        return False

    def trace(self, t_s: float) -> Trace:
        """Return what was shown; what is open at the end stays as it is."""
        self._screen.end(t_s)
        return trace_of_moments(self._screen.moments)


PROTOCOLS: dict[str, Callable[[], Messages]] = {"own": OwnMessages, "whisper-live": WhisperLiveMessages}
"""By the name that --protocol takes."""
_BY_PATH = {"/stream": "own", "/": "whisper-live", "": "whisper-live"}


def protocol_of(url: str) -> str:
    """Return the name of the protocol that is spoken at the path of ``url``.

    Raises:
        ValueError: its scheme is not ws or wss, or its path says nothing.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise ValueError(f"the address must begin with ws:// or wss:// and a host, got {url}")
    if parts.path not in _BY_PATH:
        raise ValueError(f"no protocol is known at {parts.path}: name one, {' or '.join(PROTOCOLS)}, with --protocol")
    return _BY_PATH[parts.path]
