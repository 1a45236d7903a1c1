"""Whole recordings, ours against faster-whisper: word error rate and speed, side by side, on the same weights.

    python bench/whole_recordings.py [--quick] [--json FILE]

The recordings are the long English ones of the audio set, which MAX_WHISPER_AUDIO names.  Both programs have their
model loaded, decode the file themselves, and take turns, so that a machine that slows down slows both.  Texts are
held against the human transcript after Whisper's English normaliser.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from peers.environment import PeerError
from peers.faster_whisper import FasterWhisper
from rich.console import Console
from rich.table import Table

from engine.model import WhisperModel
from engine.options import FOR_RECORDINGS
from engine.pipeline import transcribe
from stream.file import FileSource
from ui.report import final_text, word_errors

AUDIO = Path(os.environ.get("MAX_WHISPER_AUDIO", Path(__file__).parents[2] / "shared" / "audio" / "dev"))


class Program(Protocol):
    """Something that turns a recording into text."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    def transcribe(self, path: Path) -> tuple[str, float]:
        """Return the text and the seconds it took."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A recording, how long it lasts, and what a person heard in it."""

    path: Path
    duration_s: float
    transcript: str


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one program made of one recording; ``took_s`` has a figure for each run."""

    program: str
    recording: str
    duration_s: float
    n_words: int
    substitutions: int
    deletions: int
    insertions: int
    deleted: tuple[str, ...]
    took_s: tuple[float, ...]

    @property
    def n_errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def median_s(self) -> float:
        """Of the runs."""
        return statistics.median(self.took_s)


class MaxWhisper:
    """What ``max-whisper file`` does with a recording."""

    def __init__(self, compute: str) -> None:
        self._model = WhisperModel.load(device=compute)
        self.name = f"max-whisper on {self._model.device_name}"

    def transcribe(self, path: Path) -> tuple[str, float]:
        """Return the finals of a recording, and the seconds from the file's name to the last of them."""

        async def finals() -> str:
            events = transcribe(FileSource(path), self._model, FOR_RECORDINGS)
            return final_text([timed async for timed in events])

        began = time.perf_counter()
        text = asyncio.run(finals())
        return text, time.perf_counter() - began


def read_recordings(folder: Path) -> list[Recording]:
    """Return the long English recordings of the set, the shortest first."""
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as rows:
        recordings = [
            Recording(
                path=folder.parent / row["file"],
                duration_s=float(row["seconds"]),
                transcript=(folder.parent / row["transcript"]).read_text(encoding="utf-8"),
            )
            for row in csv.DictReader(rows)
            if "/long/" in row["file"] and row["language"] == "en"
        ]
    return sorted(recordings, key=lambda recording: recording.duration_s)


def measure(programs: Sequence[Program], recording: Recording, n_runs: int) -> list[Score]:
    """Let the programs take turns at ``recording``, ``n_runs`` times each."""
    runs: list[list[tuple[str, float]]] = [[] for _ in programs]
    for _ in range(n_runs):
        for done, program in zip(runs, programs, strict=True):
            done.append(program.transcribe(recording.path))
    return [score(program.name, recording, done) for program, done in zip(programs, runs, strict=True)]


def score(program: str, recording: Recording, runs: Sequence[tuple[str, float]]) -> Score:
    """Hold the text of the first run against the transcript; raises where another run heard something else."""
    texts = {text for text, _ in runs}
    if len(texts) > 1:
        raise PeerError(f"{program} heard {len(texts)} different texts in {recording.path.name}: a score means nothing")
    errors = word_errors(recording.transcript, texts.pop())
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
    )


def table_of(scores: Sequence[Score], n_runs: int) -> Table:
    """Return a row a score, and one a program over everything."""
    table = Table(title=f"Whole recordings, tiny.en, float32, median of {n_runs} runs", title_justify="left", box=None)
    for heading in ("recording", "program"):
        table.add_column(heading)
    for heading in ("WER", "sub", "del", "ins", "audio s per s", "slowest", "fastest"):
        table.add_column(heading, justify="right")
    for one in scores:
        table.add_row(*row_of(one.recording, [one]))
    for program in dict.fromkeys(one.program for one in scores):
        table.add_row(*row_of("together", [one for one in scores if one.program == program]), style="bold")
    return table


def row_of(heading: str, scores: Sequence[Score]) -> list[str]:
    """Return the cells for the scores of one program, taken together."""
    duration_s = sum(one.duration_s for one in scores)
    took_s = [sum(pick(one.took_s) for one in scores) for pick in (statistics.median, max, min)]
    wer = sum(one.n_errors for one in scores) / sum(one.n_words for one in scores)
    counts = [sum(getattr(one, kind) for one in scores) for kind in ("substitutions", "deletions", "insertions")]
    return [heading, scores[0].program, f"{wer:.2%}", *map(str, counts), *(f"{duration_s / s:.1f}" for s in took_s)]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 runs instead of 5")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--compute", choices=("auto", "cpu", "gpu"), default="cpu", help="for ours (default: cpu)")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    if not (AUDIO / "manifest.csv").is_file():
        sys.stderr.write(f"No audio set in {AUDIO}: MAX_WHISPER_AUDIO names the folder that has manifest.csv.\n")
        return 0
    recordings = read_recordings(AUDIO)
    n_runs = 2 if arguments.quick else 5
    n_cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        peer = FasterWhisper(n_threads=n_cpus)
        programs: list[Program] = [MaxWhisper(arguments.compute), peer]
        measure(programs, recordings[0], 1)  # the first run of a process warms caches
        scores = [one for recording in recordings for one in measure(programs, recording, n_runs)]
        peer.close()
    except PeerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(table_of(scores, n_runs))
    for one in scores:
        console.print(
            f"{one.recording}, {one.program}, left out: {'; '.join(one.deleted) or 'nothing'}", soft_wrap=True
        )
    machine = f"{platform.platform()}, {n_cpus} CPUs"
    console.print(f"Machine: {machine}", style="dim", soft_wrap=True)
    if arguments.json:
        figures = {"machine": machine, "n_runs": n_runs, "scores": [asdict(one) for one in scores]}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
