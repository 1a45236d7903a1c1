"""Our own wire format: PCM in, JSON events out (docs/protocol.md)."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from engine.events import AudioDropped, Status, TimedEvent
from stream.raw import AudioFormat
from ui.formats.event_lines import event_fields
from ui.server.protocols.own_options import BadRequestError, configured, requested_format, requested_options
from ui.server.protocols.protocol import (
    Audio,
    Clear,
    Close,
    Command,
    Configure,
    End,
    Flush,
    Opening,
    Pause,
    Refusal,
    Resume,
    Send,
    Skip,
)
from ui.server.protocols.reading import read_object, shown

SUBPROTOCOL = "max-whisper.v1"
_MOST_KEPT = 2_000
_MOST_KEPT_CHARACTERS = 2**20
"""Numbered messages, and their length, that a client who was cut off can still ask for: many minutes of steady talk."""
_LONGEST_TAG = 200
_LONGEST_GAP_S = 86_400.0
GONE = 4410
"""Closes a connection that wanted to go on with what is no longer there."""


class OwnProtocol:
    """One client that speaks it, over as many connections as it takes.

    What a client may not miss has a number, ``seq``, that rises by one; the last of it are kept.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._options = opening.defaults
        self._format = AudioFormat()
        self._n_bytes = 0
        self._seq = 0
        self._kept: deque[tuple[int, str]] = deque()
        self._n_kept_characters = 0

    def open(self) -> list[Command]:
        """Say hello, or why the request makes no sense."""
        try:
            self._format = requested_format(self._opening.query)
            self._options = requested_options(self._options, self._opening.query, self._opening.languages)
        except BadRequestError as error:
            return [Send(_error("bad_request", str(error))), Close(1008, "bad request")]
        return [Configure(self._options), Send(self._hello(0, is_resumed=False))]

    def receive_message(self, message: str | bytes) -> list[Command]:
        """Sound, or a request; what makes no sense is answered with an error and changes nothing."""
        if isinstance(message, bytes):
            self._n_bytes += len(message)
            return [Audio(message, self._format)]
        try:
            return self._requested(_parsed(message))
        except BadRequestError as error:
            return [Send(_error("bad_request", str(error)))]

    def receive_event(self, timed: TimedEvent) -> list[str | bytes]:
        """The event's fields as in docs/events.md."""
        fields = event_fields(timed)
        match timed.event:
            case Status():
                return [_json(fields | {"received": self._n_frames})]
            case AudioDropped():
                return [self._numbered(fields | {"kind": "gap"})]
            case _:
                return [self._numbered(fields)]

    def refuse(self, refusal: Refusal) -> list[Command]:
        """An error that names the limit."""
        more = {} if refusal.retry_after_s is None else {"retry_after": refusal.retry_after_s}
        return [Send(_error(refusal.kind, refusal.message, **more))]

    def last_text(self) -> list[str | bytes]:
        """Return nothing: no text is held back."""
        return []

    def finish(self) -> list[str | bytes]:
        """Say that nothing more comes."""
        return [self._numbered({"kind": "end"})]

    def resume(self, after: int) -> list[Command]:
        """Return what a client that comes back has missed behind message ``after``."""
        first = self._kept[0][0] if self._kept else self._seq + 1
        if not first - 1 <= after <= self._seq:
            reason = f"of the messages behind {after} not all are kept: begin a new session"
            return [Send(_error("gone", reason)), Close(GONE, "gone")]
        self._n_bytes -= self._n_bytes % self._format.frame_bytes
        missed = [Send(message) for seq, message in self._kept if seq > after]
        return [Send(self._hello(after, is_resumed=True)), *missed]

    @property
    def _n_frames(self) -> int:
        """Samples of each channel that came, or were said to be lost."""
        return self._n_bytes // self._format.frame_bytes

    def _hello(self, seq: int, *, is_resumed: bool) -> str:
        told = {"session": self._opening.stream_id, "received": self._n_frames, "resumed": is_resumed}
        return _json(
            {"seq": seq, "kind": "session", **told}
            | {"model": self._opening.model_name, "languages": list(self._opening.languages)}
            | {"translate": self._options.decoding.translate}
        )

    def _numbered(self, fields: Mapping[str, Any]) -> str:
        self._seq += 1
        message = _json({"seq": self._seq, **fields})
        self._kept.append((self._seq, message))
        self._n_kept_characters += len(message)
        while len(self._kept) > _MOST_KEPT or self._n_kept_characters > _MOST_KEPT_CHARACTERS:
            self._n_kept_characters -= len(self._kept.popleft()[1])
        return message

    def _requested(self, fields: Mapping[str, Any]) -> list[Command]:
        kind = fields.get("kind")
        if not isinstance(kind, str) or kind not in _REQUESTS:
            raise BadRequestError(f"kind must be one of {', '.join(_REQUESTS)}, got {shown(kind)}")
        return _REQUESTS[kind](self, fields)

    def _configure(self, fields: Mapping[str, Any]) -> list[Command]:
        self._options = configured(self._options, fields, self._opening.languages, self._opening.defaults)
        return [Configure(self._options), Send(self._numbered({"kind": "configured"}))]

    def _flush(self, fields: Mapping[str, Any]) -> list[Command]:
        tag = fields.get("tag", "")
        if not isinstance(tag, str) or len(tag) > _LONGEST_TAG:
            raise BadRequestError(f"tag must be text of at most {_LONGEST_TAG} characters")
        return [Flush(tag)]

    def _gap(self, fields: Mapping[str, Any]) -> list[Command]:
        n_frames, longest = fields.get("samples"), int(_LONGEST_GAP_S * self._format.rate)
        if not isinstance(n_frames, int) or isinstance(n_frames, bool) or not 0 < n_frames <= longest:
            raise BadRequestError(f"samples must be a whole number from 1 to {longest}, got {shown(n_frames)}")
        self._n_bytes += n_frames * self._format.frame_bytes
        return [Skip(n_frames / self._format.rate)]


_Request = Callable[[OwnProtocol, Mapping[str, Any]], list[Command]]


def _plain(command: Command) -> _Request:
    return lambda _own, _fields: [command]


_REQUESTS: dict[str, _Request] = {
    "configure": OwnProtocol._configure,
    "flush": OwnProtocol._flush,
    "gap": OwnProtocol._gap,
    "clear": _plain(Clear()),
    "pause": _plain(Pause()),
    "resume": _plain(Resume()),
    "end": _plain(End()),
}


def _parsed(message: str) -> Mapping[str, Any]:
    try:
        return read_object(message)
    except ValueError as error:
        raise BadRequestError(f"{error}; a text message is a JSON object, and sound goes into binary ones") from error


def _error(code: str, message: str, **more: float) -> str:
    return _json({"kind": "error", "code": code, "message": message, **more})


def _json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


GONE_MESSAGE = _error("gone", "there is no such session any more: begin a new one")
