"""The options of decoding and streaming: frozen, and checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream.gate import GateOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodingOptions:
    """How one job becomes text.

    Attributes:
        max_tokens: longest text, in tokens; half the decoder's context, as in whisper/decoding.py.
    """

    max_tokens: int = 224

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}")


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioContext:
    """How much of Whisper's 30 s window is encoded (docs/decisions/0004-audio-context.md).

    Attributes:
        margin_s: silence behind the speech, in seconds.  Less than one second makes Whisper repeat itself.
        shortest_s: the shortest context, in seconds, however short the speech.
    """

    margin_s: float
    shortest_s: float

    def __post_init__(self) -> None:
        if self.margin_s < 1.0:
            raise ValueError(f"margin_s must be at least 1.0, got {self.margin_s}")
        if not 1.0 <= self.shortest_s <= 30.0:
            raise ValueError(f"shortest_s must be between 1 and 30, got {self.shortest_s}")

    def needed_s(self, speech_s: float) -> float:
        """Return the seconds to encode for ``speech_s`` seconds of speech."""
        return max(speech_s + self.margin_s, self.shortest_s)


FULL_WINDOW = AudioContext(margin_s=30.0, shortest_s=30.0)
FOR_PARTIALS = AudioContext(margin_s=1.0, shortest_s=10.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamingOptions:
    """How a stream is cut and how often it is decoded.

    Attributes:
        partials: whether text is shown while an utterance is still open.
        step_s: least new audio between two partials of an utterance, in seconds.
        backlog_s: how much speech may wait for the model, in seconds, before the source is no longer read.
        batch_size: how many utterances are decoded together, where that many wait.
        partial_context: what a partial is encoded with.
        final_context: what a final is encoded with.
        gate: endpointing.
    """

    partials: bool = True
    step_s: float = 0.2
    backlog_s: float = 120.0
    batch_size: int = 4
    partial_context: AudioContext = FOR_PARTIALS
    final_context: AudioContext = FULL_WINDOW
    gate: GateOptions = field(default_factory=GateOptions)

    def __post_init__(self) -> None:
        if self.step_s <= 0:
            raise ValueError(f"step_s must be > 0, got {self.step_s}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.backlog_s < self.gate.longest_s:
            raise ValueError(
                f"backlog_s must be at least the longest utterance ({self.gate.longest_s} s), got {self.backlog_s}"
            )


FOR_RECORDINGS = StreamingOptions(
    partials=False,
    backlog_s=300.0,
    batch_size=8,
    final_context=AudioContext(margin_s=2.0, shortest_s=15.0),
    gate=GateOptions(hangover_ms=2000),
)
"""For what is not spoken now: nobody waits for the end of a sentence, so Whisper gets as much of the talk around each
word as fits its window, which costs it fewer errors (docs/decisions/0007-patient-gate.md)."""
