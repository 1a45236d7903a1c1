"""The live view on a console of fixed size: what it writes, and when."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from rich.console import Console

from engine.events import AudioDropped, Event, Final, Partial, Status, TimedEvent
from ui.terminal.live import LiveView
from ui.terminal.state import TranscriptState

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
UP = "\x1b[2K\x1b[1A"
WAITING = "Waiting for sound …  Ctrl-C ends"
IDLE = "○ silence  ▮▮▮▯▯▯▯▯  -40 dB  00:01  0.0 s behind  RTF 0.10  tiny.en on CPU"


@dataclass
class Due:
    """A timer that goes off when the test says so."""

    delay_s: float
    draw: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Screen:
    """A live view whose clock stands still until it is set, with all that it wrote."""

    def __init__(self, width: int = 80, height: int = 6) -> None:
        self.out = io.StringIO()
        self.console = Console(
            file=self.out, width=width, height=height, force_terminal=True, legacy_windows=False, color_system=None,
            _environ={},
        )  # fmt: skip
        self.now_s = 0.0
        self.timers: list[Due] = []
        self.view = LiveView(
            self.console, TranscriptState("CPU", "tiny.en"), clock=lambda: self.now_s, call_later=self._call_later
        )

    def _call_later(self, delay_s: float, draw: Callable[[], None]) -> Due:
        self.timers.append(Due(delay_s, draw))
        return self.timers[-1]

    def show(self, event: Event, now_s: float | None = None) -> str:
        """Show ``event`` and return what was written for it."""
        if now_s is not None:
            self.now_s = now_s
        self.view.show(TimedEvent(0.0, event))
        return self.written()

    def written(self) -> str:
        text = self.out.getvalue()
        self.out.seek(0)
        self.out.truncate()
        return text


def status(now_s: float) -> Status:
    return Status(now_s, -40.0, False, 0.0, 0.1)


def test_the_cursor_is_hidden_and_comes_back() -> None:
    screen = Screen()
    with screen.view:
        assert screen.written() == f"{HIDE}{WAITING}"
    assert screen.written() == f"\r\x1b[2K{WAITING}\n{SHOW}\r\x1b[1A\x1b[2K"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_cursor_comes_back_after_an_error(error: type[BaseException]) -> None:
    screen = Screen()

    def fail() -> None:
        with screen.view:
            screen.written()
            raise error

    with pytest.raises(error):
        fail()
    assert SHOW in screen.written()


def test_what_changes_is_drawn_in_place() -> None:
    screen = Screen()
    with screen.view:
        screen.written()
        assert screen.show(status(1.0), 1.0) == f"\r\x1b[2K{IDLE}"
        assert screen.show(Partial(1, "so", " far", 0.0, 1.0), 2.0) == f"\r\x1b[2K00:00  so far\n{IDLE}"
        assert screen.show(Partial(1, "so far,", " so", 0.0, 1.0), 3.0) == f"\r{UP}\x1b[2K00:00  so far, so\n{IDLE}"


def test_nothing_is_written_when_nothing_changed() -> None:
    screen = Screen()
    with screen.view:
        screen.show(status(1.0), 1.0)
        assert screen.show(status(1.0), 2.0) == ""


def test_frames_come_at_most_twelve_times_a_second() -> None:
    screen = Screen()
    with screen.view:
        screen.show(status(1.0), 1.0)
        assert [screen.show(status(1.0 + i), 1.0 + i / 100) for i in range(1, 9)] == [""] * 8
        assert screen.show(status(9.0), 1.084) == ""
        assert len(screen.timers) == 1


def test_the_last_frame_is_drawn_even_if_nothing_follows() -> None:
    screen = Screen()
    with screen.view:
        screen.show(status(1.0), 1.0)
        screen.show(Partial(1, "last", " words", 0.0, 1.0), 1.02)
        [timer] = screen.timers
        assert timer.delay_s == pytest.approx(1 / 12 - 0.02)
        timer.draw()
        assert "last words" in screen.written()


def test_a_final_is_drawn_at_once_above_the_live_lines() -> None:
    screen = Screen()
    with screen.view:
        screen.show(status(1.0), 1.0)
        screen.show(Partial(1, "so", " far", 0.0, 1.0), 2.0)
        written = screen.show(Final(1, "So far.", 0.0, 1.0), 2.001)
        assert written.startswith(f"\r{UP}\x1b[2K00:00  So far.\n")
        assert written.endswith(f"\r{UP}\x1b[2K{IDLE}")
        assert written.count("So far.") == 1


def test_a_final_overtakes_the_waiting_frame() -> None:
    screen = Screen()
    with screen.view:
        screen.show(status(1.0), 1.0)
        screen.show(Partial(1, "so", " far", 0.0, 1.0), 1.01)
        screen.show(Final(1, "So far.", 0.0, 1.0), 1.02)
        assert [timer.is_cancelled for timer in screen.timers] == [True]


def test_lost_audio_is_printed_like_a_final() -> None:
    screen = Screen()
    with screen.view:
        screen.show(status(1.0), 1.0)
        assert "00:01  [2.0 s of audio lost]\n" in screen.show(AudioDropped(1.0, 3.0), 1.01)


def test_an_open_utterance_stays_readable_at_the_end() -> None:
    screen = Screen()
    with screen.view:
        screen.show(Partial(1, "not yet", " final", 5.0, 6.0), 1.0)
        screen.written()
    assert screen.written().endswith("00:05  not yet final\n")


def test_a_narrower_terminal_has_more_rows_to_erase() -> None:
    """The status line of 74 cells, drawn at 80, lies on two rows once the terminal has 40 columns."""
    screen = Screen()
    with screen.view:
        screen.show(status(1.0), 1.0)
        screen.console.width = 40
        written = screen.show(status(2.0), 2.0)
        assert written == f"{UP}\r\x1b[2K○ silence  ▮▮▮▯▯▯▯▯  00:02  0.0 s behind"


def test_a_wider_terminal_has_no_more_rows() -> None:
    screen = Screen(width=40)
    with screen.view:
        screen.show(status(1.0), 1.0)
        screen.console.width = 80
        assert screen.show(status(2.0), 2.0).startswith("\r\x1b[2K○ silence")


def test_lines_pushed_off_the_top_are_not_erased() -> None:
    screen = Screen(width=80, height=4)
    with screen.view:
        screen.show(status(1.0), 1.0)
        screen.console.width = 10
        assert screen.show(status(2.0), 2.0).count("\x1b[1A") == 3
