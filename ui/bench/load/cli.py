"""The command line of ``max-whisper bench load``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ui.bench.load.messages import PROTOCOLS
from ui.bench.load.peers import PEERS
from ui.flag_values import counts, seconds, some_of

_FIGURES = """\
what is measured, by the code of bench streaming, of all streams together:
  refused        streams that the server did not take, or gave up
  errors         word error rate of finals, after Whisper's normaliser
  of words       words that were shown at all, of those whose time is known: the delays are theirs
  shown          from the end of a word in the audio to its first appearance
  p95 of all     the same of all words whose time is known: one that is never shown is later than any, – where the
                 figure would be one of these
  settled        to that in text that the program says is stable, or closes
  stays          to the moment from which on it stands there to the end, whatever the program says
  final          from the end of the last word of an utterance to its final; p95 of 20 finals or more
  CPU s per s    processor seconds of the server, for each second of audio; of a peer, of its clients too
  sent late      the most that a client was behind with its sound: where this is much, they were the bottleneck
  holds          every stream was taken, 95 % of words were shown at all and 95 % of them within 3 s, there were
                 finals, and 95 % of them came within 2 s after our hangover

Each stream is another row of clips, with silence between, at the speed of speech; all clients are on this machine, and
take their share of its processors.  A server that is started here is started anew for each number of streams.
"""


def add_load(kinds: argparse._SubParsersAction[argparse.ArgumentParser], audio: Path) -> None:
    """Add the command; ``audio`` is the folder it reads unless one is given."""
    load = kinds.add_parser(
        "load",
        help="a server and many streams: how late words come",
        description="Many people speak to a server at once: ours, WhisperLive's, or the one at --url.",
        epilog=_FIGURES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    load.add_argument("--url", metavar="URL", help="load this server alone, as ws://127.0.0.1:8000/stream")
    protocol = f"what is spoken there, of {', '.join(PROTOCOLS)} (told by the path)"
    load.add_argument("--protocol", choices=tuple(PROTOCOLS), help=protocol)
    load.add_argument("--streams", type=counts, default=(1, 2, 4, 8), metavar="N,…", help="at once (1,2,4,8)")
    load.add_argument("--seconds", type=seconds, default=60.0, metavar="S", help="of sound a stream, at least (60)")
    load.add_argument("--model", default="tiny.en", metavar="NAME", help="the weights (tiny.en)")
    load.add_argument("--compute", choices=("auto", "cpu", "gpu"), default="cpu", help="where ours runs (cpu)")
    peers = f"of {', '.join(PEERS)} (all; '' for none; with --url none)"
    load.add_argument("--peers", type=some_of(list(PEERS)), default=tuple(PEERS), metavar="NAME,…", help=peers)
    load.add_argument("--audio", type=Path, default=audio, metavar="FOLDER", help="has manifest.csv; else the sample")
    load.add_argument("--plot", type=Path, metavar="FILE", help="draw streams against delay there, as SVG")
    load.add_argument("--json", type=Path, metavar="FILE", help="write every figure and every trace there")
