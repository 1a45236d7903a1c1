"""Wyoming's framing: a line of JSON, then as many bytes of JSON and of payload as it says.  No I/O.

wyoming/event.py, 1.10.  All three sizes are bounded, so what is kept is, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ui.server.protocols.reading import read_object, shown, text_field

LONGEST_HEADER = 65_536
LONGEST_DATA = 1_048_576
LONGEST_PAYLOAD = 4_194_304
"""Two minutes of 16 kHz mono; a microphone's chunks are a thousand times smaller."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of the wire.

    Attributes:
        type: what it is, as "audio-chunk".
        data: its fields.
        payload: its bytes, maybe none.
    """

    type: str
    data: Mapping[str, Any]
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class _Header:
    type: str
    data: Mapping[str, Any]
    n_data: int
    n_payload: int


class FrameReader:
    """Bytes as they come → the frames that are complete."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._n_searched = 0
        self._header: _Header | None = None

    def receive(self, data: bytes) -> Iterator[Frame]:
        """Yield every frame that ``data`` completes.

        Raises:
            ValueError: this is not Wyoming, or larger than allowed; nothing that follows can be read.
        """
        self._received += data
        while (frame := self._next_frame()) is not None:
            yield frame

    def _next_frame(self) -> Frame | None:
        if self._header is None:
            self._header = self._next_header()
        header = self._header
        if header is None or len(self._received) < header.n_data + header.n_payload:
            return None
        data, payload = self._take(header.n_data), self._take(header.n_payload)
        self._header = None
        return Frame(header.type, {**header.data, **(read_object(data) if data else {})}, payload)

    def _next_header(self) -> _Header | None:
        end = self._received.find(b"\n", self._n_searched)
        if (len(self._received) if end < 0 else end) > LONGEST_HEADER:
            raise ValueError(f"a header may have {LONGEST_HEADER} bytes, and there is no line end in them")
        if end < 0:
            self._n_searched = len(self._received)
            return None
        self._n_searched = 0
        return _read_header(self._take(end + 1))

    def _take(self, n_bytes: int) -> bytes:
        taken = bytes(self._received[:n_bytes])
        del self._received[:n_bytes]
        return taken


def _read_header(line: bytes) -> _Header:
    fields = read_object(line)
    kind, data = text_field(fields, "type"), fields.get("data") or {}
    if not kind:
        raise ValueError("an event must have a type")
    if not isinstance(data, Mapping):
        raise ValueError(f"data must be a JSON object, got {shown(data)}")  # noqa: TRY004  # it is the client's
    n_data = _length(fields, "data_length", LONGEST_DATA)
    return _Header(kind, data, n_data, _length(fields, "payload_length", LONGEST_PAYLOAD))


def _length(fields: Mapping[str, Any], name: str, longest: int) -> int:
    length = fields.get(name)
    if length is None:
        return 0
    if type(length) is not int or not 0 <= length <= longest:
        raise ValueError(f"{name} must be 0 to {longest}, got {shown(length)}")
    return length


def frame_bytes(kind: str, data: Mapping[str, Any] | None = None) -> bytes:
    """Return the bytes of an event without payload."""
    if not data:
        return json.dumps({"type": kind}).encode() + b"\n"
    fields = json.dumps(data, ensure_ascii=False).encode()
    return json.dumps({"type": kind, "data_length": len(fields)}).encode() + b"\n" + fields
