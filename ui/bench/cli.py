"""The command line of ``max-whisper bench``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ui.bench.load.cli import add_load
from ui.bench.programs import PEERS
from ui.bench.streaming.cli import add_streaming
from ui.flag_values import some_of

_Commands = argparse._SubParsersAction  # argparse has no public name for it
AUDIO = Path(os.environ.get("MAX_WHISPER_AUDIO", Path(__file__).parents[3] / "shared" / "audio" / "dev"))


def add_bench(commands: _Commands[argparse.ArgumentParser]) -> None:
    """Add the command and what it can measure."""
    purpose = "measure, side by side with other programs"
    bench = commands.add_parser("bench", help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
    kinds = bench.add_subparsers(dest="kind", required=True, metavar="KIND")
    _add_offline(kinds)
    add_streaming(kinds, AUDIO)
    add_load(kinds, AUDIO)


def _add_offline(kinds: _Commands[argparse.ArgumentParser]) -> None:
    offline = kinds.add_parser(
        "offline",
        help="whole recordings: words right, speed, start, memory",
        description="Whole recordings and the parts of the work, each program in a process of its own, taking turns. "
        "The first run sets the peers up, each in an environment of its own.",
    )
    offline.add_argument("--quick", action="store_true", help="2 runs instead of 5")
    offline.add_argument("--model", choices=("tiny.en", "base"), default="tiny.en", help="the weights (tiny.en)")
    offline.add_argument("--compute", choices=("auto", "cpu", "gpu"), default="cpu", help="for ours (cpu)")
    names = ", ".join(PEERS)
    offline.add_argument(
        "--peers",
        type=some_of(list(PEERS)),
        default=tuple(PEERS),
        metavar="NAME,…",
        help=f"which, of {names} (all); '' for none",
    )
    offline.add_argument("--audio", type=Path, default=AUDIO, metavar="FOLDER", help="has manifest.csv and long/")
    offline.add_argument("--only", default="", metavar="TEXT", help="the recordings with TEXT in their name")
    offline.add_argument("--cold", action="store_true", help="compile once more, in a folder thrown away: minutes")
    offline.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
