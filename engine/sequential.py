"""A recording heard one window after another, each beginning where the text of the one before ends.

whisper/transcribe.py@c0d2f62, the loop over windows.  It has the interface of ``engine.transcriber.Transcriber`` and
is as pure, but there is no gate: Whisper itself tells, by its timestamps, where a segment begins and where it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.alignment import WordTiming, usual_length_s
from engine.events import AudioDropped, DecodeFailed, DecodeJob, Event, Final, Hypothesis, SpeechStarted
from engine.options import DecodingOptions, StreamingOptions
from engine.segments import Segment, words_by_segment
from engine.transcriber import LEVEL_SAMPLES
from engine.word_edges import with_true_edges
from stream.audio import AudioChunk, level_dbfs, n_samples, seconds

_WINDOW_S = 30.0
_SHORTEST_S = 0.2
"""Less audio holds no word, and Whisper makes one up; nor does it pay to hear a window again for it."""

_STEADY_TEMPERATURE = 0.5
"""A text found at a higher one is not what the next window should go on from."""

_MOST_PREVIOUS = 448
"""No decoder has room for more tokens."""


class SequentialTranscriber:
    """The state of one recording."""

    def __init__(self, options: StreamingOptions) -> None:
        self._options = options
        self._decoding = replace(options.decoding, timestamps=True)
        self._language = ""
        self._language_prob: float | None = None
        self._previous: tuple[int, ...] = ()
        """Tokens of the text before, timestamps included."""
        self._chunks: list[NDArray[np.int16]] = []
        """What was received from ``_seek`` on."""
        self._seek = 0
        """Where the next window begins."""
        self._end_sample = 0
        self._level_dbfs = -np.inf
        self._n_segments = 0
        self._spoken_until_s = 0.0
        self._job: DecodeJob | None = None
        self._has_failed = False
        """Whether the model failed over the window that comes next."""
        self._events: list[Event] = []
        self._has_ended = False

    @property
    def now_s(self) -> float:
        """Seconds of audio received."""
        return seconds(self._end_sample)

    @property
    def is_speech(self) -> bool:
        """Whether there is audio whose text is not known: nothing here tells speech from silence but the model."""
        return self._seek < self._end_sample

    @property
    def level_dbfs(self) -> float:
        """Loudness of what was received last, RMS in dB below full scale; -inf for digital zero."""
        return self._level_dbfs

    @property
    def lag_s(self) -> float:
        """Seconds of audio that no text covers yet."""
        return 0.0 if self.is_finished else seconds(self._end_sample - self._seek)

    @property
    def late_s(self) -> float:
        """How late its text is, in seconds: the same."""
        return self.lag_s

    @property
    def wants_audio(self) -> bool:
        """Whether so little audio waits for the model that more may come."""
        return seconds(self._end_sample - self._seek) < self._options.backlog_s

    @property
    def is_finished(self) -> bool:
        """Whether the recording has ended and all of it was heard."""
        is_heard = self._end_sample - self._seek < n_samples(_SHORTEST_S)
        return self._has_ended and self._job is None and is_heard

    @property
    def has_due(self) -> bool:
        """Whether the next window is whole, or the recording is, and none is with the model."""
        is_whole = self._end_sample - self._seek >= n_samples(_WINDOW_S) or self._has_ended
        return is_whole and self._job is None and not self.is_finished

    @property
    def has_final_due(self) -> bool:
        """The same: nothing but finals comes of a recording."""
        return self.has_due

    def receive_audio(self, chunk: AudioChunk) -> None:
        """Take the next audio, of any length; a jump in its ``start_sample`` is audio that was lost: silence."""
        n_lost = chunk.start_sample - self._end_sample
        if n_lost > 0:
            self._events.append(AudioDropped(seconds(self._end_sample), seconds(chunk.start_sample)))
            self._chunks.append(np.zeros(n_lost, np.int16))
        self._chunks.append(chunk.samples)
        self._end_sample = chunk.end_sample
        self._level_dbfs = level_dbfs(chunk.samples[-LEVEL_SAMPLES:])

    def receive_eof(self) -> None:
        """The recording has ended: its last window may be shorter."""
        self._has_ended = True

    def events(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def next_jobs(self, most: int = 1, *, is_patient: bool = False) -> list[DecodeJob]:  # noqa: ARG002  # one by one
        """Return the next window once it is whole, or the recording is; never two, however many are wanted."""
        if not self.has_due or most < 1:
            return []
        self._job = self._make_job()
        return [self._job]

    def receive_hypothesis(self, job: DecodeJob, hypothesis: Hypothesis) -> None:
        """Take the outcome of ``job``, which must be the one that ``next_jobs`` returned last."""
        self._take_back(job)
        self._has_failed = False
        segments, heard_s = _heard(hypothesis, self._decoding, seconds(len(job.audio)))
        self._receive_segments(segments, hypothesis, seconds(job.start_sample))
        self._move_on(n_samples(max(heard_s, _SHORTEST_S)))

    def receive_failure(self, job: DecodeJob, reason: str) -> None:
        """Take it that the model failed over ``job``: it is decoded once more; if that fails too, it is left out."""
        self._take_back(job)
        span = seconds(job.start_sample), seconds(job.end_sample)
        self._events.append(DecodeFailed(job.utterance_id, reason, self._has_failed, *span))
        if self._has_failed:
            self._move_on(len(job.audio))
        self._has_failed = not self._has_failed

    def _take_back(self, job: DecodeJob) -> None:
        if job is not self._job:
            raise ValueError(f"not the job that was asked for: from sample {job.start_sample}")
        self._job = None

    def _make_job(self) -> DecodeJob:
        waiting = np.concatenate(self._chunks)
        self._chunks = [waiting]
        window = waiting[: n_samples(_WINDOW_S)].copy()
        options = self._decoding if self._seek == 0 else replace(self._decoding, prefix="")
        previous = self._previous if self._options.condition_on_previous_text else ()
        return DecodeJob(
            self._n_segments + 1, window, self._seek, True, options, _WINDOW_S, previous=previous, is_window=True
        )

    def _move_on(self, n_heard: int) -> None:
        waiting = np.concatenate(self._chunks)
        self._chunks = [waiting[n_heard:]]
        self._seek = min(self._seek + n_heard, self._end_sample)

    def _receive_segments(self, segments: Sequence[Segment], hypothesis: Hypothesis, start_s: float) -> None:
        usual_s = usual_length_s(hypothesis.words)
        for segment, words in zip(segments, words_by_segment(segments, hypothesis.words), strict=True):
            if segment.end_s > segment.start_s:  # nothing is said in no time
                self._keep_language(hypothesis)
                self._previous = (*self._previous, *segment.tokens)[-_MOST_PREVIOUS:]
                later = segment.delayed(start_s), tuple(word.delayed(start_s) for word in words)
                said, spoken = with_true_edges(*later, self._spoken_until_s, usual_s)
                self._spoken_until_s = said.end_s
                self._say(said, spoken)
        if any(segment.temperature > _STEADY_TEMPERATURE for segment in segments):
            self._previous = ()

    def _say(self, segment: Segment, words: tuple[WordTiming, ...]) -> None:
        self._n_segments += 1
        id, language = self._n_segments, self._language
        span = (segment.start_s, segment.end_s)
        final = Final(id, segment.text, *span, language, words, (segment,), self._language_prob)
        self._events += [SpeechStarted(id, segment.start_s), final]

    def _keep_language(self, hypothesis: Hypothesis) -> None:
        """What is heard in the first window that has words is spoken in all."""
        if self._n_segments == 0:
            self._language, self._language_prob = hypothesis.language, hypothesis.language_prob
            self._decoding = replace(self._decoding, language=hypothesis.language)


def _heard(hypothesis: Hypothesis, options: DecodingOptions, window_s: float) -> tuple[Sequence[Segment], float]:
    """What is said in a window of ``window_s`` seconds, and up to where it was heard."""
    if options.is_silence(hypothesis.no_speech_prob, hypothesis.avg_logprob):
        return (), window_s
    if hypothesis.heard_s < _SHORTEST_S and hypothesis.rest is not None:
        return (*hypothesis.segments, hypothesis.rest), window_s
    return hypothesis.segments, min(hypothesis.heard_s, window_s)
