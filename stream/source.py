"""What every source of sound is to the rest of the program."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from stream.audio import AudioChunk


class SourceError(Exception):
    """A source cannot be opened, or failed while it was read.

    The message says what failed, which value, and what to do; it is shown to the user as it is.
    """


class AudioSource(Protocol):
    """Sound as it arrives.

    ``chunks`` opens the source when it is first iterated and closes it when the iterator is closed;
    nothing runs before.  It raises ``SourceError``; chunks yielded before the error are good.
    """

    @property
    def name(self) -> str:
        """What a person calls this source: a device, a file name."""

    def chunks(self) -> AsyncGenerator[AudioChunk]:
        """Yield chunks in order, ``start_sample`` rising; a jump in it is audio that was lost."""
