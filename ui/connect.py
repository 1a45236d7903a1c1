"""``max-whisper connect``: captions from a server elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from engine.events import TimedEvent
from stream.relayed import PausableSource
from stream.source import AudioSource, SourceError
from ui.captions import Ending, show_events
from ui.commands import can_be_read, exit_code
from ui.decoding_arguments import asked_text
from ui.errors import EXIT_FAILED, complain
from ui.files import OutputFiles, open_files
from ui.imports import quiet_imports
from ui.remote.client import Remote, RemoteError, remote_captions
from ui.serve_arguments import read_tokens
from ui.terminal.state import TranscriptState
from ui.views import attended, open_views


def connect_to_server(arguments: argparse.Namespace) -> int:
    """Send a microphone, a file or a pipe to a server and show what it makes of it."""
    source = _source(arguments)
    if not arguments.pipe and not asyncio.run(can_be_read(source)):
        return EXIT_FAILED
    try:
        remote = _remote(arguments)
        with open_files(arguments) as files:
            is_microphone = arguments.file is None and not arguments.pipe
            code = exit_code(lambda: _run(source, remote, arguments, files), is_ended_by_user=is_microphone)
        return files.exit_code(code)
    except (RemoteError, ValueError) as error:
        complain(error)
        return EXIT_FAILED


def _run(source: AudioSource, remote: Remote, arguments: argparse.Namespace, files: OutputFiles) -> Ending:
    can_wait = arguments.pipe or (arguments.file is not None and not arguments.paced)

    def begin(stop: asyncio.Event) -> AsyncGenerator[TimedEvent]:
        return remote_captions(files.recorded(source), remote, stop, complain, can_wait=can_wait)

    pausable = source if isinstance(source, PausableSource) else None
    duration_s = getattr(source, "duration_s", None)
    can_pause = pausable is not None
    state = TranscriptState(remote.host, "max-whisper", duration_s, can_pause=can_pause, name=source.name)
    with open_views(state, arguments) as views:
        return asyncio.run(show_events(begin, [*views, *files.sinks], attended(views, pausable)))


def _source(arguments: argparse.Namespace) -> AudioSource:
    with quiet_imports():
        from stream.file import FileSource
        from stream.microphone import Microphone
        from stream.pipe import PipeSource
        from stream.returning import ReturningMicrophone
    if arguments.file is not None:
        return FileSource(arguments.file, paced=arguments.paced)
    if not arguments.pipe:
        return PausableSource(ReturningMicrophone(Microphone(arguments.device), complain))
    stream = None if sys.stdin is None else sys.stdin.buffer
    if stream is None or stream.isatty():
        raise SourceError("standard input is no pipe: send raw 16-bit PCM into it, for example with ffmpeg -f s16le")
    return PipeSource(stream, rate=16_000, channels=1)


def _remote(arguments: argparse.Namespace) -> Remote:
    tokens = read_tokens(arguments.token_file) or [arguments.address.token]
    tls = None if arguments.tls_ca is None else _trusting(arguments.tls_ca)
    return Remote(url=arguments.address.url, token=tokens[0], asked=asked_text(arguments), tls=tls)


def _trusting(authority: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(authority))
    except OSError as error:  # ssl's own are some
        raise RemoteError(
            f"--tls-ca {authority} cannot be used ({error.strerror or error}): give a PEM file"
        ) from error
