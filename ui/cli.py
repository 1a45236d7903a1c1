"""The command line: what can be asked for, and what becomes of it as an exit code.

Nothing heavy is imported before a command needs it, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ui.bench.cli import add_bench
from ui.connect_arguments import add_connecting, find_pointless
from ui.decoding_arguments import add_decoding, add_sequential, find_contradiction
from ui.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_READER_GONE,
    CrashLog,
    OutputError,
    complain,
    report_crash,
)
from ui.flag_values import whole
from ui.imports import quiet_imports
from ui.models import add_models_command
from ui.output_arguments import add_folder, add_output, add_recording, find_clash
from ui.serve_arguments import add_serving, find_unsafe
from ui.settings import SettingsError, with_settings
from ui.streaming_arguments import add_streaming

_EXAMPLES = """\
examples:
  max-whisper demo                         hear it work in a minute
  max-whisper mic                          live captions from the microphone
  max-whisper file talk.mp3 > talk.txt     the text of a recording
  max-whisper file --paced talk.mp3        the same, at the speed it was spoken
  max-whisper file *.mp3 --output-dir texts --format txt,srt
  ffmpeg -i URL -f s16le -ac 1 -ar 16000 - | max-whisper pipe

exit codes:
  0  all was transcribed        2    wrong usage
  1  a source or model failed   130  stopped with Ctrl-C, but for mic, which ends that way

Ctrl-C stops listening and finishes what was heard; a second one quits.
"""

_TRANSCRIBES = {"file", "mic", "pipe", "demo"}
_Commands = argparse._SubParsersAction  # argparse has no public name for it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code; every error a user can cause ends here as one line."""
    _open_closed_streams()
    try:
        arguments = _arguments(argv)
        _keep_logged_errors()
        # While nothing listens yet, a SIGTERM is a Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return _run(arguments)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()
        return EXIT_READER_GONE
    except Exception as error:  # noqa: BLE001  # the program's top
        _explain(error)
        return EXIT_FAILED


def _keep_logged_errors() -> None:
    log = logging.getLogger("engine")
    log.handlers, log.propagate = [CrashLog()], False


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    try:
        given = with_settings(parser, sys.argv[1:] if argv is None else argv, os.environ)
    except SettingsError as error:
        parser.error(str(error))
    arguments = parser.parse_args(given)
    if problem := _find_problem(arguments):
        parser.error(problem)
    return arguments


def _find_problem(arguments: argparse.Namespace) -> str | None:
    checks = {"serve": (find_contradiction, find_unsafe), "connect": (find_pointless, find_clash)}
    usual = (find_clash, find_contradiction) if arguments.command in _TRANSCRIBES else ()
    return next(filter(None, (check(arguments) for check in checks.get(arguments.command, usual))), None)


def run() -> NoReturn:
    """Be the program: run it and leave at once.

    Python's own way out takes threads down with it, and one that is inside MAX then aborts the whole process.
    """
    try:
        code = main()
    except SystemExit as error:  # argparse's, for --help and wrong usage
        code = error.code if isinstance(error.code, int) else EXIT_FAILED
    with contextlib.suppress(OSError, KeyboardInterrupt):
        sys.stderr.flush()
        sys.stdout.flush()
    os._exit(code)


def _open_closed_streams() -> None:
    """Where the program was started with >&- or 2>&-, write to nowhere; what an encoding lacks is written as ``?``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # for as long as the program runs
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "devices":
        with quiet_imports():
            from ui.devices import print_microphones
        print_microphones()
        return EXIT_OK
    if arguments.command == "models":
        with quiet_imports():
            from ui.model_commands import ACTIONS
        return ACTIONS[arguments.action](arguments)
    if arguments.command == "serve":
        with quiet_imports():
            from ui.serving import serve
            from ui.timings import told_timings
        with told_timings(arguments):
            return serve(arguments)
    if arguments.command == "connect":
        with quiet_imports():
            from ui.connect import connect_to_server
        return connect_to_server(arguments)
    if arguments.command == "bench":
        return _bench(arguments)
    with quiet_imports():
        from ui import commands
        from ui.timings import told_timings
    with told_timings(arguments):
        return commands.COMMANDS[arguments.command](arguments)


def _bench(arguments: argparse.Namespace) -> int:
    if arguments.kind == "streaming":
        from ui.bench.streaming.command import bench_streaming

        return bench_streaming(arguments)
    if arguments.kind == "load":
        from ui.bench.load.command import bench_load

        return bench_load(arguments)
    from ui.bench.offline import bench_offline

    return bench_offline(arguments)


def _abandon_stdout() -> None:
    """Forget what stdout did not take: Python would try it once more at exit, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: Exception) -> None:
    from engine.errors import CheckpointError, ModelLoadError, OptionError
    from stream.source import SourceError

    match error:
        case OutputError():
            complain(error)
            _abandon_stdout()
        case SourceError() | CheckpointError() | ModelLoadError() | OptionError():
            complain(error)
        case OSError(filename=str() | Path() as name):
            complain(f"{name}: {error.strerror}")
        case _:
            report_crash(error)


class _Version(argparse.Action):
    """Looks the version up when it is asked for: that takes as long as all the rest of --help."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(message=f"max-whisper {version('max-whisper')}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="max-whisper",
        description="Live captions from speech, on your own machine: Whisper on MAX.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_file(commands)
    _add_mic(commands)
    _add_pipe(commands)
    _add_demo(commands)
    _add_serve(commands)
    _add_connect(commands)
    _add(commands, "devices", "list the microphones")
    add_models_command(commands)
    add_bench(commands)
    return parser


def _add_file(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(commands, "file", "transcribe audio or video files")
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="any format FFmpeg reads")
    command.add_argument("--paced", action="store_true", help="play at the speed of a microphone, with partials")
    add_folder(add_output(command))
    add_sequential(command)
    _add_model(command)


def _add_mic(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "mic",
        "live captions from the microphone",
        "Ctrl-C ends it.  The transcript is saved as it comes, in your data folder unless --output names a file.",
    )
    command.add_argument("--device", metavar="NAME|N", help="part of a microphone's name, or its number in `devices`")
    command.add_argument("--no-save", action="store_true", help="keep no transcript")
    add_recording(add_output(command))
    _add_model(command)


def _add_pipe(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(commands, "pipe", "captions of raw 16-bit little-endian PCM on standard input")
    rates, channels = whole(4_000, 384_000), whole(1, 8)  # as stream.raw.AudioFormat has it
    command.add_argument("--rate", type=rates, default=16_000, metavar="HZ", help="samples a second (16000)")
    command.add_argument("--channels", type=channels, default=1, metavar="N", help="interleaved channels (1)")
    add_recording(add_output(command))
    _add_model(command)


def _add_demo(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(commands, "demo", "play a sample as if it were spoken, and measure")
    command.add_argument("--no-pacing", action="store_true", help="as fast as this machine can")
    add_output(command)
    _add_model(command)


def _add_connect(commands: _Commands[argparse.ArgumentParser]) -> None:
    more = "It records on while it is cut off, and comes back by itself.  Ctrl-C ends it."
    command = _add(commands, "connect", "captions from a server elsewhere: max-whisper serve", more)
    add_connecting(command)
    add_recording(add_output(command))


def _add_serve(commands: _Commands[argparse.ArgumentParser]) -> None:
    more = "SIGTERM or Ctrl-C ends it: running utterances are finished first.  What is spoken there: docs/protocol.md."
    command = _add(commands, "serve", "captions for programs and browsers, over WebSockets and HTTP", more)
    add_serving(command)
    _add_model(command)


def _add(
    commands: _Commands[argparse.ArgumentParser], name: str, purpose: str, more: str = ""
) -> argparse.ArgumentParser:
    description = f"{purpose[0].upper()}{purpose[1:]}.  {more}"
    return commands.add_parser(name, help=purpose, description=description, allow_abbrev=False)


def _add_model(command: argparse.ArgumentParser) -> None:
    model = command.add_argument_group("model")
    which = "as tiny.en, base, large-v3, distil-large-v3, owner/name on the hub, a folder or a .pt file (tiny.en)"
    model.add_argument("--model", default="tiny.en", metavar="NAME|PATH", help=which)
    model.add_argument("--offline", action="store_true", help="download nothing, open no connection")
    model.add_argument("--compute", choices=("auto", "cpu", "gpu"), default="auto", help="where it runs (auto)")
    model.add_argument("--timings", action="store_true", help="print at the end where the time went")
    add_decoding(command)
    add_streaming(command)
