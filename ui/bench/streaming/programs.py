"""The programs whose streams are measured; ``ui.bench.streaming`` says what a worker must do."""

from __future__ import annotations

from pathlib import Path

from ui.bench.programs import Program
from ui.bench.streaming.peers import PEERS

__all__ = ["PEERS", "ours"]


def ours(compute: str, *, words: bool = False) -> Program:
    """Our pipeline, on the device that ``compute`` names; ``words`` for when each word was said."""
    worker = Path(__file__).with_name("ours.py")
    return Program(name="max-whisper", worker=worker, settings={"compute": compute, "words": words})
