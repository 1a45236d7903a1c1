"""The sample that ships with the program, and the memory of one run over it."""

from __future__ import annotations

from pathlib import Path

from engine.events import TimedEvent


def sample_folder() -> Path:
    """Return the folder of sample.flac, its script sample.txt and its word times sample.words.tsv."""
    return Path(__file__).parent / "sample"


class Recorder:
    """Keeps every event of a run, for the report."""

    def __init__(self) -> None:
        self.events: list[TimedEvent] = []

    def show(self, timed: TimedEvent) -> None:
        """Keep one event."""
        self.events.append(timed)
