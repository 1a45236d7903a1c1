"""The command line: what can be asked for, and what becomes of it as an exit code.

Nothing heavy is imported before a command needs it, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ui.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_READER_GONE,
    OutputError,
    complain,
    report_crash,
)

_EXAMPLES = """\
examples:
  max-whisper demo                         hear it work in a minute
  max-whisper mic                          live captions from the microphone
  max-whisper file talk.mp3 > talk.txt     the text of a recording
  max-whisper file --paced talk.mp3        the same, at the speed it was spoken
  ffmpeg -i URL -f s16le -ac 1 -ar 16000 - | max-whisper pipe

exit codes:
  0  all was transcribed        2    wrong usage
  1  a source or model failed   130  stopped with Ctrl-C
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code; every error a user can cause ends here as one line."""
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Python would try to flush stdout once more at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_READER_GONE
    except Exception as error:  # noqa: BLE001  # the program's top
        if not _is_users(error):
            report_crash(error)
        else:
            complain(error)
        return EXIT_FAILED


def _run(arguments: argparse.Namespace) -> int:
    # While nothing listens yet, a SIGTERM is a Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from ui import commands

    return int(commands.COMMANDS[arguments.command](arguments))


def _is_users(error: Exception) -> bool:
    """Whether ``error`` was foreseen, and its message written for people."""
    from engine.errors import CheckpointError, ModelLoadError
    from stream.source import SourceError

    return isinstance(error, (SourceError, CheckpointError, ModelLoadError, OutputError, OSError))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="max-whisper",
        description="Live captions from speech, on your own machine: Whisper on MAX.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=importlib.metadata.version("max-whisper"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_file(commands)
    _add_mic(commands)
    _add_pipe(commands)
    _add_demo(commands)
    commands.add_parser("devices", help="list the microphones")
    return parser


Commands = argparse._SubParsersAction  # argparse has no public name for it


def _add_file(commands: Commands[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("file", help="transcribe audio or video files")
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="any format FFmpeg reads")
    command.add_argument("--paced", action="store_true", help="play at the speed of a microphone, with partials")
    _add_output(command)
    _add_model(command)


def _add_mic(commands: Commands[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("mic", help="live captions from the microphone")
    command.add_argument("--device", metavar="NAME|N", help="part of a microphone's name, or its number in `devices`")
    command.add_argument("--no-save", action="store_true", help="keep no transcript")
    _add_output(command)
    _add_model(command)


def _add_pipe(commands: Commands[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("pipe", help="captions of raw 16-bit little-endian PCM on standard input")
    command.add_argument("--rate", type=_positive, default=16_000, metavar="HZ", help="samples a second (16000)")
    command.add_argument("--channels", type=_positive, default=1, metavar="N", help="interleaved channels (1)")
    _add_output(command)
    _add_model(command)


def _add_demo(commands: Commands[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("demo", help="play a sample as if it were spoken, and measure")
    command.add_argument("--no-pacing", action="store_true", help="as fast as this machine can")
    _add_output(command)
    _add_model(command)


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument("--output", type=Path, metavar="FILE", help="write the transcript there as it comes")
    command.add_argument("--overwrite", action="store_true", help="replace --output if there is text in it")
    command.add_argument("--events", metavar="FILE", help="write each event as a JSON line (- for stdout)")
    command.add_argument("--plain", action="store_true", help="plain lines even on a terminal")


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", type=Path, metavar="FOLDER", help="a CTranslate2 Whisper folder (tiny.en)")
    command.add_argument("--compute", choices=("auto", "cpu", "gpu"), default="auto", help="where it runs (auto)")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value
