"""What an OpenAI realtime session is set to, and the options of a stream that come of it.  Pure.

openai/openai-python@e43b4224 ``types/realtime`` and ``types/beta/realtime``.  A field that an update leaves out keeps
its value, and null clears it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from engine.options import StreamingOptions
from stream.gate import GateOptions
from stream.raw import AudioFormat

LOGPROBS = "item.input_audio_transcription.logprobs"
WITHOUT_TURN_DETECTION = ("gpt-live-transcribe", "gpt-realtime-whisper")
"""Who names one of these commits by hand: OpenAI has no turn detection for them."""

DELAYS_S = {"minimal": 0.2, "low": 0.3, "medium": 0.5, "high": 0.8, "xhigh": 1.2}
"""New audio between two partials: words must stand in two of them before they are told."""

_HANGOVER_MS = {"high": 500, "auto": 1000, "medium": 1000, "low": 2000}
"""A quarter of the longest time that OpenAI waits for somebody to go on: there is only the silence to go by."""

_LEAST_DBFS, _RANGE_DB = -95.0, 60.0
"""A threshold of 0.5 is the gate's own of -65 dB below full scale."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnDetection:
    """How the ends of utterances are found.

    Attributes:
        kind: "server_vad" or "semantic_vad".
        threshold: how loud a voice must be, 0 … 1.
        prefix_padding_ms: audio kept before the voice.
        silence_duration_ms: silence after which the utterance is over.
        eagerness: how soon it is over, for "semantic_vad".
    """

    kind: str = "server_vad"
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    eagerness: str = "auto"

    def gate(self, base: GateOptions) -> GateOptions:
        """Return ``base`` with what the client asks of endpointing."""
        if self.kind == "semantic_vad":
            return replace(base, is_manual=False, hangover_ms=_HANGOVER_MS[self.eagerness])
        pause_ms = min(base.pause_ms, self.silence_duration_ms)
        return replace(
            base,
            is_manual=False,
            pre_roll_ms=self.prefix_padding_ms,
            hangover_ms=self.silence_duration_ms,
            pause_ms=pause_ms,
            tail_ms=min(base.tail_ms, pause_ms),
            threshold_dbfs=_LEAST_DBFS + _RANGE_DB * self.threshold,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcription:
    """How sound becomes text.

    Attributes:
        model: as the client calls the one there is.
        language: what is spoken; None for what is heard.
        languages: those that may be heard; empty for all the model knows.
        prompt: text that came before, names, a style.
        keywords: words that are likely to be said.
        delay: how long words are held back, a key of ``DELAYS_S``; None for the server's own way.
    """

    model: str
    language: str | None = None
    languages: tuple[str, ...] = ()
    prompt: str = ""
    keywords: tuple[str, ...] = ()
    delay: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """All that can be set.

    Attributes:
        audio: what the client sends.
        transcription: None where it wants no text.
        turn_detection: None where it commits by hand.
        has_logprobs: whether it wants to know how probable each token is.
    """

    audio: AudioFormat = field(default_factory=lambda: AudioFormat(rate=24_000))
    transcription: Transcription | None
    turn_detection: TurnDetection | None = field(default_factory=TurnDetection)
    has_logprobs: bool = False

    @property
    def is_manual(self) -> bool:
        """Whether the client says where an utterance ends."""
        return self.turn_detection is None

    def options(self, base: StreamingOptions) -> StreamingOptions:
        """Return ``base`` with what the client asks for.

        A final begins with what was stable: text that was sent cannot be taken back here.

        Raises:
            ValueError: it cannot be done.
        """
        turn = self.turn_detection
        gate = replace(base.gate, is_manual=True) if turn is None else turn.gate(base.gate)
        options = replace(base, gate=gate, keeps_stable=True)
        asked = self.transcription
        if asked is None:
            return replace(options, partials=False)
        decoding = replace(
            base.decoding,
            language=asked.language or (base.decoding.language if not asked.languages else None),
            languages=asked.languages or (base.decoding.languages if not asked.language else ()),
            prompt=asked.prompt or base.decoding.prompt,
            hotwords=asked.keywords or base.decoding.hotwords,
        )
        step_s = base.step_s if asked.delay is None else max(base.step_s, DELAYS_S[asked.delay])
        return replace(options, step_s=step_s, decoding=decoding)
