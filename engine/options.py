"""The options of decoding and streaming: frozen, and checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stream.gate import GateOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodingOptions:
    """How sound becomes text; the names and defaults of whisper/transcribe.py@c0d2f62 where it has them.

    Attributes:
        language: what is spoken; None for what is heard.
        languages: those that may be heard; empty for all the model knows.
        translate: English text, whatever is spoken.
        timestamps: whether the text is cut into segments by timestamps.
        words: whether finals tell when each word was said.
        prompt: text that came before, or words that are likely to come: names, terms, a style.
        prefix: text that the first window begins with.
        hotwords: words and phrases that are likely to be said, the likeliest first: as many as fit stand before the
            prompt, and the tokens of the others are made more probable.
        hotword_boost: by how much, added to logits.
        suppress_tokens: ids that may not be in a text; -1 stands for those that the checkpoint names.
        suppress_blank: whether a text may not begin with a blank.
        beam_size: how many texts are followed at once; 1 is greedy, as partials always are.
        patience: with beams, how long the search goes on: until that many times ``beam_size`` texts have ended.
        length_penalty: exponent of Wu et al. 2016; None to divide by the length.
        temperatures: tried in turn, until a text is not rejected by the limits below; 0 is the most probable text.
        best_of: how many texts are drawn at a temperature above 0.
        compression_ratio_limit: a text that compresses better repeats itself; None to accept it.
        logprob_limit: a text whose tokens are less probable, on average, is rejected; None to accept it.
        no_speech_limit: with a higher no-speech probability an improbable text is silence and tried no further.
        max_tokens: longest text, in tokens; half the decoder's context, as in whisper/decoding.py.
    """

    language: str | None = None
    languages: tuple[str, ...] = ()
    translate: bool = False
    timestamps: bool = False
    words: bool = False
    prompt: str = ""
    prefix: str = ""
    hotwords: tuple[str, ...] = ()
    hotword_boost: float = 2.0
    suppress_tokens: tuple[int, ...] = (-1,)
    suppress_blank: bool = True
    beam_size: int = 1
    patience: float = 1.0
    length_penalty: float | None = None
    temperatures: tuple[float, ...] = (0.0,)
    best_of: int = 5
    compression_ratio_limit: float | None = 2.4
    logprob_limit: float | None = -1.0
    no_speech_limit: float | None = 0.6
    max_tokens: int = 224

    def __post_init__(self) -> None:
        for name, least in (("beam_size", 1), ("best_of", 1), ("max_tokens", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not 0 <= self.hotword_boost <= 10:
            raise ValueError(f"hotword_boost must be between 0 and 10, got {self.hotword_boost}")
        if any(not word.strip() for word in self.hotwords):
            raise ValueError(f"hotwords must not be empty, got {self.hotwords}")
        if any(id < -1 for id in self.suppress_tokens):
            raise ValueError(f"suppress_tokens must be token ids, or -1 for the usual ones, got {self.suppress_tokens}")
        if self.patience <= 0 or round(self.beam_size * self.patience) < 1:
            raise ValueError(f"patience must be > 0, and at least half a beam, got {self.patience}")
        if self.length_penalty is not None and not 0 <= self.length_penalty <= 1:
            raise ValueError(f"length_penalty must be between 0 and 1, got {self.length_penalty}")
        if not self.temperatures or not all(0 <= temperature <= 2 for temperature in self.temperatures):
            raise ValueError(f"temperatures must be one or more numbers between 0 and 2, got {self.temperatures}")
        if self.language is not None and self.languages and self.language not in self.languages:
            raise ValueError(f"language {self.language!r} is not among the languages allowed: {self.languages}")

    def is_silence(self, no_speech_prob: float, avg_logprob: float) -> bool:
        """Tell whether nothing was said: no speech is probable, and the text is not (whisper/transcribe.py@c0d2f62)."""
        if self.no_speech_limit is None or no_speech_prob <= self.no_speech_limit:
            return False
        return self.logprob_limit is None or avg_logprob <= self.logprob_limit


DEFAULT_DECODING = DecodingOptions()
FALLBACK_TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Those of whisper/transcribe.py: for what nobody waits for."""


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
SHORT_CONTEXT = AudioContext(margin_s=1.0, shortest_s=10.0)
CONTEXT_OF_PARTIALS = AudioContext(margin_s=1.0, shortest_s=20.0)
"""In twenty seconds hardly a text becomes a loop, and there is room for what was said before."""
CONTEXT_OF_RECORDINGS = AudioContext(margin_s=2.0, shortest_s=10.0)
"""With one second of margin Whisper says the last sentence twice in many a window."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StabilityOptions:
    """When a word of an open utterance is shown, and when it stays (docs/decisions/0017-when-words-are-shown.md).

    Attributes:
        policy: "agreement": what successive hypotheses agree on stays (LocalAgreement, Macháček et al. 2023);
            "attention": what the model heard long enough before the end of the audio does (AlignAtt, Papi et al. 2023).
        n_agreeing: how many successive hypotheses must agree.
        shown_after_s: seconds of audio there must be behind where a word was heard before it is shown, unless two
            hypotheses agree on it.
        shown_probability: how sure the model must be of a word that is shown before it stays, 0 … 1.
        stable_after_s: seconds of audio there must be behind where a word was heard before it stays.
        stable_probability: how sure the model must be of such a word, 0 … 1; a less probable one stays later.
    """

    policy: Literal["agreement", "attention"] = "attention"
    n_agreeing: int = 2
    shown_after_s: float = 0.2
    shown_probability: float = 0.7
    stable_after_s: float = 0.6
    stable_probability: float = 0.3

    def __post_init__(self) -> None:
        if self.policy not in {"agreement", "attention"}:
            raise ValueError(f"policy must be agreement or attention, got {self.policy}")
        if self.n_agreeing < 2:
            raise ValueError(f"n_agreeing must be at least 2, got {self.n_agreeing}")
        for name in ("shown_probability", "stable_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {getattr(self, name)}")
        for name in ("shown_after_s", "stable_after_s"):
            if not 0 <= getattr(self, name) <= 5:
                raise ValueError(f"{name} must be between 0 and 5, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamingOptions:
    """How a stream is cut and how often it is decoded.

    Attributes:
        partials: whether text is shown while an utterance is still open.
        step_s: least new audio between two partials of an utterance, in seconds.
        backlog_s: how much speech may wait for the model, in seconds, before the source is no longer read.
        batch_size: how many utterances are decoded together, where that many wait.
        patience_s: how long the source may be waited for, in seconds and for each chunk, until that many do.
        decoding: how sound becomes text.
        partial_context: what a partial is encoded with.
        busy_context: the same while the model does not keep up with the steps.
        final_context: what a final is encoded with.
        partial_lead_in_s, final_lead_in_s: how long audio may become, in seconds, by the utterances just before, which
            are heard and read once more in front of it; 0 for none (docs/decisions/0013-lead-in.md).
        busy_lead_in_s: the same for partials while the model does not keep up, if that is less.
        stability: when a word is shown and when it stays.
        gate: endpointing.
        keeps_stable: whether a final begins with the stable text that was shown, for readers who cannot take a word
            back; else it is decoded anew (docs/decisions/0003-finals-stand-alone.md).
        cuts_at_languages: whether a final ends where another language begins in a pause, and what follows is an
            utterance of its own (docs/decisions/0027-language-changes.md).
        sequential: whether a recording is heard a window after another, each beginning where the text of the one before
            ends, as whisper/transcribe.py has it, instead of cut at its pauses.
        condition_on_previous_text: whether a window of those is told what was said before it.
    """

    partials: bool = True
    step_s: float = 0.2
    backlog_s: float = 120.0
    batch_size: int = 4
    patience_s: float = 0.0
    decoding: DecodingOptions = DEFAULT_DECODING
    partial_context: AudioContext = CONTEXT_OF_PARTIALS
    busy_context: AudioContext = SHORT_CONTEXT
    final_context: AudioContext = FULL_WINDOW
    partial_lead_in_s: float = 18.0
    busy_lead_in_s: float = 9.0
    final_lead_in_s: float = 28.0
    stability: StabilityOptions = StabilityOptions()
    gate: GateOptions = field(default_factory=GateOptions)
    keeps_stable: bool = False
    cuts_at_languages: bool = False
    sequential: bool = False
    condition_on_previous_text: bool = True

    def __post_init__(self) -> None:
        if self.step_s <= 0:
            raise ValueError(f"step_s must be > 0, got {self.step_s}")
        if self.patience_s < 0:
            raise ValueError(f"patience_s must be >= 0, got {self.patience_s}")
        for name in ("partial_lead_in_s", "busy_lead_in_s", "final_lead_in_s"):
            if not 0 <= getattr(self, name) <= 28:
                raise ValueError(f"{name} must be between 0 and 28, got {getattr(self, name)}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.backlog_s < self.gate.longest_s:
            raise ValueError(
                f"backlog_s must be at least the longest utterance ({self.gate.longest_s} s), got {self.backlog_s}"
            )


FOR_LIVE = StreamingOptions()
"""For what is spoken now."""

FOR_RECORDINGS = StreamingOptions(
    partials=False,
    backlog_s=300.0,
    batch_size=8,
    patience_s=0.1,
    decoding=DecodingOptions(temperatures=FALLBACK_TEMPERATURES),
    final_context=CONTEXT_OF_RECORDINGS,
    final_lead_in_s=0.0,
    gate=GateOptions(hangover_ms=2000, cuts_at_pauses=False, noise_margin_db=0.0),
    cuts_at_languages=True,
)
"""For what is not spoken now: nobody waits for the end of a sentence, so Whisper gets as much of the talk around each
word as fits its window, which costs it fewer errors (docs/decisions/0007-patient-gate.md)."""
