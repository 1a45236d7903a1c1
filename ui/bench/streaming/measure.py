"""Running the programs over the streams, each program in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ui.bench.machine import n_cpus
from ui.bench.programs import Program
from ui.bench.streaming.programs import ours
from ui.bench.streaming.settings import Setting, name_of
from ui.bench.streaming.streams import Stream
from ui.bench.streaming.word_times import HeardWord
from ui.bench.worker import Worker, command_of
from ui.scoring.scores import Score, score_of
from ui.scoring.traces import Trace, trace_from_json


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamRun:
    """What one program did with one stream.

    Attributes:
        program, setting: who, and how.
        clock: "virtual" or "wall".
        set_name, stream: which.
        score: what was measured of the trace.
        trace: what a reader saw.
        compute_s: seconds that the model worked; None where the program does not tell.
        cpu_s: processor seconds of all its processes.
        peak_mib: the most memory they had held by then, in a process begun for this program and setting.
        hangover_s: of our gate; None of a program that has none, or does not tell.
        counts: how often what happened.
        notes: what a reader must know beside the figures.
    """

    program: str
    setting: Setting
    clock: str
    set_name: str
    stream: str
    score: Score
    trace: Trace
    compute_s: float | None
    cpu_s: float
    peak_mib: float
    hangover_s: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Who and how, as the tables say it."""
        return f"{self.program}, {name_of(self.setting)}" if self.setting else self.program


Sets = Mapping[str, Sequence[Stream]]


def measure(
    program: Program, weights: str, sets: Sets, clock: str, more: Sequence[object] = (), setting: Setting | None = None
) -> list[StreamRun]:
    """Let ``program`` hear every stream; ``more`` is told to its worker behind the path.

    Raises:
        PeerError: it cannot be set up, or failed.
    """
    runs = []
    with Worker(program.name, command_of(program, weights, n_cpus())) as worker:
        for set_name, streams in sets.items():
            for stream in streams:
                _tell(f"{program.name}, {name_of(setting or {})}, {clock} clock: {stream.name}")
                answer = worker.ask("stream", str(stream.path), *more).result
                runs.append(_run(program, setting or {}, clock, set_name, stream, answer))
    return runs


def measure_ours(
    compute: str, weights: str, sets: Sets, clock: str, setting: Setting, block_ms: int
) -> list[StreamRun]:
    """Let our own pipeline hear every stream, as ``setting`` says."""
    return measure(ours(compute), weights, sets, clock, (setting, clock, block_ms), setting)


class Listener:
    """Hears with base when the words of recordings were said; its process starts when it is needed first."""

    def __init__(self) -> None:
        self._worker: Worker | None = None

    def hear(self, path: Path) -> list[HeardWord]:
        """Return the words of a recording with their times."""
        if self._worker is None:
            _tell("base, for the times of words")
            program = ours("auto", words=True)
            self._worker = Worker(program.name, command_of(program, "base", n_cpus()))
        _tell(f"times of the words in {path.name}, once")
        return [(start_s, end_s, word) for start_s, end_s, word in self._worker.ask("words", str(path)).result]

    def close(self) -> None:
        """End its process."""
        if self._worker is not None:
            self._worker.__exit__()


def _run(
    program: Program, setting: Setting, clock: str, set_name: str, stream: Stream, answer: Mapping[str, Any]
) -> StreamRun:
    trace = trace_from_json(answer["views"])
    return StreamRun(
        program=program.name,
        setting=setting,
        clock=clock,
        set_name=set_name,
        stream=stream.name,
        score=score_of(stream.script, trace),
        trace=trace,
        compute_s=answer.get("compute_s"),
        cpu_s=answer["cpu_s"],
        peak_mib=answer["peak_mib"],
        hangover_s=answer.get("hangover_s"),
        counts=answer.get("counts", {}),
        notes=tuple(answer.get("notes", ())),
    )


def _tell(what: str) -> None:
    sys.stderr.write(f"{what} …\n")
    sys.stderr.flush()
