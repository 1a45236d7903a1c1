"""``max-whisper bench load``: loads servers, prints a table, and writes what was measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from urllib.parse import urlsplit

from engine.options import StreamingOptions
from ui.bench.load.measure import LoadRun, Streams, load_ours, load_peer, load_url
from ui.bench.load.messages import PROTOCOLS, protocol_of
from ui.bench.load.peers import PEERS
from ui.bench.load.tables import plot_of, table_of
from ui.bench.machine import machine, n_cpus, our_version
from ui.bench.peers.environment import PeerError
from ui.bench.results import print_results, told_failure, try_writing
from ui.bench.streaming.measure import Listener
from ui.bench.streaming.streams import StreamMaker, sample_stream, told_times
from ui.bench.worker import command_of
from ui.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, complain
from ui.imports import quiet_imports

_HANGOVER_S = StreamingOptions().gate.hangover_ms / 1000


def bench_load(arguments: argparse.Namespace) -> int:
    """Measure, print a table, and write the figures where the arguments say."""
    if arguments.url is not None:
        try:
            arguments.protocol = arguments.protocol or protocol_of(arguments.url)
        except ValueError as error:
            complain(error)
            return EXIT_USAGE
    try_writing(arguments.plot, arguments.json)
    notes = [f"max-whisper is {our_version()}, {arguments.model}; our hangover is {_HANGOVER_S:g} s"]
    try:
        streams = _streams(arguments, notes)
        runs = list(_runs(arguments, streams, notes))
    except PeerError as error:
        complain(error)
        return EXIT_FAILED
    notes += [f"{run.program}, {len(run.streams)} at once: {why}" for run in runs for why in run.refusals]
    print_results([table_of(runs, _HANGOVER_S)], notes)
    _write(arguments, runs, notes)
    return EXIT_OK if any(run.score is not None for run in runs) else EXIT_FAILED


def _streams(arguments: argparse.Namespace, notes: list[str]) -> Streams:
    if not (arguments.audio / "manifest.csv").is_file():
        notes.append(f"{arguments.audio} has no manifest.csv: every stream is the sample, synthetic speech")
        return {n_streams: [sample_stream()] * n_streams for n_streams in arguments.streams}
    with closing(Listener()) as listener:
        maker = StreamMaker(arguments.audio, listener.hear, is_quick=False)
        made = {n_streams: maker.talkers(n_streams, arguments.seconds) for n_streams in arguments.streams}
    if not all(made.values()):
        raise PeerError(f"{arguments.audio} has no short English clip with a transcript")
    notes += told_times({f"{n_streams} at once": own for n_streams, own in made.items()})
    return made


def _runs(arguments: argparse.Namespace, streams: Streams, notes: list[str]) -> Iterator[LoadRun]:
    if arguments.url is not None:
        name = urlsplit(arguments.url).netloc.rpartition("@")[2]
        yield from load_url(name, arguments.url, PROTOCOLS[arguments.protocol], streams)
        return
    notes.append("max-whisper: CPU s per s are its server's alone, without those of the clients")
    yield from load_ours(["--model", arguments.model, "--compute", arguments.compute], streams)
    yield from _peers_runs(arguments, streams, notes)


def _peers_runs(arguments: argparse.Namespace, streams: Streams, notes: list[str]) -> Iterator[LoadRun]:
    """Load the peers; one that cannot be set up, or fails, is noted, and the others go on."""
    with quiet_imports():
        from ui.bench.peers.conversions import weights_for
    for program in (PEERS[name] for name in arguments.peers):
        try:
            command = command_of(program, str(weights_for(program.weights, arguments.model)), n_cpus())
            yield from load_peer(program.name, command, streams)
        except PeerError as error:
            notes.append(f"{program.name}: {error}")
        else:
            notes.append(f"{program.name}: {program.version}; {program.note}")


def _write(arguments: argparse.Namespace, runs: Sequence[LoadRun], notes: Sequence[str]) -> None:
    if arguments.plot is not None:
        with told_failure(arguments.plot):
            arguments.plot.write_text(plot_of(runs, _HANGOVER_S), encoding="utf-8")
    if arguments.json is not None:
        content = {
            "machine": machine(),
            "model": arguments.model,
            "version": our_version(),
            "hangover_s": _HANGOVER_S,
            "notes": notes,
            "runs": [asdict(run) for run in runs],
        }
        with told_failure(arguments.json):
            arguments.json.write_text(json.dumps(content) + "\n", encoding="utf-8")
