"""Microphones, through PortAudio.

PortAudio's thread copies each block and posts it to the event loop, nothing else.  When the consumer
falls behind, the oldest audio goes; whatever is lost shows as a jump in ``start_sample``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE, AudioChunk
from stream.resample import Resampler
from stream.source import SourceError

_BLOCK_S = 0.02
_START_S = 5.0
"""A microphone may take this long to bring its first block: wireless ones must connect first."""

_STOPPED_S = 0.5
"""A timer that comes so late was not late by itself: the program did not run."""
_MOST_CHANNELS = 2
"""A sound server offers 32 channels and fills two: averaged over all, speech would be 24 dB softer."""

_NO_PORTAUDIO = (
    "PortAudio, which records from the microphone, is not installed: "
    "sudo apt install libportaudio2 (Debian, Ubuntu), sudo dnf install portaudio (Fedora), "
    "brew install portaudio (macOS)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class InputDevice:
    """A device that can record.

    Attributes:
        index: PortAudio's number for it; may change when something is plugged in.
        name: what the system calls it.
        n_channels: how many channels it offers.
        rate: its own sample rate, samples per second.
        is_default: whether the system records from it unless told otherwise.
    """

    index: int
    name: str
    n_channels: int
    rate: int
    is_default: bool


def list_devices() -> list[InputDevice]:
    """Return the devices that can record, as they were when this program first asked.

    Raises:
        SourceError: PortAudio is not installed.
    """
    return _devices(_sounddevice())


def refresh_devices() -> None:
    """Let PortAudio look for devices anew; it does by itself only when it starts, and nothing may be open."""
    sounddevice = _sounddevice()
    with suppress(sounddevice.PortAudioError):
        sounddevice._terminate()
    with suppress(sounddevice.PortAudioError):
        sounddevice._initialize()


class MicrophoneGoneError(SourceError):
    """A microphone that was heard is no more."""


class Microphone:
    """What a microphone hears, in chunks of about 20 ms, until the iterator is closed."""

    def __init__(self, device: str | int | None = None, *, backlog_s: float = 10.0, stall_s: float = 2.0) -> None:
        """Nothing is opened yet.

        Args:
            device: its index, or a part of its name in any case; None for the system's default.
            backlog_s: how much recorded audio may wait for the consumer before the oldest goes.
            stall_s: how long one that has begun may bring nothing before it counts as gone.

        Raises:
            ValueError: ``backlog_s`` or ``stall_s`` is not positive.
        """
        if backlog_s <= 0:
            raise ValueError(f"backlog_s must be > 0, got {backlog_s}")
        if stall_s <= 0:
            raise ValueError(f"stall_s must be > 0, got {stall_s}")
        self._wanted = device
        self._backlog_s = backlog_s
        self._stall_s = stall_s
        self._name = "default microphone" if device is None else str(device)

    @property
    def name(self) -> str:
        """The device's name; until ``chunks`` has found it, what was asked for."""
        return self._name

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        """Yield what the microphone hears.

        Raises:
            SourceError: PortAudio or the device is missing, it cannot be opened, or it went away.
        """
        sounddevice = _sounddevice()
        device = _choose(_devices(sounddevice), self._wanted)
        self._name = device.name
        backlog = _Backlog(round(self._backlog_s * device.rate))
        recording = _Recording(device.rate, min(device.n_channels, _MOST_CHANNELS))
        patience_s = max(_START_S, self._stall_s)
        with _recording_into(backlog, sounddevice, device):
            while (block := await backlog.next_block(patience_s)) is not None:
                patience_s = self._stall_s
                for chunk in recording.receive_block(*block):
                    yield chunk
        for chunk in recording.flush():
            yield chunk
        raise MicrophoneGoneError(f"the microphone {device.name!r} went away: plug it in again, or choose another")


class _Backlog:
    """Blocks recorded and not consumed, with the index of their first frame.  Lives on the event loop."""

    def __init__(self, capacity_frames: int) -> None:
        self._capacity_frames = capacity_frames
        self._blocks: deque[tuple[int, NDArray[np.int16]]] = deque()
        self._end_frame = 0
        self._is_over = False
        self._changed = asyncio.Event()

    def receive_block(self, block: NDArray[np.int16], has_overflowed: bool) -> None:
        if has_overflowed and self._end_frame > 0:
            # PortAudio does not say how much it lost; a block is the least that shows.
            self._end_frame += len(block)
        self._blocks.append((self._end_frame, block))
        self._end_frame += len(block)
        while sum(len(waiting) for _, waiting in self._blocks) > self._capacity_frames:
            self._blocks.popleft()
        self._changed.set()

    def receive_end(self) -> None:
        self._is_over = True
        self._changed.set()

    async def next_block(self, patience_s: float) -> tuple[int, NDArray[np.int16]] | None:
        """Return the oldest block, or None when the recording is over or brought nothing for ``patience_s``."""
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._something()
            # Whoever stopped this program (Ctrl-Z) stopped PortAudio's thread too: it gets its time once more.
            if self._blocks or self._is_over or loop.time() - began_s < patience_s + _STOPPED_S:
                return self._blocks.popleft() if self._blocks else None

    async def _something(self) -> None:
        while not self._blocks and not self._is_over:
            self._changed.clear()
            await self._changed.wait()


class _Recording:
    """Blocks at the device's rate → chunks, a jump between frame indices becoming one between chunks."""

    def __init__(self, rate: int, n_channels: int) -> None:
        self._rate = rate
        self._n_channels = n_channels
        self._resampler = Resampler(rate, n_channels)
        self._end_frame = 0
        self._end_sample = 0

    def receive_block(self, start_frame: int, block: NDArray[np.int16]) -> Iterator[AudioChunk]:
        if start_frame > self._end_frame:
            yield from self.flush()
            self._resampler = Resampler(self._rate, self._n_channels)
            self._end_sample = max(self._end_sample, round(start_frame * SAMPLE_RATE / self._rate))
        self._end_frame = start_frame + len(block)
        yield from self._chunk(self._resampler.resample(block))

    def flush(self) -> Iterator[AudioChunk]:
        yield from self._chunk(self._resampler.flush())

    def _chunk(self, samples: NDArray[np.int16]) -> Iterator[AudioChunk]:
        if len(samples):
            chunk = AudioChunk(samples, self._end_sample)
            self._end_sample = chunk.end_sample
            yield chunk


class _CallbackFlags(Protocol):
    """What PortAudio says about a block."""

    input_overflow: bool


@contextmanager
def _recording_into(backlog: _Backlog, sounddevice: ModuleType, device: InputDevice) -> Iterator[None]:
    """Record into ``backlog`` as long as the context lasts."""
    loop = asyncio.get_running_loop()

    def receive_block(block: NDArray[np.int16], _n_frames: int, _time: object, status: _CallbackFlags) -> None:
        loop.call_soon_threadsafe(backlog.receive_block, block.copy(), status.input_overflow)

    def receive_end() -> None:
        loop.call_soon_threadsafe(backlog.receive_end)

    try:
        recorder = sounddevice.InputStream(
            device=device.index,
            samplerate=device.rate,
            channels=min(device.n_channels, _MOST_CHANNELS),
            dtype="int16",
            blocksize=round(_BLOCK_S * device.rate),
            callback=receive_block,
            finished_callback=receive_end,
        )
        recorder.start()
    except sounddevice.PortAudioError as error:
        raise SourceError(
            f"the microphone {device.name!r} cannot be opened ({error}): "
            "close other programs that record, check that this one may, or choose another"
        ) from error
    try:
        yield
    finally:
        recorder.close()


def _sounddevice() -> ModuleType:
    """Import sounddevice; late, because it loads PortAudio, which files and pipes do without."""
    try:
        import sounddevice
    except OSError as error:
        raise SourceError(_NO_PORTAUDIO) from error
    except Exception as error:  # PortAudioError, of the module that could not be imported
        raise SourceError(f"PortAudio does not start ({error}): check the system's sound settings") from error
    module: ModuleType = sounddevice
    return module


def _devices(sounddevice: ModuleType) -> list[InputDevice]:
    try:
        default_index = sounddevice.query_devices(kind="input")["index"]
    except sounddevice.PortAudioError:  # its way to say that there is no default
        default_index = None
    return [
        InputDevice(
            index=device["index"],
            name=device["name"],
            n_channels=device["max_input_channels"],
            rate=round(device["default_samplerate"]),
            is_default=device["index"] == default_index,
        )
        for device in sounddevice.query_devices()
        if device["max_input_channels"] > 0
    ]


def _choose(devices: list[InputDevice], wanted: str | int | None) -> InputDevice:
    if not devices:
        raise SourceError("no microphone was found: plug one in, and check that the system's sound settings show it")
    matching = _matching(devices, wanted)
    if len(matching) == 1:
        return matching[0]
    problem = "fits several microphones" if matching else "fits no microphone"
    asked = "the system's default" if wanted is None else repr(wanted)
    raise SourceError(f"{asked} {problem}; choose one by its number:\n{_table(matching or devices)}")


def _matching(devices: list[InputDevice], wanted: str | int | None) -> list[InputDevice]:
    if wanted is None:
        return [device for device in devices if device.is_default]
    if isinstance(wanted, int) or wanted.isdecimal():
        return [device for device in devices if device.index == int(wanted)]
    same = [device for device in devices if device.name.casefold() == wanted.casefold()]
    return same or [device for device in devices if wanted.casefold() in device.name.casefold()]


def _table(devices: list[InputDevice]) -> str:
    return "\n".join(f"  {device.index}  {device.name}" for device in devices)
