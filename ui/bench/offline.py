"""``max-whisper bench offline``: whole recordings and the parts of the work, ours beside its peers."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from ui.bench.machine import machine, n_cpus, our_version
from ui.bench.measure import Figures, measure_cold_start, measure_parts, measure_recordings, measure_starts
from ui.bench.peers.environment import PeerError
from ui.bench.programs import PEERS, Program, ours
from ui.bench.recordings import most_said, read_recordings
from ui.bench.tables import deletions, tables_of
from ui.bench.worker import command_of
from ui.errors import EXIT_FAILED, EXIT_OK, complain
from ui.imports import quiet_imports
from ui.stdout import StdoutConsole


def bench_offline(arguments: argparse.Namespace) -> int:
    """Measure, print tables, and write the figures where the arguments say."""
    recordings = read_recordings(arguments.audio, arguments.only)
    if not recordings:
        complain(f"{arguments.audio} has no long English recording with {arguments.only!r} in its name")
        return EXIT_FAILED
    n_runs = 2 if arguments.quick else 5
    figures = Figures()
    programs = [ours(arguments.compute), *(PEERS[name] for name in arguments.peers)]
    commands = _commands(programs, arguments.model, figures)
    with_parts = {program.name: commands[program.name] for program in programs if _can_measure_parts(program, commands)}
    measure_recordings(commands, recordings, n_runs, figures)
    measure_parts(with_parts, most_said(recordings), n_runs, figures)
    measure_starts(commands, recordings, n_runs, figures)
    if arguments.cold:
        measure_cold_start(programs[0].name, commands[programs[0].name], figures)
    figures.notes.extend(_notes(programs, commands))
    _print(figures, arguments.model, n_runs)
    if arguments.json:
        _write(arguments.json, figures, programs, arguments.model, n_runs)
    has_ours = any(one.program == programs[0].name for one in figures.scores)
    return EXIT_OK if has_ours else EXIT_FAILED


def _commands(programs: list[Program], model: str, figures: Figures) -> dict[str, list[str]]:
    """What starts each program; one that cannot be set up is noted."""
    with quiet_imports():
        from ui.bench.peers.conversions import weights_for
    commands = {}
    for program in programs:
        try:
            commands[program.name] = command_of(program, str(weights_for(program.weights, model)), n_cpus())
        except PeerError as error:
            figures.notes.append(f"{program.name}: {error}")
    return commands


def _can_measure_parts(program: Program, commands: dict[str, list[str]]) -> bool:
    return program.has_parts and program.name in commands


def _notes(programs: list[Program], commands: dict[str, list[str]]) -> list[str]:
    used: dict[str, list[str]] = {}
    for program in programs:
        if program.requirements and program.name in commands:
            used.setdefault(f"{', '.join(program.requirements)}: {program.note}", []).append(program.name)
    notes = [f"max-whisper is {our_version()}", *(f"{', '.join(names)}: {how}" for how, names in used.items())]
    if any(program.has_parts and program.requirements for program in programs):
        notes.append("encoder: ours computes cross keys and values too; CTranslate2 always encodes 30 s")
    return notes


def _print(figures: Figures, model: str, n_runs: int) -> None:
    console = StdoutConsole() if sys.stdout.isatty() else StdoutConsole(width=132)
    for table in tables_of(figures, model, n_runs):
        console.print(table)
        console.print()
    for line in (*deletions(figures.scores), *dict.fromkeys(figures.notes)):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    described = machine()
    place = f"{described['processor']}, {described['n_cpus']} CPUs, {described['system']}, {described['date']}"
    console.print(f"Machine: {place}", style="dim", soft_wrap=True, highlight=False)


def _write(path: Path, figures: Figures, programs: list[Program], model: str, n_runs: int) -> None:
    content = {
        "machine": machine(),
        "model": model,
        "n_runs": n_runs,
        "versions": {program.name: list(program.requirements) or [our_version()] for program in programs},
        **asdict(figures),
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
