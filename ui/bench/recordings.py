"""Recordings with a transcript, and what a program made of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ui.demo import sample_folder
from ui.scoring.scripts import read_script
from ui.scoring.words import word_errors


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A recording, how long it lasts, and what a person heard in it."""

    path: Path
    duration_s: float
    transcript: str


def most_said(recordings: Sequence[Recording]) -> Recording:
    """Return the one with most words a second: where the first half minute holds two words, no step can be timed."""
    return max(recordings, key=lambda recording: len(recording.transcript.split()) / recording.duration_s)


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one program made of one recording.

    Attributes:
        took_s: a figure for each run.
        texts: the different texts of the runs; the errors are those of the first.
    """

    program: str
    recording: str
    duration_s: float
    n_words: int
    substitutions: int
    deletions: int
    insertions: int
    deleted: tuple[str, ...]
    took_s: tuple[float, ...]
    texts: tuple[str, ...]

    @property
    def n_errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions


def read_recordings(folder: Path, only: str = "") -> list[Recording]:
    """Return the long English recordings of the set with ``only`` in their name, the shortest first.

    Where there is no set: the sample that comes with the program.
    """
    if not (folder / "manifest.csv").is_file():
        script = read_script(sample_folder())
        return [Recording(path=sample_folder() / "sample.flac", duration_s=script.duration_s, transcript=script.text)]
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as rows:
        recordings = [
            Recording(
                path=(folder.parent / row["file"]).resolve(),
                duration_s=float(row["seconds"]),
                transcript=(folder.parent / row["transcript"]).read_text(encoding="utf-8"),
            )
            for row in csv.DictReader(rows)
            if "/long/" in row["file"] and row["language"] == "en" and only in row["file"]
        ]
    return sorted(recordings, key=lambda recording: recording.duration_s)


def score(program: str, recording: Recording, runs: Sequence[tuple[str, float]]) -> Score:
    """Hold the text of the first run against the transcript; ``runs`` are texts and the seconds they took."""
    texts = tuple(dict.fromkeys(text for text, _ in runs))
    errors = word_errors(recording.transcript, texts[0])
    deleted = [
        " ".join(errors.references[0][chunk.ref_start_idx : chunk.ref_end_idx])
        for chunk in errors.alignments[0]
        if chunk.type == "delete"
    ]
    return Score(
        program=program,
        recording=recording.path.stem,
        duration_s=recording.duration_s,
        n_words=len(errors.references[0]),
        substitutions=errors.substitutions,
        deletions=errors.deletions,
        insertions=errors.insertions,
        deleted=tuple(deleted),
        took_s=tuple(took_s for _, took_s in runs),
        texts=texts,
    )
