"""What shows the events of a run while it lasts, as stdout, stderr and the arguments have it."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from stat import S_ISFIFO, S_ISSOCK
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ui.captions import UNATTENDED, Sink, Stdout
from ui.decoding_arguments import task_of
from ui.errors import written_stdout
from ui.formats.event_lines import EventLineWriter
from ui.formats.output import Output
from ui.formats.text import printable
from ui.formats.transcripts import new_form
from ui.output_arguments import outputs_of, takes_stdout
from ui.terminal.keyboard import NO_KEYS, Keys
from ui.terminal.live import LiveView
from ui.terminal.plain import PlainView
from ui.terminal.progress import ProgressView
from ui.terminal.state import TranscriptState

if TYPE_CHECKING:
    from stream.relayed import PausableSource


@contextlib.contextmanager
def open_views(state: TranscriptState, arguments: argparse.Namespace, recording: str = "") -> Iterator[list[Sink]]:
    """Show events as the arguments want it; of a recording whose text goes into a file, on stderr how far it is.

    Args:
        state: before anything was heard.
        arguments: of a command that transcribes.
        recording: which one it is, in a run of several.
    """
    console = Console()
    with contextlib.ExitStack() as stack:
        views: list[Sink] = []
        if _is_live(console, arguments):
            views.append(stack.enter_context(LiveView(console, state)))
        else:
            if state.duration_s and _shows_progress(arguments):
                views.append(stack.enter_context(ProgressView(Console(stderr=True), state)))
            views.append(stack.enter_context(_on_stdout(arguments, recording)))
        yield views


def attended(views: Sequence[Sink], source: PausableSource | None) -> AbstractContextManager[None]:
    """Return what is to run while events are shown: where a view is live, keys pause ``source``, and Ctrl-Z stops."""
    live = next((view for view in views if isinstance(view, LiveView)), None)
    return UNATTENDED if live is None else live.attended(_pause_keys(source, live))


def print_heading(name: str, arguments: argparse.Namespace) -> None:
    """Say on a terminal, where there is a live view, what is heard from here on."""
    console = Console()
    if _is_live(console, arguments):
        console.rule(Text(printable(name)), align="left", style="dim")


@contextlib.contextmanager
def _on_stdout(arguments: argparse.Namespace, recording: str) -> Iterator[Sink]:
    if arguments.events == "-":
        yield Stdout(EventLineWriter(sys.stdout, recording))
        return
    wanted = next((output for output in outputs_of(arguments) if output.path is None), Output(None, "txt"))
    form = new_form(wanted.form, task=task_of(arguments), shape=wanted.shape)
    plain = PlainView(sys.stdout, sys.stderr, form)
    try:
        yield Stdout(plain)
    finally:
        with written_stdout():
            plain.end()


def _pause_keys(source: PausableSource | None, view: LiveView) -> Keys:
    if source is None:
        return NO_KEYS

    def toggle() -> None:
        source.is_paused = not source.is_paused
        view.set_paused(source.is_paused)

    return {"p": toggle, " ": toggle}


def _is_live(console: Console, arguments: argparse.Namespace) -> bool:
    is_free = not arguments.plain and not takes_stdout(arguments)
    return is_free and sys.stdout.isatty() and not console.is_dumb_terminal


def _shows_progress(arguments: argparse.Namespace) -> bool:
    """Whether stderr is a terminal in which nobody writes the text meanwhile, as stdout or its reader might."""
    is_terminal = sys.stderr.isatty() and not Console(stderr=True).is_dumb_terminal
    return is_terminal and not arguments.plain and not sys.stdout.isatty() and not _is_piped()


def _is_piped() -> bool:
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
    except OSError:
        return True
    return S_ISFIFO(mode) or S_ISSOCK(mode)
