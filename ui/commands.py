"""What each command does: puts sources, model, views and files together."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table

from engine.options import StreamingOptions
from engine.progress import OnProgress
from stream.source import AudioSource, SourceError
from ui.captions import Keeper, Sink, caption
from ui.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, OutputError, complain
from ui.formats.event_lines import EventLineWriter
from ui.formats.text import TextWriter
from ui.loading import load_with_progress
from ui.paths import new_transcript_path
from ui.terminal.live import LiveView
from ui.terminal.plain import PlainView
from ui.terminal.state import TranscriptState

if TYPE_CHECKING:
    from engine.model import WhisperModel


def transcribe_files(arguments: argparse.Namespace) -> int:
    """``max-whisper file``: each file in turn; one that cannot be read costs the exit code, not the others."""
    from stream.file import FileSource

    sources = [FileSource(path, paced=arguments.paced) for path in arguments.paths]
    readable = [source for source in sources if asyncio.run(_can_be_read(source))]
    if not readable:
        return EXIT_FAILED
    options = StreamingOptions(partials=arguments.paced)
    with _outputs(arguments, None) as keepers:
        model = load_model(arguments)
        codes = []
        for source in readable:
            if len(sources) > 1 and sys.stdout.isatty():
                Console().rule(source.name, align="left", style="dim")
            codes.append(_caption(source, model, options, keepers, arguments, source.duration_s))
            if codes[-1] == EXIT_INTERRUPTED:
                return EXIT_INTERRUPTED
    return EXIT_OK if len(readable) == len(sources) and not any(codes) else EXIT_FAILED


def transcribe_microphone(arguments: argparse.Namespace) -> int:
    """``max-whisper mic``: until Ctrl-C; the transcript is saved as it goes."""
    from stream.microphone import Microphone, list_devices

    device = arguments.device
    list_devices()  # where nothing can be recorded, that is told before the model is loaded
    path = None if arguments.no_save else new_transcript_path()
    with _outputs(arguments, path) as keepers:
        model = load_model(arguments)
        code = _caption(Microphone(device), model, StreamingOptions(), keepers, arguments)
    saved = arguments.output or path
    if saved is not None and saved.exists() and saved.stat().st_size:
        complain(f"the transcript is in {saved}")
    return EXIT_OK if code == EXIT_INTERRUPTED else code


def transcribe_pipe(arguments: argparse.Namespace) -> int:
    """``max-whisper pipe``: until the writer closes its end."""
    from stream.pipe import PipeSource

    stream = None if sys.stdin is None else sys.stdin.buffer
    if stream is None or stream.isatty():
        raise SourceError("standard input is no pipe: send raw 16-bit PCM into it, for example with ffmpeg -f s16le")
    with _outputs(arguments, None) as keepers:
        model = load_model(arguments)
        source = PipeSource(stream, rate=arguments.rate, channels=arguments.channels)
        return _caption(source, model, StreamingOptions(), keepers, arguments)


def list_microphones(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # as every command
    """``max-whisper devices``."""
    from stream.microphone import list_devices

    table = Table(box=None, pad_edge=False)
    for heading in ("", "microphone", "channels", "rate"):
        table.add_column(heading)
    for device in list_devices():
        mark = " (default)" if device.is_default else ""
        table.add_row(str(device.index), device.name + mark, str(device.n_channels), f"{device.rate} Hz")
    console = Console()
    console.print(table)
    console.print("\nmax-whisper mic --device NAME|N takes one of them.", style="dim")
    return EXIT_OK


def demonstrate(arguments: argparse.Namespace) -> int:
    """``max-whisper demo``: the sample through the path a microphone takes, and what was measured."""
    from ui.demo import Recorder, sample_folder
    from ui.report import print_report, read_script

    script = read_script(sample_folder())
    from stream.file import FileSource

    recorder = Recorder()
    source = FileSource(sample_folder() / "sample.flac", paced=not arguments.no_pacing)
    with _outputs(arguments, None) as keepers:
        model = load_model(arguments)
        sinks = [*keepers, recorder]
        code = _caption(source, model, StreamingOptions(), sinks, arguments, script.duration_s)
    if code == EXIT_OK:
        print_report(
            Console(), recorder.events, script, model.name, model.device_name, is_paced=not arguments.no_pacing
        )
    return code


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "file": transcribe_files,
    "mic": transcribe_microphone,
    "pipe": transcribe_pipe,
    "devices": list_microphones,
    "demo": demonstrate,
}


def load_model(arguments: argparse.Namespace) -> WhisperModel:
    """Bring up the model the arguments name, showing how far it is."""
    # MAX must be imported on the main thread: it ends its compiler's context on the thread that began it.
    from engine.model import WhisperModel

    def load(on_progress: OnProgress) -> WhisperModel:
        return WhisperModel.load(arguments.model, device=arguments.compute, on_progress=on_progress)

    return load_with_progress(load, Console(stderr=True))


async def _can_be_read(source: AudioSource) -> bool:
    """Try the first sound of ``source``; complain where there is none."""
    try:
        async with aclosing(source.chunks()) as chunks:
            await anext(chunks, None)
    except SourceError as error:
        complain(error)
        return False
    return True


def _caption(
    source: AudioSource,
    model: WhisperModel,
    options: StreamingOptions,
    sinks: Sequence[Sink],
    arguments: argparse.Namespace,
    duration_s: float | None = None,
) -> int:
    """Caption ``source`` and return an exit code; what was heard before a failure has been shown by then."""
    state = TranscriptState(model.device_name, model.name, duration_s)
    try:
        with _view(state, arguments) as views:
            was_stopped = asyncio.run(caption(source, model, options, [*views, *sinks]))
    except SourceError as error:
        complain(error)
        return EXIT_FAILED
    except asyncio.CancelledError:
        return EXIT_INTERRUPTED
    return EXIT_INTERRUPTED if was_stopped else EXIT_OK


@contextlib.contextmanager
def _view(state: TranscriptState, arguments: argparse.Namespace) -> Iterator[list[Sink]]:
    if arguments.events == "-":
        yield []
    elif sys.stdout.isatty() and not arguments.plain:
        with LiveView(Console(), state) as view:
            yield [view]
    else:
        yield [PlainView(sys.stdout, sys.stderr)]


@contextlib.contextmanager
def _outputs(arguments: argparse.Namespace, default_path: Path | None) -> Iterator[list[Sink]]:
    """Open the files the arguments name, before anything heavy begins."""
    with contextlib.ExitStack() as stack:
        sinks: list[Sink] = []
        if arguments.events == "-":
            sinks.append(EventLineWriter(sys.stdout))
        elif arguments.events is not None:
            with _named(arguments.events):
                out: TextIO = stack.enter_context(Path(arguments.events).open("w", encoding="utf-8"))
            sinks.append(Keeper(EventLineWriter(out), arguments.events))
        path = arguments.output or default_path
        if path is not None:
            with _named(path):
                writer = stack.enter_context(contextlib.closing(TextWriter(path, overwrite=arguments.overwrite)))
            sinks.append(Keeper(writer, str(path)))
        yield sinks


@contextlib.contextmanager
def _named(path: Path | str) -> Iterator[None]:
    """Say of a failure to open which file was meant, and what to do."""
    try:
        yield
    except FileExistsError as error:
        raise OutputError(f"{path} holds text already: give --overwrite to replace it, or another file") from error
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}. Give a file in a folder you may write"
        ) from error
