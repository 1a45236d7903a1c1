"""The programs whose streams are measured; ``ui.bench.streaming`` says what a worker must do."""

from __future__ import annotations

from pathlib import Path

from ui.bench.programs import Program

PEERS: dict[str, Program] = {}
"""By the name that --peers takes; they run by the wall clock alone."""


def ours(compute: str, *, words: bool = False) -> Program:
    """Our pipeline, on the device that ``compute`` names; ``words`` for when each word was said."""
    worker = Path(__file__).with_name("ours.py")
    return Program(name="max-whisper", worker=worker, settings={"compute": compute, "words": words})
