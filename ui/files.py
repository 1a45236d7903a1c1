"""The files a run of captions leaves behind: transcript, events, sound."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from stream.relayed import OverheardSource
from stream.source import AudioSource
from ui.captions import FileSink, Keeper, Sink, WriteGuard
from ui.decoding_arguments import task_of
from ui.errors import EXIT_FAILED, EXIT_OK, OutputError, complain
from ui.formats.event_lines import EventLineWriter
from ui.formats.kept_file import KeptFile
from ui.formats.output import Output
from ui.formats.transcripts import transcript_writer
from ui.formats.wav import WavWriter
from ui.output_arguments import all_outputs, outputs_of, own_outputs


class OutputFiles:
    """Open files; one that cannot be written any more costs the exit code, not the captions.

    Attributes:
        sinks: those that take events.
    """

    def __init__(self, stack: contextlib.ExitStack, guards: list[WriteGuard] | None = None) -> None:
        """``stack`` closes them; ``guards`` are those of others, whose failures count as well."""
        self.sinks: list[Sink] = []
        self._stack = stack
        self._guards = [] if guards is None else guards
        self._transcripts: list[Path] = []
        self._sound: tuple[WavWriter, WriteGuard] | None = None
        self._events: EventLineWriter | None = None

    def add_events(self, events: EventLineWriter, name: str) -> None:
        """Let ``events`` tell of all that is heard until all are closed."""
        self._events = events
        self._add_sink(events, name)

    def add_transcript(self, output: Output, *, task: str, overwrite: bool) -> None:
        """Open the file of ``output`` and let it take events until all are closed.

        Raises:
            OutputError: it cannot be written, or something would be lost by that.
        """
        assert output.path is not None
        with _named(output.path):
            writer = transcript_writer(
                output.path, task=task, form=output.form, shape=output.shape, overwrite=overwrite
            )
        self._add_sink(writer, str(output.path))
        self._transcripts.append(output.path)

    def add_sound(self, sound: WavWriter, name: str) -> None:
        """Let ``sound`` take what ``recorded`` sources say until all are closed."""
        self._sound = sound, self._add_sink(sound, name)

    def recorded(self, source: AudioSource) -> AudioSource:
        """Return what stands for ``source``: its sound is kept, where that is wanted."""
        if self._sound is None:
            return source
        sound, guard = self._sound
        return OverheardSource(source, lambda chunk: guard.attempt(lambda: sound.append(chunk)))

    @contextlib.contextmanager
    def hearing(self, recording: Path, arguments: argparse.Namespace) -> Iterator[list[Sink]]:
        """Yield what takes the events of ``recording``: its own files, closed behind it, and those of the whole run.

        Raises:
            OutputError: one of its own cannot be written, or something would be lost by that.
        """
        if self._events is not None and len(arguments.paths) > 1:
            self._events.recording = str(recording)
        with contextlib.ExitStack() as stack:
            own = OutputFiles(stack, self._guards)
            for output in own_outputs(arguments, recording):
                own.add_transcript(output, task=task_of(arguments), overwrite=arguments.overwrite)
            yield [*self.sinks, *own.sinks]

    def tell_where(self) -> None:
        """Say where the transcript is; where nothing was said, leave no empty file behind."""
        for path in self._transcripts:
            if path.is_file() and path.stat().st_size == 0:
                path.unlink()
            elif path.exists():
                complain(f"the transcript is in {path}")

    def exit_code(self, code: int) -> int:
        """Return ``code``, once all are closed; where it says that all went well and a file is not whole, another."""
        return EXIT_FAILED if code == EXIT_OK and any(guard.has_failed for guard in self._guards) else code

    def _add_sink(self, sink: FileSink, name: str) -> WriteGuard:
        """Let ``sink``, which writes the file ``name``, take events until all are closed; return what guards it."""
        guard = WriteGuard(name)
        keeper = Keeper(sink, guard)
        self._stack.callback(keeper.close)
        self._guards.append(guard)
        self.sinks.append(keeper)
        return guard


@contextlib.contextmanager
def open_files(arguments: argparse.Namespace, default_path: Path | None = None) -> Iterator[OutputFiles]:
    """Open the files the arguments name, before anything heavy begins.

    Args:
        arguments: of a command with ``--output`` and ``--events``, and perhaps ``--record``.
        default_path: of the transcript, where none is named.

    Raises:
        OutputError: one cannot be written, or something would be lost by that.
    """
    given = vars(arguments)
    events = None if arguments.events in {None, "-"} else Path(arguments.events)
    outputs = [output for output in outputs_of(arguments) if output.path is not None]
    if default_path is not None:
        outputs.append(Output(default_path, "txt"))
    sound: Path | None = given.get("record")
    recordings: list[Path] = given.get("paths", [])
    transcripts = [default_path, *(output.path for output in all_outputs(arguments))]
    named = [path for path in (events, sound, *transcripts) if path is not None]
    _check_apart(named, [*recordings, *filter(None, [given.get("file")])])
    with contextlib.ExitStack() as stack:
        files = OutputFiles(stack)
        if events is not None:
            with _named(events):
                file = KeptFile(events, overwrite=arguments.overwrite)
            out = io.TextIOWrapper(io.BufferedWriter(file), encoding="utf-8", errors="replace")
            files.add_events(EventLineWriter(out), str(events))
        for output in outputs:
            files.add_transcript(output, task=task_of(arguments), overwrite=arguments.overwrite)
        if sound is not None:
            with _named(sound):
                files.add_sound(WavWriter(sound, overwrite=arguments.overwrite), str(sound))
        # Those of each recording too: none is to be found unwritable after hours.
        for recording in recordings:
            with files.hearing(recording, arguments):
                pass
        yield files


def _check_apart(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    taken = {_identity(path) for path in inputs} - {None}
    for path in outputs:
        identity = _identity(path)
        if identity in taken:
            raise OutputError(f"{path} is named twice, and would be lost: give every output a file of its own")
        if identity is not None:
            taken.add(identity)


def _identity(path: Path) -> object:
    """Return what no other file has; None for what nothing is lost in, as a pipe."""
    if path.is_file():
        found = path.stat()
        return found.st_dev, found.st_ino
    return None if path.exists() else path.resolve()


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say of a failure to open which file was meant, and what to do."""
    try:
        yield
    except FileExistsError as error:
        raise OutputError(f"{path} holds something already: give --overwrite to replace it, or another file") from error
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}. Give a file in a folder you may write"
        ) from error
