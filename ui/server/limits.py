"""What clients may use of the server, and whether one more would make the others late."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import ceil

from ui.server.protocols.protocol import Refusal

_BUSY_ENOUGH = 0.7
"""Below that share of its time at work the model is not what makes streams late."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a client, or all of them together, may use.

    Attributes:
        streams: how many streams at once.
        session_s: the longest session, in seconds of the clock.
        message_bytes: the biggest message; OpenAI's clients may append 15 MiB, in base64.
        upload_bytes: the biggest file.
        idle_s: how long a client may be silent, paused ones aside.
        queue_s: how much speech of a stream may wait for the model before its client is no longer read, in seconds.
        lag_s: once a live stream is as late, no further one is begun.
        outbox_bytes: how much may wait for a client that reads slowly.
        resume_s: how long a client that was cut off may stay away.
        drain_s: how long running utterances may take when the server ends.
        close_s: how long a client may take to read what is sent before a close; then it is cut off.
    """

    streams: int = 32
    session_s: float = 4 * 3600.0
    message_bytes: int = 24 * 2**20
    upload_bytes: int = 512 * 2**20
    idle_s: float = 60.0
    queue_s: float = 60.0
    lag_s: float = 3.0
    outbox_bytes: int = 2**20
    resume_s: float = 60.0
    drain_s: float = 30.0
    close_s: float = 10.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"{field.name} must be > 0, got {getattr(self, field.name)}")


def refusal_of_another(limits: Limits, *, n_streams: int, busy: float, lag_s: float) -> Refusal | None:
    """Return why one more stream cannot be served now; None where it can.

    Args:
        limits: those of this server.
        n_streams: how many there are.
        busy: share of the last seconds in which the model worked, 0 … 1.
        lag_s: how late the latest live stream is, in seconds.
    """
    if n_streams >= limits.streams:
        return Refusal("busy", f"all {limits.streams} streams are taken: try again later", 10.0)
    if busy >= _BUSY_ENOUGH and lag_s > limits.lag_s:
        retry_s = float(min(30, max(2, ceil(2 * lag_s))))
        return Refusal("busy", f"others are {lag_s:.1f} s late already: try again in {retry_s:.0f} s", retry_s)
    return None
