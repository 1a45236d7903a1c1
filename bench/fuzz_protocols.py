"""Feeds the server's protocols with whatever libFuzzer makes up: an answer or a close, never an exception of ours.

    pip install --target FOLDER atheris
    PYTHONPATH=.:FOLDER python bench/fuzz_protocols.py wyoming|deepgram|whisper-live CORPUS_FOLDER -max_total_time=300

Wyoming is binary and framed, so its bytes are cut at random places, too: that must change nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["ui.server", "stream.raw", "json", "engine.options"]):
    from engine.options import StreamingOptions
    from ui.server.protocols.deepgram import Deepgram
    from ui.server.protocols.protocol import BadOpeningError, Close, Command, Opening, StreamProtocol
    from ui.server.protocols.whisper_live import WhisperLive
    from ui.server.protocols.wyoming import Wyoming
    from ui.server.protocols.wyoming_frames import LONGEST_DATA, LONGEST_HEADER, LONGEST_PAYLOAD

MOST_KEPT = LONGEST_HEADER + LONGEST_DATA + LONGEST_PAYLOAD


def opening(query: dict[str, list[str]]) -> Opening:
    """An opening of a model that knows three languages."""
    return Opening("/", query, {}, (), "tiny", ("en", "de", "fr"), StreamingOptions(), "stream-1")


def heard(protocol: StreamProtocol, messages: list[str | bytes]) -> list[Command]:
    """All that comes of ``messages``; nothing after a close."""
    commands: list[Command] = []
    for message in messages:
        commands += protocol.receive_message(message)
        if any(isinstance(command, Close) for command in commands):
            assert isinstance(commands[-1], Close), commands
            break
    return commands


def fuzz_wyoming(data: bytes) -> None:
    """Read the bytes at once and in pieces."""
    provider = atheris.FuzzedDataProvider(data)
    cuts = [provider.ConsumeIntInRange(1, 64) for _ in range(provider.ConsumeIntInRange(0, 8))]
    sent = provider.ConsumeBytes(provider.remaining_bytes())
    pieces, at = [], 0
    for size in cuts:
        pieces.append(sent[at : at + size])
        at += size
    pieces = [piece for piece in [*pieces, sent[at:]] if piece]
    protocol = Wyoming(opening({}))
    in_pieces = heard(protocol, pieces)
    assert in_pieces == heard(Wyoming(opening({})), [sent] if sent else [])
    assert len(protocol._reader._received) <= MOST_KEPT


def fuzz_deepgram(data: bytes) -> None:
    """Open with a query, then send messages."""
    provider = atheris.FuzzedDataProvider(data)
    names = [
        "encoding",
        "sample_rate",
        "channels",
        "endpointing",
        "language",
        "utterance_end_ms",
        "keywords",
        "keyterm",
    ]
    query = {name: [provider.ConsumeUnicodeNoSurrogates(12)] for name in names if provider.ConsumeBool()}
    if provider.ConsumeBool():
        query |= {"encoding": ["linear16"], "sample_rate": ["16000"]}
    with suppress(BadOpeningError):
        heard(Deepgram(opening(query)), messages_of(provider))


def fuzz_whisper_live(data: bytes) -> None:
    """Send messages; the first one is sometimes what it should be."""
    provider = atheris.FuzzedDataProvider(data)
    first: list[str | bytes] = ['{"uid": "a"}'] if provider.ConsumeBool() else []
    heard(WhisperLive(opening({})), [*first, *messages_of(provider)])


def messages_of(provider: atheris.FuzzedDataProvider) -> list[str | bytes]:
    """A few messages, text and binary."""
    messages: list[str | bytes] = []
    while provider.remaining_bytes() and len(messages) < 8:
        size = provider.ConsumeIntInRange(0, 400)
        is_text = provider.ConsumeBool()
        messages.append(provider.ConsumeUnicodeNoSurrogates(size) if is_text else provider.ConsumeBytes(size))
    return messages


TARGETS: dict[str, Callable[[bytes], None]] = {
    "wyoming": fuzz_wyoming,
    "deepgram": fuzz_deepgram,
    "whisper-live": fuzz_whisper_live,
}

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
