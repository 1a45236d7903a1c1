r"""Ctrl-Z and Ctrl-\: the shell gets its terminal as it was, and the view draws on when the program goes on."""

from __future__ import annotations

import asyncio
import io
import os
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from rich.console import Console

from ui import loading
from ui.terminal import job_control
from ui.terminal.keyboard import Keys
from ui.terminal.live import LiveView
from ui.terminal.state import TranscriptState

REPOSITORY = Path(__file__).resolve().parent.parent
CTRL_Z, CTRL_BACKSLASH = b"\x1a", b"\x1c"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
WAITING = "Waiting for sound …  Ctrl-C ends"
SIGNALS = [signal.SIGTSTP, signal.SIGQUIT]

Terminal = tuple[int, int]


class Shell:
    """What it finds when a program is stopped or ended; instead of both, the program goes on."""

    def __init__(self, keys: int | None = None) -> None:
        self._keys = keys
        self.out = io.StringIO()
        self.console = Console(
            file=self.out, width=80, height=6, force_terminal=True, legacy_windows=False, color_system=None,
            _environ={},
        )  # fmt: skip
        self.seen: list[tuple[int, bool, bool]] = []
        self.is_called = threading.Event()

    @property
    def has_echo(self) -> bool:
        return self._keys is None or bool(termios.tcgetattr(self._keys)[3] & termios.ECHO)

    @property
    def has_cursor(self) -> bool:
        return self.out.getvalue().rfind(SHOW) > self.out.getvalue().rfind(HIDE)

    def obey(self, number: int) -> None:
        self.seen.append((number, self.has_echo, self.has_cursor))
        self.out.write("$ fg\n")
        self.is_called.set()


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """Heed signals though whoever started the tests ignores them."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def attend(shell: Shell, is_done: Callable[[], bool], keys: Keys | None = None, *, number: int) -> str:
    """Show a view, send the signal, and return what is on the screen once that ``is_done``."""
    with LiveView(shell.console, TranscriptState("CPU", "tiny.en")) as view, view.attended(keys or {}):
        signal.raise_signal(number)
        while not is_done():  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.01)
        return shell.out.getvalue()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("keys", [{}, {"p": lambda: None}])
def test_the_terminal_is_given_back_before_a_signal_is_obeyed(
    number: int, keys: Keys, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(terminal[1])
    monkeypatch.setattr(job_control, "obey", shell.obey)
    screen = asyncio.run(asyncio.wait_for(attend(shell, shell.is_called.is_set, keys, number=number), 10))

    assert [(number, True, True)] == shell.seen
    assert screen.endswith(f"$ fg\n{HIDE}{WAITING}")
    assert shell.has_echo
    assert shell.has_cursor


def test_the_keyboard_is_taken_again_behind_a_stop_that_nobody_told(terminal: Terminal) -> None:
    shell = Shell(terminal[1])
    before = termios.tcgetattr(terminal[1])

    def stop_and_go_on() -> Iterator[bool]:
        assert not shell.has_echo
        termios.tcsetattr(terminal[1], termios.TCSANOW, before)
        signal.raise_signal(signal.SIGCONT)
        while True:
            yield not shell.has_echo

    steps = stop_and_go_on()
    number = signal.SIGCONT  # to nobody: nothing was stopped
    screen = asyncio.run(asyncio.wait_for(attend(shell, lambda: next(steps), number=number), 10))
    assert screen == f"{HIDE}{WAITING}"


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_ignored_stays_ignored(number: int, terminal: Terminal) -> None:
    signal.signal(number, signal.SIG_IGN)
    shell = Shell(terminal[1])
    screen = asyncio.run(asyncio.wait_for(attend(shell, lambda: True, number=number), 10))
    assert screen == f"{HIDE}{WAITING}"
    assert signal.getsignal(number) is signal.SIG_IGN


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_while_a_model_loads_the_terminal_is_given_back_too(
    number: int, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(terminal[1])
    monkeypatch.setattr(loading, "obey", shell.obey)

    def load(on_progress: object) -> bool:
        while shell.has_cursor or shell.has_echo or HIDE not in shell.out.getvalue():
            pass
        os.kill(os.getpid(), number)
        return shell.is_called.wait(10)

    assert loading.load_with_progress(load, shell.console)
    assert [(number, True, True)] == shell.seen
    assert signal.getsignal(number) is signal.SIG_DFL


JOB = """
import asyncio
from rich.console import Console
from engine.events import Partial, TimedEvent
from ui.terminal.live import LiveView
from ui.terminal.state import TranscriptState

async def run(view):
    end = asyncio.Event()
    with view.attended({"e": end.set}):
        view.show(TimedEvent(0.0, Partial(1, "Ready.", "", 0.0, 0.0)))
        await end.wait()

with LiveView(Console(), TranscriptState("CPU", "tiny.en")) as view:
    asyncio.run(run(view))
"""


TERMINAL = """
import os, pty, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:]))
sys.exit(128 - code if code < 0 else code)
"""


class Screen:
    """A terminal and its program, as the user has them."""

    def __init__(self, *command: str) -> None:
        self._terminal = subprocess.Popen(
            [sys.executable, "-c", TERMINAL, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._terminal:
            self._terminal.kill()

    def type(self, keys: bytes) -> None:
        os.write(self._terminal.stdin.fileno(), keys)

    def until(self, text: str) -> str:
        """All that is written up to ``text``."""
        written, out = b"", self._terminal.stdout.fileno()
        while text.encode() not in written:
            assert select.select([out], [], [], 10)[0], written.decode()
            written += os.read(out, 1)
        return written.decode()

    def exit_code(self) -> int:
        return self._terminal.wait(10)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="no shell that has jobs in its scripts")
def test_a_shell_stops_the_view_and_lets_it_go_on() -> None:
    script = 'set -m; "$0" -c "$1"; stty -a; echo stopped; fg; stty -a; echo ended'
    with Screen("bash", "--norc", "-c", script, sys.executable, JOB) as screen:
        screen.until("Ready.")
        screen.type(CTRL_Z)
        stopped = screen.until("stopped")
        assert SHOW in stopped
        assert " echo " in stopped
        assert HIDE in screen.until("Ready.")
        screen.type(b"e")
        ended = screen.until("ended")
        assert SHOW in ended
        assert " echo " in ended
        assert screen.exit_code() == 0


@pytest.mark.slow
def test_where_no_shell_could_let_it_go_on_nothing_is_stopped() -> None:
    with Screen(sys.executable, "-c", JOB) as screen:
        screen.until("Ready.")
        screen.type(CTRL_Z)
        screen.until("Ready.")
        screen.type(CTRL_BACKSLASH)
        screen.until(SHOW)
        assert screen.exit_code() == 128 + signal.SIGQUIT
