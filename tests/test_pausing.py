"""The key that pauses: silence is heard meanwhile, time goes on, and the keyboard is given back as it was."""

from __future__ import annotations

import asyncio
import os
import termios
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import ListSource

from stream.audio import AudioChunk
from stream.relayed import PausableSource
from ui.captions import UNATTENDED
from ui.commands import attended
from ui.terminal.keyboard import Keyboard


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


def test_a_key_does_what_it_stands_for_and_the_keyboard_is_given_back(terminal: tuple[int, int]) -> None:
    typing, keys = terminal
    before = termios.tcgetattr(keys)
    keyboard = Keyboard()
    pressed: list[str] = []

    async def press() -> list[str]:
        is_done = asyncio.Event()
        with keyboard.listened({"p": lambda: pressed.append("p"), " ": is_done.set}):
            os.write(typing, b"xP\xff ")
            await is_done.wait()
            return pressed

    assert ["p"] == asyncio.run(asyncio.wait_for(press(), 10))
    keyboard.give_back()
    assert before == termios.tcgetattr(keys)


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
    assert UNATTENDED is attended(SimpleNamespace(show=lambda timed: None), PausableSource(ListSource([])))
