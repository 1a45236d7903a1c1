"""A microphone that may go away and come back: a plug that was pulled, a headset out of reach, a sound server anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from stream.audio import AudioChunk, n_samples
from stream.microphone import MicrophoneGoneError, refresh_devices
from stream.reading import in_daemon_thread
from stream.source import AudioSource, SourceError

_EVERY_S = 1.0
"""How often one that is away is looked for."""


class ReturningMicrophone:
    """What a microphone hears, for as long as somebody listens; while it is away nothing is heard, and time goes on."""

    def __init__(
        self,
        microphone: AudioSource,
        tell: Callable[[str], None],
        *,
        refresh: Callable[[], None] = refresh_devices,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Open nothing yet.

        Args:
            microphone: opened again and again.
            tell: is told for people that it went away, and that it is back.
            refresh: lets devices be found that were plugged in meanwhile; called on a thread.
            clock: seconds, for how long it was away.
            sleep: waits for some.
        """
        self._microphone = microphone
        self._tell = tell
        self._refresh = refresh
        self._clock = clock
        self._sleep = sleep

    @property
    def name(self) -> str:
        """The microphone's."""
        return self._microphone.name

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        """Yield what the microphone hears, behind a jump in ``start_sample`` where it was away.

        Raises:
            SourceError: it cannot be opened the first time.
        """
        end_sample, heard_at, is_away = 0, 0.0, False
        while True:
            first_sample = None
            try:
                async with aclosing(self._microphone.chunks()) as chunks:
                    async for chunk in chunks:
                        if first_sample is None:
                            first_sample = self._back(end_sample, heard_at) if is_away else 0
                        heard = AudioChunk(chunk.samples, first_sample + chunk.start_sample)
                        end_sample, heard_at, is_away = heard.end_sample, self._clock(), False
                        yield heard
            except SourceError as error:
                if end_sample == 0:
                    raise
                if not is_away:
                    is_away = True
                    self._tell(f"{self._reason(error)}; it is waited for")
            await self._sleep(_EVERY_S)
            await in_daemon_thread(self._refresh)

    def _reason(self, error: SourceError) -> str:
        return f"the microphone {self.name!r} went away" if isinstance(error, MicrophoneGoneError) else str(error)

    def _back(self, end_sample: int, heard_at: float) -> int:
        """Where what is heard from now on begins; until ``end_sample`` was heard at that time."""
        self._tell(f"the microphone {self.name!r} is heard again")
        return end_sample + n_samples(self._clock() - heard_at)
