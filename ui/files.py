"""The files a run of captions leaves behind: transcript, events, sound."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from stream.overheard import OverheardSource
from stream.source import AudioSource
from ui.captions import FileSink, Keeper, Sink, WriteGuard
from ui.errors import OutputError, complain
from ui.formats.event_lines import EventLineWriter
from ui.formats.transcripts import transcript_writer
from ui.formats.wav import WavWriter


def tell_where(path: Path) -> None:
    """Say where the transcript is; where nothing was said, leave no empty file behind."""
    if path.is_file() and path.stat().st_size == 0:
        path.unlink()
    elif path.exists():
        complain(f"the transcript is in {path}")


@contextlib.contextmanager
def open_files(arguments: argparse.Namespace, default_path: Path | None) -> Iterator[list[Sink]]:
    """Open the files the arguments name, before anything heavy begins."""
    with contextlib.ExitStack() as stack:
        sinks: list[Sink] = []
        if arguments.events is not None and arguments.events != "-":
            with _named(arguments.events):
                out = Path(arguments.events).open("w", encoding="utf-8")  # noqa: SIM115  # the keeper closes it
            sinks.append(_kept(EventLineWriter(out), arguments.events, stack))
        path = arguments.output or default_path
        if path is not None:
            task = "translate" if "translate" in arguments else "transcribe"
            with _named(path):
                writer = transcript_writer(path, task=task, overwrite=arguments.overwrite)
            sinks.append(_kept(writer, str(path), stack))
        yield sinks


@contextlib.contextmanager
def recorded(source: AudioSource, arguments: argparse.Namespace) -> Iterator[AudioSource]:
    """Keep the sound of ``source`` where the arguments want it; what is yielded stands for it."""
    path: Path | None = arguments.record
    if path is None:
        yield source
        return
    if path == arguments.output:
        raise OutputError(f"{path} cannot hold both sound and text: give --record and --output two files")
    with _named(path):
        sound = WavWriter(path, overwrite=arguments.overwrite)
    guard = WriteGuard(str(path))
    try:
        yield OverheardSource(source, lambda chunk: guard.attempt(lambda: sound.append(chunk)))
    finally:
        guard.finish(sound.close)


def _kept(sink: FileSink, name: str, stack: contextlib.ExitStack) -> Keeper:
    keeper = Keeper(sink, name)
    stack.callback(keeper.close)
    return keeper


@contextlib.contextmanager
def _named(path: Path | str) -> Iterator[None]:
    """Say of a failure to open which file was meant, and what to do."""
    try:
        yield
    except FileExistsError as error:
        raise OutputError(f"{path} holds something already: give --overwrite to replace it, or another file") from error
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}. Give a file in a folder you may write"
        ) from error
