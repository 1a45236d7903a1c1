"""``max-whisper bench streaming``: measures, prints tables, and writes what was measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict

from ui.bench.machine import machine, n_cpus, our_version
from ui.bench.peers.environment import PeerError
from ui.bench.results import print_results, told_failure, try_writing
from ui.bench.streaming.measure import OFFLINE, Listener, Sets, StreamRun, Trial, measure
from ui.bench.streaming.plots import plot_of
from ui.bench.streaming.programs import PEERS, ours
from ui.bench.streaming.settings import Setting, settings_of, varied
from ui.bench.streaming.streams import SETS, StreamMaker, sample_stream, told_times
from ui.bench.streaming.tables import tables_of
from ui.bench.worker import command_of
from ui.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, complain
from ui.imports import quiet_imports
from ui.scoring.traces import trace_as_json


def bench_streaming(arguments: argparse.Namespace) -> int:
    """Measure, print tables, and write the figures where the arguments say."""
    arguments.clock = arguments.clock or (("virtual",) if arguments.quick else ("virtual", "wall"))
    settings = settings_of(arguments.vary)
    try:
        for setting in settings:
            varied(setting)
    except ValueError as error:
        complain(error)
        return EXIT_USAGE
    try_writing(arguments.json, arguments.plot)
    try:
        sets, notes = _sets(arguments)
        runs = [run for trial in _our_trials(arguments, settings) for run in measure(trial, sets)]
    except PeerError as error:
        complain(error)
        return EXIT_FAILED
    runs += _peers_runs(arguments, sets, notes)
    notes += [
        f"max-whisper is {our_version()}, {arguments.model}",
        f"blocks of {arguments.block_ms} ms by the virtual clock, of 100 by the wall's",
        *told_times(sets),
    ]
    print_results(tables_of(runs), [*notes, *(f"{run.label}: {note}" for run in runs for note in run.notes)])
    _write(arguments, runs, notes)
    return EXIT_OK


def _sets(arguments: argparse.Namespace) -> tuple[Sets, list[str]]:
    """The sets that are there, and what is missing.

    Raises:
        PeerError: none is there.
    """
    if not (arguments.audio / "manifest.csv").is_file():
        note = f"{arguments.audio} has no manifest.csv, so this is the sample: name real speech with --audio"
        return {"sample": [sample_stream()]}, [note]
    with closing(Listener()) as listener:
        maker = StreamMaker(arguments.audio, listener.hear, is_quick=arguments.quick)
        found = {name: SETS[name](maker) for name in arguments.sets}
    notes = [f"{name}: skipped, no recording of it is in {arguments.audio}" for name in found if not found[name]]
    if not any(found.values()):
        raise PeerError("; ".join(notes))
    return {name: streams for name, streams in found.items() if streams}, notes


def _our_trials(arguments: argparse.Namespace, settings: Sequence[Setting]) -> Iterator[Trial]:
    program = ours(arguments.compute)
    command = command_of(program, arguments.model, n_cpus())
    for clock in ("virtual", "wall"):
        if clock in arguments.clock:
            for setting in settings:
                told = (setting, clock, arguments.block_ms)
                yield Trial(program=program.name, command=command, clock=clock, setting=setting, arguments=told)
    if arguments.offline_too:
        told = ({}, OFFLINE, arguments.block_ms)
        yield Trial(program=program.name, command=command, clock=OFFLINE, arguments=told)


def _peers_runs(arguments: argparse.Namespace, sets: Sets, notes: list[str]) -> Iterator[StreamRun]:
    """Let the peers hear the same; one that cannot be set up, or fails, is noted, and the others go on."""
    if "wall" not in arguments.clock:
        return
    with quiet_imports():
        from ui.bench.peers.conversions import weights_for
    for program in (PEERS[name] for name in arguments.peers):
        try:
            weights = str(weights_for(program.weights, arguments.model))
            command = command_of(program, weights, n_cpus(), arguments.whisper_streaming)
            yield from measure(Trial(program=program.name, command=command, clock="wall"), sets)
        except PeerError as error:
            notes.append(f"{program.name}: {error}")
        else:
            notes.append(f"{program.name}: {program.version}; {program.note}")


def _write(arguments: argparse.Namespace, runs: Sequence[StreamRun], notes: Sequence[str]) -> None:
    if arguments.plot is not None:
        with told_failure(arguments.plot):
            arguments.plot.write_text(plot_of(runs), encoding="utf-8")
    if arguments.json is not None:
        content = {
            "machine": machine(),
            "model": arguments.model,
            "version": our_version(),
            "block_ms": arguments.block_ms,
            "notes": notes,
            "runs": [asdict(run) | {"trace": trace_as_json(run.trace)} for run in runs],
        }
        with told_failure(arguments.json):
            arguments.json.write_text(json.dumps(content) + "\n", encoding="utf-8")
