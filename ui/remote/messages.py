"""The server's messages (docs/protocol.md) → events, on the axis of the source through all sessions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from engine.alignment import WordTiming
from engine.events import (
    AudioDropped,
    DecodeFailed,
    Discarded,
    Event,
    Final,
    Partial,
    SpeechStarted,
    SpeechStopped,
    Status,
)
from engine.segments import Segment

Fields = Mapping[str, Any]


class BadMessageError(Exception):
    """What arrived is no message of a max-whisper server."""


def read_message(message: str | bytes) -> Fields:
    """Return the fields of a message.

    Raises:
        BadMessageError: it is none.
    """
    try:
        fields = json.loads(message, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise BadMessageError("the server does not speak max-whisper's protocol: check the address") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("kind"), str):
        raise BadMessageError("the server does not speak max-whisper's protocol: check the address")
    return fields


@contextmanager
def sensible(fields: Fields) -> Iterator[None]:
    """Read a message in the block.

    Raises:
        BadMessageError: a field is missing, or of another type.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadMessageError(f"the server sent a {fields['kind']!r} that makes no sense: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Axis:
    """Where a session's own counting begins in the stream.

    Attributes:
        start_s: what it calls second 0.
        utterances: how many were before its first.
    """

    start_s: float = 0.0
    utterances: int = 0

    def event(self, fields: Fields) -> Event | None:
        """Return the event that a message tells of; None where it tells of none.

        Raises:
            KeyError, TypeError, ValueError, AttributeError, OverflowError: a field is missing, or of another type.
        """
        make = _MAKERS.get(fields["kind"])
        return None if make is None else make(self, fields)

    def _span(self, fields: Fields) -> tuple[float, float]:
        return self._at(fields["start"]), self._at(fields["end"])

    def _at(self, time_s: float) -> float:
        return self.start_s + float(time_s)

    def _id(self, fields: Fields) -> int:
        return self.utterances + int(fields["utterance"])

    def _partial(self, fields: Fields) -> Partial:
        stable, text = str(fields["stable"]), str(fields["text"])
        return Partial(self._id(fields), stable, text.removeprefix(stable), *self._span(fields))

    def _final(self, fields: Fields) -> Final:
        return Final(
            self._id(fields),
            str(fields["text"]),
            *self._span(fields),
            str(fields["language"]),
            tuple(self._word(word) for word in fields.get("words", ())),
            tuple(self._segment(segment) for segment in fields["segments"]),
            float(fields["language_probability"]) if "language_probability" in fields else None,
        )

    def _word(self, fields: Fields) -> WordTiming:
        return WordTiming(str(fields["word"]), *self._span(fields), float(fields["probability"]))

    def _segment(self, fields: Fields) -> Segment:
        start_s, end_s = self._span(fields)
        return Segment(
            start_s=start_s,
            end_s=end_s,
            text=str(fields["text"]),
            tokens=tuple(fields["tokens"]),
            temperature=float(fields["temperature"]),
            avg_logprob=float(fields["avg_logprob"]),
            compression_ratio=float(fields["compression_ratio"]),
            no_speech_prob=float(fields["no_speech_prob"]),
        )

    def _status(self, fields: Fields) -> Status:
        level = -math.inf if fields["level_dbfs"] is None else float(fields["level_dbfs"])
        lag_s, real_time_factor = float(fields["lag"]), float(fields["real_time_factor"])
        return Status(self._at(fields["now"]), level, bool(fields["is_speech"]), lag_s, real_time_factor)


def _finite(text: str) -> float:
    """Read a number; what JSON lets be infinite, or none, is no time and no level."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number")
    return number


_MAKERS: dict[str, Callable[[Axis, Fields], Event]] = {
    "speech_started": lambda axis, fields: SpeechStarted(axis._id(fields), axis._at(fields["start"])),
    "speech_stopped": lambda axis, fields: SpeechStopped(axis._id(fields), axis._at(fields["end"])),
    "partial": Axis._partial,
    "final": Axis._final,
    "discarded": lambda axis, fields: Discarded(axis._id(fields), str(fields["reason"]), *axis._span(fields)),
    "failed": lambda axis, fields: DecodeFailed(
        axis._id(fields), str(fields["reason"]), bool(fields["is_lost"]), *axis._span(fields)
    ),
    "gap": lambda axis, fields: AudioDropped(*axis._span(fields)),
    "status": Axis._status,
}
