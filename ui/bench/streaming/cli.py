"""The command line of ``max-whisper bench streaming``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ui.bench.streaming.peers import COPY_FLAG
from ui.bench.streaming.programs import PEERS
from ui.flag_values import some_of

_SETS = ("long", "stream", "timit", "short", "nonspeech")
_CLOCKS = ("virtual", "wall")

_FIGURES = """\
what is measured, of every program by the same code from what a reader saw:
  finals, stable, first shown   word error rate, after Whisper's normaliser, of the last text; of what each place held
                                when it was first stable; of what it held first, a loop that vanished with all its words
  shown                         from the end of a word in the audio to its first appearance
  settled                       to that in text that the program says is stable, or closes: where it calls nothing
                                stable, that is when it closes the text
  stays                         to the moment from which on the word stands there to the end, neither changed nor taken
                                away, whatever the program says: every program is held to it alike
  of words                      how many words were shown: the delays are theirs; there is none of words that are never
                                shown, or written otherwise (25), and no "stays" of words that the last text lacks
  p95 of all                    of "shown", those that never were being later than any: – where it is one of these
  final                         from the end of its last word to the final; p95 of 20 finals or more, p99 of 100
  changed                       words that were shown and later changed or taken away; case and punctuation are none
  stable changed by finals      the same of words that were stable when the final came
  stable completed before       stable words that grew before the final, as "turn" to "turnips"
  stable taken back before      stable words that changed otherwise before the final: should be 0
  lost to guards                words in the audio of utterances that were discarded
  made up                       words of finals in which nothing of what was said is; where nothing is said, all of them
  p50 – hangover                what finals cost beyond the silence that our gate waits for
  compute, CPU s per s          seconds in which the model worked, and processor seconds of the whole program, for each
                                second of audio
  others' CPUs                  how many other programs kept busy meanwhile, in the worst stream: delays are as true
                                as this is near 0
  peak MiB                      the most memory of a process begun for this program and setting

offline, where the clock stands: with --offline-too, the same sound heard as a whole recording, as the command file
does: its words alone.

sets: long (talks), stream (speech between silence, noise and music), timit (clips timed by hand, joined), short (other
clips, joined), nonspeech (silence, noise, music).

clocks: virtual counts audio and the seconds that decoding really took, so minutes of audio take seconds; wall is the
whole program at the speed of speech.
"""


def add_streaming(kinds: argparse._SubParsersAction[argparse.ArgumentParser], audio: Path) -> None:
    """Add the command; ``audio`` is the folder it reads unless one is given."""
    streaming = kinds.add_parser(
        "streaming",
        help="live text: delay of words, steadiness, words right",
        description="Recordings as if they were spoken now, through the path that a microphone takes.",
        epilog=_FIGURES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    streaming.add_argument("--quick", action="store_true", help="a part of each set, by the virtual clock: minutes")
    streaming.add_argument("--model", default="tiny.en", metavar="NAME", help="the weights (tiny.en)")
    streaming.add_argument("--compute", choices=("auto", "cpu", "gpu"), default="cpu", help="where ours runs (cpu)")
    clocks = f"of {', '.join(_CLOCKS)}, see below (both; virtual with --quick)"
    streaming.add_argument("--clock", type=some_of(_CLOCKS), metavar="NAME,…", help=clocks)
    streaming.add_argument(
        "--sets", type=some_of(_SETS), default=_SETS, metavar="NAME,…", help=f"of {', '.join(_SETS)} (all)"
    )
    peers = f"by the wall clock, of {', '.join(PEERS)} (all; '' for none)"
    streaming.add_argument("--peers", type=some_of(list(PEERS)), default=tuple(PEERS), metavar="NAME,…", help=peers)
    whole = "let ours hear each stream as a whole recording too, as the command file does: for its words alone"
    streaming.add_argument("--offline-too", action="store_true", help=whole)
    copy = "has whisper_streaming's whisper_online.py, of the commit that is measured (else fetched from GitHub, once)"
    there = os.environ.get("MAX_WHISPER_WHISPER_STREAMING") or None
    streaming.add_argument(COPY_FLAG, type=Path, default=there, metavar="FOLDER", help=copy)
    streaming.add_argument(
        "--vary",
        type=_vary,
        action="append",
        default=[],
        metavar="OPTION=VALUE,…",
        help="an option of streams, as step_s or gate.hangover_ms: a run for each value, or each combination of them",
    )
    blocks = "virtual clock: the microphone gives so much sound at a time, 20 to 100 (20, as ours does)"
    streaming.add_argument("--block-ms", type=_block_ms, default=20, metavar="MS", help=blocks)
    streaming.add_argument(
        "--audio", type=Path, default=audio, metavar="FOLDER", help="has manifest.csv; else the sample is heard"
    )
    plot = "draw when words stay against word errors there, as SVG"
    streaming.add_argument("--plot", type=Path, metavar="FILE", help=plot)
    streaming.add_argument("--json", type=Path, metavar="FILE", help="write every figure and every trace there")


def _vary(text: str) -> tuple[str, tuple[str, ...]]:
    from ui.bench.streaming.settings import parse_vary

    return parse_vary(text)


def _block_ms(text: str) -> int:
    if not text.isdecimal() or not 20 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"must be a whole number from 20 to 100, got {text}")
    return int(text)
