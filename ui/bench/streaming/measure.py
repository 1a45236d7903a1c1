"""Running the programs over the streams, each program in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ui.bench.machine import busy_s, n_cpus
from ui.bench.peers.environment import PeerError
from ui.bench.streaming.programs import ours
from ui.bench.streaming.settings import Setting, name_of
from ui.bench.streaming.streams import Stream
from ui.bench.streaming.word_times import HeardWord
from ui.bench.worker import Worker, command_of
from ui.scoring.scores import Score, score_of
from ui.scoring.traces import Trace, trace_from_json

OFFLINE = "offline"
"""Stands for a clock where a stream was heard as a whole recording: there are words, and no delays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamRun:
    """What one program did with one stream.

    Attributes:
        program, setting: who, and how.
        clock: "virtual", "wall" or ``OFFLINE``.
        set_name, stream: which.
        score: what was measured of the trace.
        trace: what a reader saw.
        compute_s: seconds that the model worked; None where the program does not tell.
        cpu_s: processor seconds of all its processes.
        peak_mib: the most memory they had held by then, in a process begun for this program and setting.
        others_cpus: how many CPUs other programs, or the host, kept busy meanwhile; None where that is not known.
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
    others_cpus: float | None = None
    hangover_s: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Who and how, as the tables say it."""
        return f"{self.program}, {name_of(self.setting)}" if self.setting else self.program


Sets = Mapping[str, Sequence[Stream]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One program, run in one way.

    Attributes:
        program: its name.
        command: starts its worker.
        clock: "virtual", "wall" or ``OFFLINE``.
        setting: of its options.
        arguments: told to the worker behind the path of each stream.
    """

    program: str
    command: list[str]
    clock: str
    setting: Setting = field(default_factory=dict)
    arguments: tuple[object, ...] = ()


def measure(trial: Trial, sets: Sets) -> Iterator[StreamRun]:
    """Let a program hear every stream, in a process begun for it.

    Raises:
        PeerError: it does not come up, or failed.
    """
    with Worker(trial.program, trial.command) as worker:
        for set_name, streams in sets.items():
            for stream in streams:
                how = f", {name_of(trial.setting)}" if trial.setting else ""
                _tell(f"{trial.program}{how}, {trial.clock} clock: {stream.name}")
                before_s = busy_s()
                answer = worker.ask("stream", str(stream.path), *trial.arguments)
                own_s = answer.result.get("all_cpu_s", answer.result["cpu_s"])
                others_cpus = _others_cpus(before_s, answer.took_s, own_s)
                yield replace(_run(trial, set_name, stream, answer.result), others_cpus=others_cpus)


class Listener:
    """Hears with base when the words of recordings were said; its process starts when it is needed first."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._stack = ExitStack()

    def hear(self, path: Path) -> list[HeardWord]:
        """Return the words of a recording with their times."""
        if self._worker is None:
            _tell("base, for the times of words")
            program = ours("auto", words=True)
            self._worker = self._stack.enter_context(Worker(program.name, command_of(program, "base", n_cpus())))
        _tell(f"times of the words in {path.name}, once")
        return [(start_s, end_s, word) for start_s, end_s, word in self._worker.ask("words", str(path)).result]

    def close(self) -> None:
        """End its process."""
        self._stack.close()


def _others_cpus(before_s: float | None, took_s: float, own_s: float) -> float | None:
    now_s = busy_s()
    if before_s is None or now_s is None:
        return None
    return max(0.0, now_s - before_s - own_s) / took_s


def _run(trial: Trial, set_name: str, stream: Stream, answer: Mapping[str, Any]) -> StreamRun:
    try:
        trace = trace_from_json(answer["views"])
    except (TypeError, ValueError) as error:
        raise PeerError(f"{trial.program}, {stream.name}: {error}") from error
    score = score_of(stream.script, trace)
    if trial.clock == OFFLINE:
        score = replace(score, shown_s=(), settled_s=(), stays_s=(), final_s=())
    return StreamRun(
        program=trial.program,
        setting=trial.setting,
        clock=trial.clock,
        set_name=set_name,
        stream=stream.name,
        score=score,
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
