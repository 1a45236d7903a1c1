"""Microphone on scripted devices; tests/live_microphone.py records from a real sound server."""

import asyncio
import builtins
import sys
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stream.audio import AudioChunk
from stream.microphone import InputDevice, Microphone, list_devices
from stream.source import SourceError

BLOCK_FRAMES = 320


class PortAudioError(Exception):
    pass


class ScriptedSounddevice:
    """Stands in for the sounddevice module: two microphones, a loudspeaker, and a scripted recording.

    ``script`` is what the recording does when it starts: an array is a block that arrives, LOST marks
    the next block as following an overflow, STOPPED is the device going away.  After the script the
    device stays open and silent.  ``opening_error`` makes opening fail.
    """

    LOST = "lost"
    STOPPED = "stopped"
    PortAudioError = PortAudioError

    def __init__(self, script: list[Any], *, default: int | None = 0, opening_error: str = "") -> None:
        self.script = script
        self.default = default
        self.opening_error = opening_error
        self.opened: dict[str, Any] = {}
        self.n_closed = 0
        self.devices = [
            {"index": 0, "name": "Built-in Mic", "max_input_channels": 1, "default_samplerate": 16_000.0},
            {"index": 1, "name": "Loudspeaker", "max_input_channels": 0, "default_samplerate": 48_000.0},
            {"index": 2, "name": "USB Mic", "max_input_channels": 32, "default_samplerate": 48_000.0},
        ]

    def query_devices(self, kind: str | None = None) -> Any:
        if kind is None:
            return self.devices
        if self.default is None:
            raise PortAudioError("Error querying device -1")
        return self.devices[self.default]

    def InputStream(self, **options: Any) -> Any:  # noqa: N802  sounddevice's name
        if self.opening_error:
            raise PortAudioError(self.opening_error)
        self.opened = options
        return SimpleNamespace(
            start=lambda: self._play(options["callback"], options["finished_callback"]), close=self._close
        )

    def _play(self, callback: Callable[..., None], finished_callback: Callable[[], None]) -> None:
        has_overflowed = False
        buffer = np.empty((BLOCK_FRAMES, self.opened["channels"]), np.int16)
        for step in self.script:
            if isinstance(step, str):
                has_overflowed = step == self.LOST
                if step == self.STOPPED:
                    finished_callback()
                continue
            buffer[:] = step  # PortAudio reuses its buffer, too
            callback(buffer, len(buffer), None, SimpleNamespace(input_overflow=has_overflowed))
            has_overflowed = False

    def _close(self) -> None:
        self.n_closed += 1


LOST, STOPPED = ScriptedSounddevice.LOST, ScriptedSounddevice.STOPPED
Install = Callable[..., ScriptedSounddevice]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    def install_scripted(script: list[Any], **options: Any) -> ScriptedSounddevice:
        scripted = ScriptedSounddevice(script, **options)
        monkeypatch.setitem(sys.modules, "sounddevice", scripted)
        return scripted

    return install_scripted


def block(level: int, n_channels: int = 1) -> NDArray[np.int16]:
    return np.full((BLOCK_FRAMES, n_channels), level, np.int16)


def record(microphone: Microphone) -> tuple[list[AudioChunk], str]:
    """Return the chunks up to the error that ended them, and its message."""

    async def record_all() -> tuple[list[AudioChunk], str]:
        chunks: list[AudioChunk] = []
        try:
            async for chunk in microphone.chunks():
                chunks.append(chunk)  # noqa: PERF401  a comprehension would lose what came before the error
        except SourceError as error:
            return chunks, str(error)
        raise AssertionError("a microphone ends with an error or not at all")

    return asyncio.run(record_all())


def levels(chunks: list[AudioChunk]) -> list[tuple[int, int]]:
    """Where each stretch of equal samples starts, and its level."""
    found: list[tuple[int, int]] = []
    end_sample = -1
    for chunk in chunks:
        for index, sample in enumerate(chunk.samples.tolist(), chunk.start_sample):
            if not found or found[-1][1] != sample or index != end_sample:
                found.append((index, sample))
            end_sample = index + 1
    return found


def test_all_good_audio_comes_before_the_error(install: Install) -> None:
    scripted = install([block(1), block(2), block(3), STOPPED])
    microphone = Microphone()
    chunks, error = record(microphone)
    assert levels(chunks) == [(0, 1), (320, 2), (640, 3)]
    assert chunks[-1].end_sample == 960
    assert error == "the microphone 'Built-in Mic' went away: plug it in again, or choose another"
    assert (microphone.name, scripted.n_closed) == ("Built-in Mic", 1)


def test_a_device_that_falls_silent_counts_as_gone(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.microphone._START_S", 0.001)
    scripted = install([block(1)])
    chunks, error = record(Microphone(stall_s=0.001))
    assert levels(chunks) == [(0, 1)]
    assert "'Built-in Mic' went away" in error
    assert scripted.n_closed == 1


def test_it_opens_at_the_devices_own_rate_and_at_most_two_channels(install: Install) -> None:
    stereo = np.tile(np.array([[1_000, 3_000]], np.int16), (BLOCK_FRAMES, 1))
    scripted = install([stereo] * 30 + [STOPPED])
    chunks, _ = record(Microphone(2))
    assert {name: scripted.opened[name] for name in ("device", "samplerate", "channels", "dtype", "blocksize")} == {
        "device": 2,
        "samplerate": 48_000,
        "channels": 2,
        "dtype": "int16",
        "blocksize": 960,
    }
    assert chunks[-1].end_sample == 30 * BLOCK_FRAMES // 3
    middle = np.concatenate([chunk.samples for chunk in chunks])[500:-500]
    assert np.abs(middle - 2_000).max() <= 1


def test_a_consumer_that_is_behind_loses_the_oldest(install: Install) -> None:
    install([block(level) for level in range(1, 11)] + [STOPPED])
    chunks, _ = record(Microphone(backlog_s=3.5 * BLOCK_FRAMES / 16_000))
    assert levels(chunks) == [(7 * 320, 8), (8 * 320, 9), (9 * 320, 10)]


def test_an_overflow_inside_portaudio_is_a_jump(install: Install) -> None:
    install([block(1), block(2), LOST, block(3), STOPPED])
    assert levels(record(Microphone())[0]) == [(0, 1), (320, 2), (960, 3)]


def test_an_overflow_before_the_first_block_lost_nothing(install: Install) -> None:
    install([LOST, block(1), block(2), STOPPED])
    assert levels(record(Microphone())[0]) == [(0, 1), (320, 2)]


def test_after_a_jump_the_position_is_that_of_the_device(install: Install) -> None:
    """At another rate, too: every jump starts a resampler of its own, and rounding must not add up."""
    script: list[Any] = []
    for _ in range(50):
        script += [block(5, 2), LOST]
    scripted = install([*script, block(5, 2), STOPPED])
    scripted.devices[2]["default_samplerate"] = 44_100.0
    chunks, _ = record(Microphone("usb"))
    jumps = [after for before, after in pairwise(chunks) if after.start_sample > before.end_sample]
    assert [jump.start_sample for jump in jumps] == [round(2 * n * 320 * 16_000 / 44_100) for n in range(1, 51)]


def test_closing_the_iterator_closes_the_device(install: Install) -> None:
    scripted = install([block(1), block(2)])

    async def first_chunk() -> int:
        chunks = Microphone().chunks()
        await anext(chunks)
        await chunks.aclose()
        return scripted.n_closed

    assert asyncio.run(first_chunk()) == 1


def test_cancelling_closes_the_device(install: Install) -> None:
    scripted = install([])

    async def wait_and_cancel() -> int:
        waiting = asyncio.ensure_future(anext(Microphone().chunks()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return scripted.n_closed

    assert asyncio.run(wait_and_cancel()) == 1


def test_devices_that_record_are_listed(install: Install) -> None:
    install([], default=2)
    assert list_devices() == [
        InputDevice(index=0, name="Built-in Mic", n_channels=1, rate=16_000, is_default=False),
        InputDevice(index=2, name="USB Mic", n_channels=32, rate=48_000, is_default=True),
    ]


@pytest.mark.parametrize(("wanted", "index"), [(None, 0), (2, 2), ("2", 2), ("usb", 2), ("BUILT", 0), ("usb mic", 2)])
def test_a_device_is_found_by_number_or_part_of_its_name(
    install: Install, wanted: str | int | None, index: int
) -> None:
    scripted = install([STOPPED])
    record(Microphone(wanted))
    assert scripted.opened["device"] == index


def test_a_whole_name_wins_over_a_part(install: Install) -> None:
    scripted = install([STOPPED])
    scripted.devices.append({**scripted.devices[2], "index": 3, "name": "USB Mic (copy)"})
    record(Microphone("usb mic"))
    assert scripted.opened["device"] == 2


@pytest.mark.parametrize("wanted", ["headset", 1, 7, "7"])
def test_an_unknown_device_lists_those_there_are(install: Install, wanted: str | int) -> None:
    install([])
    assert record(Microphone(wanted))[1] == (
        f"{wanted!r} fits no microphone; choose one by its number:\n  0  Built-in Mic\n  2  USB Mic"
    )


def test_an_ambiguous_name_lists_those_it_fits(install: Install) -> None:
    scripted = install([])
    scripted.devices.append({**scripted.devices[2], "index": 3, "name": "Line in"})
    assert record(Microphone("mic"))[1] == (
        "'mic' fits several microphones; choose one by its number:\n  0  Built-in Mic\n  2  USB Mic"
    )


def test_without_a_default_the_choice_is_the_users(install: Install) -> None:
    install([], default=None)
    assert "the system's default fits no microphone; choose one by its number:" in record(Microphone())[1]


def test_no_microphone_at_all_is_an_error(install: Install) -> None:
    scripted = install([], default=None)
    scripted.devices = scripted.devices[1:2]
    assert "no microphone was found: plug one in" in record(Microphone())[1]


def test_a_device_that_cannot_be_opened_is_an_error(install: Install) -> None:
    install([], opening_error="Device unavailable [PaErrorCode -9985]")
    error = record(Microphone())[1]
    assert "'Built-in Mic' cannot be opened (Device unavailable [PaErrorCode -9985]): close other programs" in error


def test_without_portaudio_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def import_without_portaudio(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", import_without_portaudio)
    with pytest.raises(SourceError) as caught:
        list_devices()
    remedies = ("apt install libportaudio2", "dnf install portaudio", "brew install portaudio")
    assert [remedy for remedy in remedies if remedy not in str(caught.value)] == []


@pytest.mark.parametrize("option", ["backlog_s", "stall_s"])
def test_options_name_what_is_wrong(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be > 0, got 0"):
        Microphone(**{option: 0})
