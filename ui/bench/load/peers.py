"""The peers whose servers are loaded, beside ours."""

from __future__ import annotations

from dataclasses import replace

from ui.bench.programs import Program
from ui.bench.streaming.peers import PEERS as STREAMING

_MANY = 1_000
"""More clients than anybody asks for: what it can hold is what is measured."""


def _whisper_live(*, is_batched: bool) -> Program:
    batching = "its batching" if is_batched else "no batching"
    return replace(
        STREAMING["whisper-live"],
        name=f"WhisperLive, {batching}",
        settings={"max_clients": _MANY, "is_batched": is_batched},
        note=STREAMING["whisper-live"].note.replace("no batching", batching),
    )


PEERS: dict[str, Program] = {
    "whisper-live": _whisper_live(is_batched=False),
    "whisper-live-batched": _whisper_live(is_batched=True),
}
"""By the name that --peers takes."""
