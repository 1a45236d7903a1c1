"""Measuring programs in turns, so that a machine that slows down slows them all."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from ui.bench.peers.environment import PeerError
from ui.bench.recordings import Recording, Score, score
from ui.bench.worker import Answer, Worker

_COLD = ("MAX_WHISPER_CACHE", "MODULAR_CACHE_DIR")
"""Where our compiled graphs are kept, and where MAX keeps compiled kernels."""

Commands = Mapping[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long one part of the work takes one program; ``took_s`` has a figure for each run."""

    what: str
    program: str
    took_s: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All that was measured.

    Attributes:
        scores: of each program at each recording.
        parts: encoder and decoder.
        starts: of fresh processes, to a loaded model.
        peaks_mib: by program, the most memory a fresh process held that transcribed the longest recording.
        notes: what a reader must know beside the figures.
    """

    scores: list[Score] = field(default_factory=list)
    parts: list[Timing] = field(default_factory=list)
    starts: list[Timing] = field(default_factory=list)
    peaks_mib: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def measure_recordings(commands: Commands, recordings: Sequence[Recording], n_runs: int, figures: Figures) -> None:
    """Let all programs, kept loaded, take turns at every recording."""
    with ExitStack() as stack:
        workers = _started(commands, stack, figures)
        _take_turns(workers, 1, figures, "transcribe", str(recordings[0].path))  # the first run warms caches
        for recording in recordings:
            _tell(recording.path.name)
            for name, runs in _take_turns(workers, n_runs, figures, "transcribe", str(recording.path)).items():
                figures.scores.append(score(name, recording, [(run.result, run.took_s) for run in runs]))
    for one in figures.scores:
        if len(one.texts) > 1:
            figures.notes.append(
                f"{one.program} heard {len(one.texts)} different texts in {one.recording}: the errors are the first's"
            )


def measure_parts(commands: Commands, recording: Recording, n_runs: int, figures: Figures) -> None:
    """Time one decoder step, and the encoder over 30 s and 10 s."""
    path = str(recording.path)
    parts: dict[str, tuple[object, ...]] = {
        "decoder, one step": ("step", path),
        "encoder, 30 s": ("encode", path, 30.0),
        "encoder, 10 s": ("encode", path, 10.0),
    }
    with ExitStack() as stack:
        workers = _started(commands, stack, figures)
        for what, (action, *arguments) in parts.items():
            _tell(what)
            _take_turns(workers, 1, figures, str(action), *arguments)
            for name, runs in _take_turns(workers, 3 * n_runs, figures, str(action), *arguments).items():
                took_s = tuple(float(run.result) for run in runs)
                figures.parts.append(Timing(what=what, program=name, took_s=took_s))


def measure_starts(commands: Commands, recordings: Sequence[Recording], n_runs: int, figures: Figures) -> None:
    """Start fresh processes in turns, and let the last of each transcribe the longest recording, for its memory."""
    longest = max(recordings, key=lambda recording: recording.duration_s)
    figures.notes.append(f"peak memory: of a fresh process that transcribed {longest.path.stem}, the longest recording")
    took_s: dict[str, list[float]] = {}
    for i in range(n_runs):
        _tell(f"start {i + 1} of {n_runs}")
        for name, command in commands.items():
            try:
                with Worker(name, command) as worker:
                    took_s.setdefault(name, []).append(worker.start_s)
                    if i == n_runs - 1:
                        figures.peaks_mib[name] = worker.ask("transcribe", str(longest.path)).peak_mib
            except PeerError as error:
                figures.notes.append(f"{name}: {error}")
    figures.starts.extend(Timing(what="start", program=name, took_s=tuple(s)) for name, s in took_s.items())


def measure_cold_start(name: str, command: list[str], figures: Figures) -> None:
    """Start a program once where nothing was ever compiled."""
    _tell("cold start: minutes")
    with tempfile.TemporaryDirectory(prefix="max-whisper-cold-") as folder:
        try:
            with Worker(name, command, dict.fromkeys(_COLD, folder)) as worker:
                figures.starts.append(Timing(what="cold start", program=name, took_s=(worker.start_s,)))
        except PeerError as error:
            figures.notes.append(f"{name}, cold: {error}")


def _started(commands: Commands, stack: ExitStack, figures: Figures) -> list[Worker]:
    workers = []
    for name, command in commands.items():
        try:
            workers.append(stack.enter_context(Worker(name, command)))
        except PeerError as error:
            figures.notes.append(f"{name}: {error}")
    return workers


def _take_turns(
    workers: list[Worker], n_runs: int, figures: Figures, action: str, *arguments: object
) -> dict[str, list[Answer]]:
    """Ask each of ``workers`` ``n_runs`` times; one that fails is noted and asked no more, for anything."""
    answers: dict[str, list[Answer]] = {worker.name: [] for worker in workers}
    for _ in range(n_runs):
        for worker in list(workers):
            try:
                answers[worker.name].append(worker.ask(action, *arguments))
            except PeerError as error:
                figures.notes.append(f"{worker.name}, {action}: {error}")
                workers.remove(worker)
                del answers[worker.name]
    return answers


def _tell(what: str) -> None:
    sys.stderr.write(f"Measuring: {what}\n")
    sys.stderr.flush()
