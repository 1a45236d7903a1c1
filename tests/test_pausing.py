"""The key that pauses: silence is heard meanwhile, time goes on, and the keyboard is given back as it was."""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import ListSource

from stream.audio import AudioChunk
from stream.relayed import PausableSource
from ui.captions import UNATTENDED
from ui.terminal.keyboard import Keyboard
from ui.views import attended


def test_a_paused_source_says_silence_in_its_own_time() -> None:
    chunks = [AudioChunk(np.full(100, i + 1, np.int16), 100 * i) for i in range(4)]
    source = PausableSource(ListSource(chunks))

    async def listen() -> list[AudioChunk]:
        heard = []
        async for chunk in source.chunks():
            heard.append(chunk)
            source.is_paused = len(heard) in {1, 2}
        return heard

    heard = asyncio.run(listen())
    assert [1, 0, 0, 4] == [chunk.samples[0] for chunk in heard]
    assert [0, 100, 200, 300] == [chunk.start_sample for chunk in heard]


async def pressed(typing: int, typed: Sequence[tuple[float, bytes]]) -> str:
    """The keys that were heard, of "p" and the space bar, when that was typed at those seconds."""
    heard: list[str] = []
    now_s, was_read = 0.0, asyncio.Event()

    def clock() -> float:
        was_read.set()
        return now_s

    keyboard = Keyboard(clock)
    with keyboard.listened({"p": lambda: heard.append("p"), " ": lambda: heard.append(" ")}):
        for now_s, characters in typed:  # noqa: B007  # the clock shows it
            was_read.clear()
            os.write(typing, characters)
            await was_read.wait()
    keyboard.give_back()
    return "".join(heard)


def test_a_key_does_what_it_stands_for_and_the_keyboard_is_given_back(terminal: tuple[int, int]) -> None:
    typing, keys = terminal
    before = termios.tcgetattr(keys)

    typed = [(1.0, b"p"), (2.0, b"x"), (3.0, b"P"), (4.0, b"\xff"), (5.0, b" ")]
    assert "pp " == asyncio.run(asyncio.wait_for(pressed(typing, typed), 10))
    assert before == termios.tcgetattr(keys)


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param([(1.0, b"\x1bOP")], id="F1"),
        pytest.param([(1.0, b"\x1b[1;2P")], id="Shift-F1"),
        pytest.param([(1.0, b"\x1bp")], id="Alt-P"),
        pytest.param([(1.0, b"\x1b"), (1.01, b"O"), (1.02, b"P")], id="F1 in pieces"),
        pytest.param([(1.0, b"keep on")], id="pasted text"),
        pytest.param([(1.0, b"a" * 64), (1.01, b"p")], id="its last character"),
        pytest.param([(1.0, b"x"), (1.03, b"p")], id="so soon after another"),
    ],
)
def test_what_is_no_key_of_its_own_does_nothing(typed: list[tuple[float, bytes]], terminal: tuple[int, int]) -> None:
    assert "p" == asyncio.run(asyncio.wait_for(pressed(terminal[0], [*typed, (2.0, b"p")]), 10))


def test_a_terminal_that_is_gone_ends_nothing(terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    typing, _ = terminal
    monkeypatch.setattr(os, "read", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))

    async def press() -> bool:
        with Keyboard().listened({"p": lambda: None}):
            os.write(typing, b"p\n")
            await asyncio.sleep(0.05)
            return True

    assert asyncio.run(press())


def test_without_a_live_view_there_are_no_keys() -> None:
    assert UNATTENDED is attended([SimpleNamespace(show=lambda timed: None)], PausableSource(ListSource([])))
