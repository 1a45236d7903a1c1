"""What each command does: puts sources, model, views and files together."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from engine.options import FOR_LIVE, FOR_RECORDINGS, StreamingOptions
from engine.progress import OnProgress
from stream.source import AudioSource, SourceError
from ui.captions import Ending, Sink, caption
from ui.decoding_arguments import streaming_options
from ui.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, OutputError, complain
from ui.files import OutputFiles, open_files
from ui.imports import quiet_imports
from ui.loading import load_with_progress
from ui.output_arguments import outputs_of, takes_stdout
from ui.paths import new_transcript_path
from ui.stdout import StdoutConsole
from ui.terminal.state import TranscriptState
from ui.views import attended, open_views, print_heading

if TYPE_CHECKING:
    from engine.model import WhisperModel
    from stream.file import FileSource
    from stream.relayed import PausableSource


def transcribe_files(arguments: argparse.Namespace) -> int:
    """``max-whisper file``: each file in turn; one that cannot be read costs the exit code, not the others."""
    with quiet_imports():
        from stream.file import FileSource
    sources = [FileSource(path, paced=arguments.paced) for path in arguments.paths]
    # What comes through a named pipe comes once.
    readable = {
        source: path
        for path, source in zip(arguments.paths, sources, strict=True)
        if path.is_fifo() or asyncio.run(can_be_read(source))
    }
    if not readable:
        return EXIT_FAILED
    with open_files(arguments) as files:
        code = _caption_each(readable, files, arguments)
    return files.exit_code(EXIT_FAILED if code == EXIT_OK and len(readable) < len(sources) else code)


def _caption_each(sources: Mapping[FileSource, Path], files: OutputFiles, arguments: argparse.Namespace) -> int:
    """Caption ``sources``, each of which is the recording at a path, and return an exit code."""
    model = load_model(arguments)
    options = streaming_options(arguments, FOR_LIVE if arguments.paced else FOR_RECORDINGS)
    codes = []
    for n, (source, path) in enumerate(sources.items(), start=1):
        recording, name = "", source.name
        if len(arguments.paths) > 1:
            print_heading(name, arguments)
            recording, name = str(path), f"{n} of {len(sources)}: {name}"
        state = TranscriptState(model.device_name, model.name, source.duration_s, name=name)
        with contextlib.ExitStack() as own:
            try:
                sinks = own.enter_context(files.hearing(path, arguments))
            except OutputError as error:
                complain(error)
                codes.append(EXIT_FAILED)
                continue
            codes.append(_caption(source, model, options, sinks, arguments, state, recording=recording))
        if codes[-1] == EXIT_INTERRUPTED:
            return EXIT_INTERRUPTED
    return EXIT_FAILED if any(codes) else EXIT_OK


def transcribe_microphone(arguments: argparse.Namespace) -> int:
    """``max-whisper mic``: until Ctrl-C; the transcript is saved as it goes."""
    with quiet_imports():
        from stream.microphone import Microphone
        from stream.relayed import PausableSource
        from stream.returning import ReturningMicrophone
    # Where nothing can be recorded, that is told before the model is loaded.
    if not asyncio.run(can_be_read(Microphone(arguments.device))):
        return EXIT_FAILED
    is_elsewhere = arguments.no_save or any(output.path for output in outputs_of(arguments))
    with open_files(arguments, None if is_elsewhere else new_transcript_path()) as files:
        model = load_model(arguments)
        pausable = PausableSource(ReturningMicrophone(Microphone(arguments.device), complain))
        options = streaming_options(arguments, FOR_LIVE)
        try:
            state = TranscriptState(model.device_name, model.name, can_pause=True)
            code = _caption(files.recorded(pausable), model, options, files.sinks, arguments, state, pausable=pausable)
        finally:
            files.tell_where()
    return files.exit_code(code)


def transcribe_pipe(arguments: argparse.Namespace) -> int:
    """``max-whisper pipe``: until the writer closes its end."""
    with quiet_imports():
        from stream.pipe import PipeSource
    stream = None if sys.stdin is None else sys.stdin.buffer
    if stream is None or stream.isatty():
        raise SourceError("standard input is no pipe: send raw 16-bit PCM into it, for example with ffmpeg -f s16le")
    source = PipeSource(stream, rate=arguments.rate, channels=arguments.channels)
    with open_files(arguments) as files:
        model, options = load_model(arguments), streaming_options(arguments, FOR_LIVE)
        state = TranscriptState(model.device_name, model.name)
        code = _caption(files.recorded(source), model, options, files.sinks, arguments, state)
    return files.exit_code(code)


def demonstrate(arguments: argparse.Namespace) -> int:
    """``max-whisper demo``: the sample through the path a microphone takes, and what was measured."""
    with quiet_imports():
        from stream.file import FileSource
        from ui.demo import Recorder, sample_folder
        from ui.report import print_rows, report_rows
        from ui.scoring.scripts import read_script
    script = read_script(sample_folder())
    recorder = Recorder()
    source = FileSource(sample_folder() / "sample.flac", paced=not arguments.no_pacing)
    with open_files(arguments) as files:
        model = load_model(arguments)
        options, sinks = streaming_options(arguments, FOR_LIVE), [*files.sinks, recorder]
        state = TranscriptState(model.device_name, model.name, script.duration_s, name=source.name)
        code = _caption(source, model, options, sinks, arguments, state)
    if code == EXIT_OK:
        console = Console(stderr=True) if takes_stdout(arguments) else StdoutConsole()
        is_paced = not arguments.no_pacing
        print_rows(console, report_rows(recorder.events, script, model.name, model.device_name, is_paced=is_paced))
    return files.exit_code(code)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "file": transcribe_files,
    "mic": transcribe_microphone,
    "pipe": transcribe_pipe,
    "demo": demonstrate,
}


def load_model(arguments: argparse.Namespace) -> WhisperModel:
    """Bring up the model the arguments name, showing how far it is."""
    return model_loader(arguments)()


def model_loader(arguments: argparse.Namespace) -> Callable[[], WhisperModel]:
    """Return what brings up the model the arguments name; it may run on any thread, this on the main one."""
    # MAX must be imported on the main thread: it ends its compiler's context on the thread that began it.
    with quiet_imports(), arguments.timings.stage("importing MAX"):
        from engine.model import WhisperModel

    def load(on_progress: OnProgress) -> WhisperModel:
        options = streaming_options(arguments, FOR_LIVE).decoding
        return WhisperModel.load(
            arguments.model,
            device=arguments.compute,
            options=options,
            is_live=arguments.command != "file" or arguments.paced,
            offline=arguments.offline,
            on_progress=on_progress,
            timings=arguments.timings,
        )

    return lambda: load_with_progress(load, Console(stderr=True))


async def can_be_read(source: AudioSource) -> bool:
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
    files: Sequence[Sink],
    arguments: argparse.Namespace,
    state: TranscriptState,
    *,
    pausable: PausableSource | None = None,
    recording: str = "",
) -> int:
    """Caption ``source`` and return an exit code; what was heard before a failure has been shown by then."""

    def run() -> Ending:
        with open_views(state, arguments, recording) as views:
            return asyncio.run(caption(source, model, options, [*views, *files], attended(views, pausable)))

    # Ctrl-C is how a microphone ends.
    return exit_code(run, is_ended_by_user=arguments.command == "mic")


def exit_code(run: Callable[[], Ending], *, is_ended_by_user: bool) -> int:
    """Return the exit code of a run of captions; why its source failed is said."""
    try:
        ending = run()
    except SourceError as error:
        complain(error)
        return EXIT_FAILED
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error
    if ending.was_stopped and not is_ended_by_user:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if ending.has_lost else EXIT_OK
