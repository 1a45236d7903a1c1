"""The values that travel: tokens and hypotheses between the core and the model, events to the view."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.alignment import WordTiming
from engine.options import DEFAULT_DECODING, DecodingOptions
from engine.segments import Segment


@dataclass(frozen=True, slots=True)
class Token:
    """One text token.

    Attributes:
        id: its number in the vocabulary.
        text: its bytes; a UTF-8 character may span several tokens.
        logprob: natural logarithm of its probability after the logit filters; 0 in a forced prefix.
        attended_s: where in the audio the model looked when it wrote it, seconds from the start of the utterance; None
            where that was not asked for.
    """

    id: int
    text: bytes
    logprob: float
    attended_s: float | None = None


@dataclass(frozen=True, slots=True)
class LeadIn:
    """What was said just before a job's utterance: heard once more with it, and its text given.

    Attributes:
        n_samples: how much of the job's audio is before its utterance.
        ids: tokens of what is said in it.
        language: what is spoken in it.
    """

    n_samples: int = 0
    ids: tuple[int, ...] = ()
    language: str = "en"


NO_LEAD_IN = LeadIn()


@dataclass(frozen=True, slots=True, eq=False)
class DecodeJob:
    """Work the core asks of the model.

    Attributes:
        utterance_id: the utterance it belongs to.
        audio: int16 (n_samples,), a private copy; that of the lead-in comes first.
        start_sample: where ``audio[0]`` lies in the stream.
        is_final: whether the hypothesis may become the utterance's final text.
        options: how it becomes text.
        context_s: seconds of audio context to encode; what exceeds the window is the window.
        prefix: ids the hypothesis must begin with: stable text is not taken back.  Empty for finals.
        draft: ids of the previous hypothesis behind the prefix, for the decoder to verify in one pass.
        usual_language: what was spoken before; heard where it is not clear that it is another.  Empty at first.
        lead_in: what was said before; the hypothesis leaves it out, and its times begin behind it.
        wants_attention: whether the hypothesis is to tell where the model looked for each token.
        pauses: from which sample of ``audio`` to which nobody speaks: there its text may end, where another language
            begins.  Empty where it is to be heard whole.
        previous: ids of the text before, timestamps included; as much of its end as fits stands before the text.
        is_window: whether another job goes on where the text of this one breaks off.
    """

    utterance_id: int
    audio: NDArray[np.int16]
    start_sample: int
    is_final: bool
    options: DecodingOptions = DEFAULT_DECODING
    context_s: float = 30.0
    prefix: tuple[int, ...] = ()
    draft: tuple[int, ...] = ()
    usual_language: str = ""
    lead_in: LeadIn = NO_LEAD_IN
    wants_attention: bool = False
    pauses: tuple[tuple[int, int], ...] = ()
    previous: tuple[int, ...] = ()
    is_window: bool = False

    @property
    def end_sample(self) -> int:
        """Index in the stream one past the job's last sample."""
        return self.start_sample + len(self.audio)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the model heard in one job.

    Attributes:
        tokens: text tokens only; special tokens are left out.
        no_speech_prob: P(<|nospeech|>) at the SOT position, 0 … 1.
        avg_logprob: mean log-probability over the tokens behind the prefix and the closing <|endoftext|>.
        language: what is spoken, as it was given or heard.
        words: when each was said, seconds from the start of the utterance; empty where that was not asked for.
        language_prob: how probable the language is, 0 … 1; None where it was given.
        segments: the text cut at its timestamps, times from the start of the job; one for all of it without.
        rest: what was begun behind the segments and not ended; None where they are all.
        heard_s: where the next window of a recording begins, seconds from the start of the job; inf behind its end.
        language_end: the sample of the job's audio at which another language begins, of which nothing was heard; None
            where none does.
        has_spaces: whether there are spaces between its words.
    """

    tokens: tuple[Token, ...]
    no_speech_prob: float
    avg_logprob: float
    language: str = "en"
    words: tuple[WordTiming, ...] = ()
    language_prob: float | None = None
    segments: tuple[Segment, ...] = ()
    rest: Segment | None = None
    heard_s: float = math.inf
    language_end: int | None = None
    has_spaces: bool = True


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak at ``start_s`` (seconds of audio)."""

    utterance_id: int
    start_s: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The utterance has ended at ``end_s`` (seconds of audio); its text is still to come."""

    utterance_id: int
    end_s: float


@dataclass(frozen=True, slots=True)
class Partial:
    """The text so far of an utterance still open; each replaces the one before.

    ``stable`` stays until the utterance is closed; ``unstable`` follows it and may change.
    The text is their plain concatenation.  Times are seconds of audio.
    """

    utterance_id: int
    stable: str
    unstable: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Final:
    """The text of a closed utterance; never revised.

    Attributes:
        utterance_id: whose.
        text: what was said.
        start_s, end_s: seconds of audio.
        language: what is spoken.
        words: when each was said, seconds of audio; empty where that was not asked for.
        segments: the text cut at its timestamps, where there are some; times are seconds of audio.
        language_prob: how probable the language is, 0 … 1; None where it was given.
        tokens: what the text was made of.
    """

    utterance_id: int
    text: str
    start_s: float
    end_s: float
    language: str = "en"
    words: tuple[WordTiming, ...] = ()
    segments: tuple[Segment, ...] = ()
    language_prob: float | None = None
    tokens: tuple[Token, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Discarded:
    """An utterance that turned out to hold no words, or was taken back: whatever was shown of it goes away."""

    utterance_id: int
    reason: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class AudioDropped:
    """Audio that was lost before it could be heard.  Times are seconds of audio."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class DecodeFailed:
    """The model failed over an utterance.

    Attributes:
        utterance_id: whose.
        reason: what the model said, for people.
        is_lost: whether it is given up: it failed twice, and what an earlier partial heard is all there is.
        start_s, end_s: seconds of audio.
    """

    utterance_id: int
    reason: str
    is_lost: bool
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Flushed:
    """All audio before ``at_s`` (seconds of audio) has been transcribed, as the flush named ``tag`` asked."""

    tag: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Status:
    """How the stream is doing, a few times a second.

    Attributes:
        now_s: seconds of audio received.
        level_dbfs: loudness of the last stretch, RMS in dB below full scale (-inf for digital zero).
        is_speech: whether the gate is open.
        lag_s: seconds of audio received but not yet covered by any text or judged silent.
        real_time_factor: seconds of compute per second of audio, over the last half minute.
        compute_s: seconds of compute since the stream began; 0 where that is not told.
    """

    now_s: float
    level_dbfs: float
    is_speech: bool
    lag_s: float
    real_time_factor: float
    compute_s: float = 0.0


Event = SpeechStarted | SpeechStopped | Partial | Final | Discarded | DecodeFailed | Flushed | AudioDropped | Status


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event and the moment it happened: seconds on the wall clock since the first sample entered."""

    t_s: float
    event: Event
