"""Endpointing: where an utterance begins and ends.  No I/O, no clock; samples are the time.

The gate opens when enough of the last frames are voiced, and closes when none was for the hangover.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stream.audio import AudioChunk, n_samples, seconds
from stream.detector import FRAME_SAMPLES, VoiceDetector
from stream.noise import NoiseFloor

CloseReason = Literal["silence", "longest", "end", "gap", "flush"]

_SMOOTHING_FRAMES = 5
"""150 ms: shorter than a pause between phrases, longer than the closure of a stop consonant."""


@dataclass(frozen=True, slots=True)
class SpeechOpened:
    """Somebody speaks; the utterance's audio begins at ``start_sample``, pre-roll included."""

    start_sample: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Nobody has spoken for ``pause_ms``; if nobody goes on, the utterance ends at ``end_sample``."""

    end_sample: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Somebody goes on; the ``SpeechPaused`` before no longer holds."""

    start_sample: int


@dataclass(frozen=True, slots=True)
class SpeechClosed:
    """The utterance is [start_sample, end_sample).

    Attributes:
        reason: "silence" after the hangover; "longest" where an utterance that went on was cut;
            "end" of the stream; "gap" where audio was lost; "flush" where whoever speaks said so.
    """

    start_sample: int
    end_sample: int
    reason: CloseReason


GateEvent = SpeechOpened | SpeechPaused | SpeechResumed | SpeechClosed


@dataclass(frozen=True, kw_only=True, slots=True)
class GateOptions:
    """How the gate decides.

    Attributes:
        opening_frames, opening_voiced_frames: it opens when so many of the last so many frames are voiced.
        pre_roll_ms: audio kept before the first voiced frame.
        pause_ms: silence after which the utterance may be over.
        hangover_ms: silence after which it is over.
        tail_ms: audio kept after the last voiced frame.
        longest_s: no utterance is longer; at most 28, which leaves Whisper's window room behind the last word.
        cut_within_s: one that goes on is cut at the quietest place in this much audio before that limit, or in the
            second half of it where that is less.
        cuts_at_pauses: whether the first pause there ends it instead, sooner: nobody has seen text from behind it.
        threshold_dbfs: a frame whose RMS lies below is never voiced.
        noise_margin_db: nor is one that is not so much louder than the noise of the last ten seconds, or a quarter of
            the way from that to the voice, in dB, where that is less; 0 to hear any.
        is_manual: nobody listens for speech and pauses: all audio is an utterance's, until the next flush.
    """

    opening_frames: int = 6
    opening_voiced_frames: int = 4
    pre_roll_ms: int = 300
    pause_ms: int = 200
    hangover_ms: int = 600
    tail_ms: int = 200
    longest_s: float = 28.0
    cut_within_s: float = 6.0
    cuts_at_pauses: bool = True
    threshold_dbfs: float = -65.0
    noise_margin_db: float = 8.0
    is_manual: bool = False

    def __post_init__(self) -> None:
        _require_between(1, "opening_voiced_frames", self.opening_voiced_frames, self.opening_frames, "opening_frames")
        _require_between(0, "pre_roll_ms", self.pre_roll_ms, 5_000, "5000")
        _require_between(0, "tail_ms", self.tail_ms, self.pause_ms, "pause_ms")
        _require_between(1, "pause_ms", self.pause_ms, self.hangover_ms, "hangover_ms")
        _require_between(0.5, "cut_within_s", self.cut_within_s, 28.0, "28")
        _require_between(-120.0, "threshold_dbfs", self.threshold_dbfs, 0.0, "0")
        _require_between(0.0, "noise_margin_db", self.noise_margin_db, 30.0, "30")
        opening_s = self.pre_roll_ms / 1000 + seconds((self.opening_frames + 1) * FRAME_SAMPLES)
        _require_between(2 * opening_s, "longest_s", self.longest_s, 28.0, "28")
        most_ms = 500 * self.searched_s
        _require_between(1, "pause_ms", self.pause_ms, most_ms, f"{most_ms:g}, half of where a cut is sought")

    @property
    def searched_s(self) -> float:
        """How much audio before the limit is searched for a place to cut, in seconds."""
        return min(self.cut_within_s, self.longest_s / 2)


def _power_of(dbfs: float) -> float:
    """Mean square of samples whose RMS is so many dB below full scale."""
    return 32768.0**2 * 10 ** (dbfs / 10)


def _require_between(low: float, name: str, value: float, high: float, high_name: str) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low:g} and {high_name}, got {value}")


PROFILES = {
    "fast": GateOptions(hangover_ms=400),
    "balanced": GateOptions(),
    "patient": GateOptions(hangover_ms=1200),
}
"""How long a pause ends an utterance: the longer, the later its final and the fewer its errors."""


class SpeechGate:
    """Finds the utterances of one stream.

    The events are the same however the audio is cut into chunks.  An utterance never begins before
    the end of the one before; one that was cut as "longest" is followed by one that begins at its end.
    """

    def __init__(self, detector: VoiceDetector, options: GateOptions) -> None:
        """``detector`` belongs to this stream alone."""
        self._detector = detector
        self._recent_voiced: deque[bool] = deque()
        self._recent_power: deque[float] = deque()
        self._noise = NoiseFloor()
        self.configure(options)
        self._unjudged: NDArray[np.int16] = np.empty(0, np.int16)
        self._end_sample = 0
        self._earliest_start = 0
        self._utterance_start: int | None = None
        self._voiced_end = 0
        self._is_paused = False

    def configure(self, options: GateOptions) -> None:
        """Decide by ``options`` from here on."""
        self._pre_roll_samples = n_samples(options.pre_roll_ms / 1000)
        self._pause_samples = n_samples(options.pause_ms / 1000)
        self._hangover_samples = n_samples(options.hangover_ms / 1000)
        self._tail_samples = n_samples(options.tail_ms / 1000)
        self._longest_samples = n_samples(options.longest_s)
        self._long_samples = self._longest_samples - n_samples(options.cuts_at_pauses * options.searched_s)
        self._threshold_power = _power_of(options.threshold_dbfs)
        self._noise_margin_db = options.noise_margin_db
        self._opening_voiced_frames = options.opening_voiced_frames
        self._is_manual = options.is_manual
        self._recent_voiced = deque(self._recent_voiced, options.opening_frames)
        self._recent_power = deque(self._recent_power, n_samples(options.searched_s) // FRAME_SAMPLES)

    @property
    def is_open(self) -> bool:
        """Whether an utterance is under way."""
        return self._utterance_start is not None

    @property
    def end_sample(self) -> int:
        """Index one past the last sample judged."""
        return self._end_sample

    @property
    def utterance_start(self) -> int | None:
        """First sample of the utterance under way, None between utterances."""
        return self._utterance_start

    @property
    def wanted_sample(self) -> int:
        """Oldest sample that the utterance under way, or one still to come, may begin with."""
        if self._utterance_start is not None:
            return self._utterance_start
        recent_samples = ((self._recent_voiced.maxlen or 0) - 1) * FRAME_SAMPLES
        return max(self._earliest_start, self._end_sample - recent_samples - self._pre_roll_samples)

    def receive_audio(self, chunk: AudioChunk) -> list[GateEvent]:
        """Judge ``chunk`` and return what came of it; less than a frame waits for the next chunk.

        A chunk that starts later than the one before ended closes the gate where audio was lost.

        Raises:
            ValueError: the chunk starts before the end of the one before.
        """
        events = self._move_to(chunk.start_sample)
        samples = np.concatenate((self._unjudged, chunk.samples))
        n_whole = len(samples) - len(samples) % FRAME_SAMPLES
        self._unjudged = samples[n_whole:]
        for frame in samples[:n_whole].reshape(-1, FRAME_SAMPLES):
            events += self._receive_frame(frame, FRAME_SAMPLES)
        return events

    def flush(self) -> list[GateEvent]:
        """Judge what is left, padded with silence, and close the gate here; audio may go on."""
        return self._finish("flush")

    def receive_eof(self) -> list[GateEvent]:
        """Judge what is left, padded with silence, and close the gate at the end of the audio."""
        return self._finish("end")

    def _move_to(self, start_sample: int) -> list[GateEvent]:
        received_end = self._end_sample + len(self._unjudged)
        if start_sample == received_end:
            return []
        if start_sample < received_end:
            raise ValueError(f"chunk must start at {received_end} or later, got {start_sample}")
        events = self._finish("gap")
        self._end_sample = self._earliest_start = start_sample
        return events

    def _finish(self, reason: CloseReason) -> list[GateEvent]:
        events: list[GateEvent] = []
        if n_left := len(self._unjudged):
            padded = np.pad(self._unjudged, (0, FRAME_SAMPLES - n_left))
            self._unjudged = self._unjudged[:0]
            events += self._receive_frame(padded, n_left)
        if self._utterance_start is not None:
            events.append(self._close(self._end_sample, reason))
        self._recent_voiced.clear()
        self._recent_power.clear()
        return events

    def _receive_frame(self, frame: NDArray[np.int16], n_real_samples: int) -> list[GateEvent]:
        amplitudes = frame.astype(np.float64)
        power = float(amplitudes @ amplitudes) / FRAME_SAMPLES
        # The detector hears every frame: it follows the noise of the stream.
        margin_db = self._noise_margin_db  # recordings do without, and need not pay for it
        threshold = max(self._threshold_power, self._noise.threshold_power(margin_db) if margin_db else 0.0)
        is_voiced = (self._detector.is_voiced(frame) and power >= threshold) or self._is_manual
        self._noise.receive_power(power)
        self._recent_power.append(power)
        frame_start = self._end_sample
        self._end_sample += n_real_samples
        if self._utterance_start is None:
            return self._await_speech(is_voiced, frame_start)
        return self._follow_speech(is_voiced)

    def _await_speech(self, is_voiced: bool, frame_start: int) -> list[GateEvent]:
        self._recent_voiced.append(is_voiced)
        if sum(self._recent_voiced) < self._opening_voiced_frames and not self._is_manual:
            return []
        n_frames_ago = len(self._recent_voiced) - 1 - self._recent_voiced.index(True)
        onset = frame_start - n_frames_ago * FRAME_SAMPLES
        self._voiced_end = self._end_sample
        return [self._open(max(self._earliest_start, onset - self._pre_roll_samples))]

    def _follow_speech(self, is_voiced: bool) -> list[GateEvent]:
        events: list[GateEvent] = []
        if is_voiced:
            events += [SpeechResumed(self._end_sample - FRAME_SAMPLES)] if self._is_paused else []
            self._voiced_end, self._is_paused = self._end_sample, False
        n_silent_samples = self._end_sample - self._voiced_end
        if n_silent_samples >= self._pause_samples and not self._is_paused:
            self._is_paused = True
            events.append(SpeechPaused(self._voiced_end + self._tail_samples))
        if self._is_paused and (n_silent_samples >= self._hangover_samples or self._is_over(self._long_samples)):
            events.append(self._close(self._voiced_end + self._tail_samples, "silence"))
        elif self._is_over(self._longest_samples):
            cut_sample = self._quietest_sample()
            events += [self._close(cut_sample, "longest"), self._open(cut_sample)]
        return events

    def _is_over(self, limit_samples: int) -> bool:
        return self._end_sample + FRAME_SAMPLES - self.wanted_sample > limit_samples

    def _quietest_sample(self) -> int:
        # Only what lies before the last voiced frame: both sides of the cut then hold speech.
        n_silent_frames = (self._end_sample - self._voiced_end) // FRAME_SAMPLES
        power = np.array(self._recent_power)[: len(self._recent_power) - n_silent_frames]
        smoothed = np.convolve(power, np.ones(_SMOOTHING_FRAMES), "valid")
        n_frames_before_voiced_end = len(power) - int(np.argmin(smoothed)) - _SMOOTHING_FRAMES // 2
        return self._voiced_end - n_frames_before_voiced_end * FRAME_SAMPLES + FRAME_SAMPLES // 2

    def _open(self, start_sample: int) -> SpeechOpened:
        self._utterance_start = start_sample
        self._is_paused = False
        return SpeechOpened(start_sample)

    def _close(self, end_sample: int, reason: CloseReason) -> SpeechClosed:
        assert self._utterance_start is not None
        closed = SpeechClosed(self._utterance_start, end_sample, reason)
        self._utterance_start = None
        self._earliest_start = end_sample
        self._recent_voiced.clear()
        return closed
