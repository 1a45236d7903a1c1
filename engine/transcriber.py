"""One stream's way from sound to text: no I/O, no clock, no threads.

The core never calls the model.  It is given audio, asked for the next job, told the outcome, asked for events:

    receive_audio(chunk) · receive_eof()                          from the source
    flush(tag) · clear() · configure(options)                     from whoever speaks
    next_jobs(most) → list[DecodeJob]                             to the model, whenever it is free
    receive_hypothesis(job, hypothesis) · receive_failure(job, …)  from the model
    events() → list[Event]                                        to the view

Samples are the clock.  What becomes of an utterance depends on its audio alone: neither how the audio was cut into
chunks nor how fast the model is changes a final (docs/decisions/0003-finals-stand-alone.md).
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import assert_never

from engine.events import (
    AudioDropped,
    DecodeFailed,
    DecodeJob,
    Event,
    Flushed,
    Hypothesis,
    SpeechStarted,
    SpeechStopped,
)
from engine.jobs import Due, JobMaker
from engine.options import StreamingOptions
from engine.stability import StablePrefix
from engine.utterance import Utterance
from stream.audio import SAMPLE_RATE, AudioChunk, level_dbfs, n_samples, seconds
from stream.detector import VoiceDetector
from stream.gate import GateEvent, SpeechClosed, SpeechGate, SpeechOpened, SpeechPaused, SpeechResumed
from stream.ring import RingBuffer

_RING_RESERVE_S = 8.0
"""Room in the ring beyond the longest job: a pre-roll, a hangover, and audio that came after a cut was due."""

LEVEL_SAMPLES = 1600
"""The level is that of the last tenth of a second."""


class Transcriber:
    """The state of one stream."""

    def __init__(self, detector: VoiceDetector, options: StreamingOptions | None = None) -> None:
        self._options = options or StreamingOptions()
        self._longest_s = self._options.gate.longest_s
        self._gate = SpeechGate(detector, self._options.gate)
        self._job_maker = JobMaker(self._options)
        longest_samples = max(n_samples(self._longest_s), self._job_maker.reach_samples)
        self._ring = RingBuffer(longest_samples + n_samples(_RING_RESERVE_S))
        self._before_chunk = 0
        """How much of the stream was there before the last audio came."""
        self._utterances: deque[Utterance] = deque()
        """Oldest first.  Only the last may be open, and only it needs the ring: closed ones own their audio."""
        self._n_utterances = 0
        self._jobs: list[DecodeJob] = []
        """With the model."""
        self._events: list[Event] = []
        self._has_ended = False

    @property
    def now_s(self) -> float:
        """Seconds of audio received."""
        return seconds(self._ring.end_sample)

    @property
    def is_speech(self) -> bool:
        """Whether somebody is speaking, as far as the gate can tell."""
        return self._gate.is_open

    @property
    def level_dbfs(self) -> float:
        """Loudness of the last tenth of a second, RMS in dB below full scale; -inf for digital zero."""
        end = self._ring.end_sample
        return level_dbfs(self._ring.read(max(self._ring.start_sample, end - LEVEL_SAMPLES), end))

    @property
    def lag_s(self) -> float:
        """Seconds of speech that no text covers yet."""
        return seconds(sum(self._heard_end(u) - u.decoded_to for u in self._utterances))

    @property
    def late_s(self) -> float:
        """How late its text is, in seconds: its lag; without partials, how long ago that ended which has no text."""
        if self._options.partials:
            return self.lag_s
        ends = (end for u in self._utterances if (end := self._end_of(u)) is not None and u.decoded_to < end)
        return self.now_s - seconds(next(ends, self._ring.end_sample))

    @property
    def wants_audio(self) -> bool:
        """Whether so little speech waits for the model that more may come."""
        return self.lag_s < self._options.backlog_s

    @property
    def is_finished(self) -> bool:
        """Whether the stream has ended and every utterance is final."""
        return self._has_ended and not self._utterances

    @property
    def has_due(self) -> bool:
        """Whether something waits for the model, and nothing is with it."""
        return bool(self._due())

    @property
    def has_final_due(self) -> bool:
        """Whether a final waits for the model, and nothing is with it."""
        return any(one.is_final for one in self._due())

    def receive_audio(self, chunk: AudioChunk) -> None:
        """Take the next audio, of any length; a jump in its ``start_sample`` is audio that was lost."""
        lost_from = self._before_chunk = self._ring.end_sample
        if chunk.start_sample > lost_from:
            # An empty chunk behind the gap closes what is open while the ring still holds it.
            self._receive_gate_events(self._gate.receive_audio(AudioChunk(chunk.samples[:0], chunk.start_sample)))
            self._ring.release(self._gate.wanted_sample)
            self._events.append(AudioDropped(seconds(lost_from), seconds(chunk.start_sample)))
        for first in range(0, len(chunk.samples), SAMPLE_RATE):
            piece = AudioChunk(chunk.samples[first : first + SAMPLE_RATE], chunk.start_sample + first)
            n_lost = self._ring.append(piece)
            assert n_lost == 0, "the ring holds the longest utterance"
            self._receive_gate_events(self._gate.receive_audio(piece))
            self._ring.release(self._gate.wanted_sample)

    def receive_eof(self) -> None:
        """The source has ended: close what is open."""
        self._receive_gate_events(self._gate.receive_eof())
        self._has_ended = True

    def flush(self, tag: str = "") -> None:
        """Close what is open, and tell with ``tag`` when all audio so far has been transcribed; audio may go on."""
        self._receive_gate_events(self._gate.flush())
        told = self._utterances[-1].flushes if self._utterances else self._events
        told.append(Flushed(tag, self.now_s))
        self._finish_decided()

    def clear(self) -> None:
        """Forget the utterance under way: whoever speaks takes it back."""
        if self._gate.is_open:
            self._utterances[-1].is_taken_back = True
            self._receive_gate_events(self._gate.flush())

    def configure(self, options: StreamingOptions) -> None:
        """Go by ``options`` from here on, in the utterance under way too, and not in those that have ended.

        Raises:
            ValueError: utterances would be longer than those this stream was made for.
        """
        if options.gate.longest_s > self._longest_s:
            longest_s = f"{self._longest_s:g}, as at first"
            raise ValueError(f"gate.longest_s must be at most {longest_s}, got {options.gate.longest_s}")
        self._options = self._job_maker.options = options
        self._gate.configure(options.gate)

    def events(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def next_jobs(self, most: int = 1, *, is_patient: bool = False) -> list[DecodeJob]:
        """Return the work that matters most; none where there is none or some is still with the model.

        That is the final of the oldest utterance and of those most like it in length, at most ``most`` in all, to be
        decoded together; or one partial where no final is due.  When an open utterance pauses, what would be its
        final is decoded while the hangover still runs; if speech goes on, that was one more partial.

        With patience there is none until there are ``most``, or no more audio is wanted.
        """
        due = self._due() if most > 0 else []
        if not due or (is_patient and len(due) < most and self.wants_audio):
            return []
        first = due[:1]
        if first[0].is_final:
            # In a batch all texts wait for the longest, and on a GPU all are encoded in its context.
            length = first[0].utterance.length_to(first[0].end_sample)
            finals = [one for one in due if one.is_final]
            first = sorted(finals, key=lambda one: abs(one.utterance.length_to(one.end_sample) - length))[:most]
        self._jobs = [self._job_maker.job(one, self._held_audio(one.utterance, one.end_sample)) for one in first]
        return list(self._jobs)

    def receive_hypothesis(self, job: DecodeJob, hypothesis: Hypothesis) -> None:
        """Take the outcome of ``job``, which must be one that ``next_jobs`` returned last."""
        utterance = self._take_back(job)
        if hypothesis.language_end is not None and not utterance.is_taken_back:
            self._cut(utterance, job.start_sample + hypothesis.language_end)
            job = replace(job, audio=job.audio[: hypothesis.language_end])
        partial = utterance.receive_hypothesis(hypothesis, job)
        if partial is not None and self._options.partials and not utterance.is_decided:
            self._events.append(partial)
        self._finish_decided()

    def receive_failure(self, job: DecodeJob, reason: str) -> None:
        """Take it that the model failed over ``job``, one that ``next_jobs`` returned last.

        A partial is skipped.  A final is decoded once more; if that fails too, what was heard before must do.
        """
        utterance = self._take_back(job)
        is_lost = utterance.receive_failure(job.end_sample, job.is_final)
        span = seconds(job.start_sample), seconds(job.end_sample)
        self._events.append(DecodeFailed(utterance.id, reason, is_lost, *span))
        self._finish_decided()

    def _take_back(self, job: DecodeJob) -> Utterance:
        if job not in self._jobs:
            raise ValueError(f"not a job that was asked for: utterance {job.utterance_id} to {job.end_sample}")
        self._jobs.remove(job)
        return next(u for u in self._utterances if u.id == job.utterance_id)

    def _due(self) -> list[Due]:
        """What waits for the model, the oldest first; nothing while some of it is decoded.

        Only the last utterance can be open: what is due of it comes behind every other's final.
        """
        if self._jobs:
            return []
        waiting = [u for u in self._utterances if not u.is_decided]
        if self._options.final_lead_in_s:
            waiting = waiting[:1]  # the next one's lead-in is still to be heard
        return [one for u in waiting if (one := self._due_of(u)) is not None]

    def _due_of(self, utterance: Utterance) -> Due | None:
        end = self._end_of(utterance)
        # What failed in a pause is tried once more when that has become the end.
        is_put_off = utterance.end_sample is None and utterance.failed_end == end
        if end is not None and utterance.outcome_end != end and not is_put_off:
            return Due(utterance, end, is_final=True)
        if end is None and self._options.partials:
            now, step = self._ring.end_sample, n_samples(self._options.step_s)
            due_at = max(utterance.decoded_to + step, utterance.open_since)
            if now >= due_at:
                return Due(utterance, now, is_final=False, is_late=now - due_at >= max(step, now - self._before_chunk))
        return None

    def _end_of(self, utterance: Utterance) -> int | None:
        """Where its final ends as far as is known; on trial in a pause, but not where it may be cut in one."""
        return utterance.end_sample if self._options.cuts_at_languages else utterance.probable_end

    def _held_audio(self, utterance: Utterance, end_sample: int) -> AudioChunk:
        """A copy of the utterance's audio to ``end_sample``, and of what came before it, as far as that is wanted."""
        if utterance.audio is not None:
            return utterance.audio
        start = min(utterance.start_sample, max(self._ring.start_sample, end_sample - self._job_maker.reach_samples))
        return AudioChunk(self._ring.read(start, end_sample), start)

    def _receive_gate_events(self, events: list[GateEvent]) -> None:
        for event in events:
            match event:
                case SpeechOpened():
                    self._open(event.start_sample)
                case SpeechPaused():
                    self._utterances[-1].pause_sample = event.end_sample
                case SpeechResumed():
                    self._utterances[-1].resume(event.start_sample, self._ring.end_sample)
                case SpeechClosed():
                    self._close(event)
                case _:
                    assert_never(event)

    def _open(self, start_sample: int) -> None:
        self._n_utterances += 1
        pauses = self._utterances[-1].pauses_from(start_sample) if self._utterances else []
        prefix, now = StablePrefix(self._options.stability), self._ring.end_sample
        self._utterances.append(Utterance(self._n_utterances, start_sample, start_sample, prefix, now, pauses=pauses))
        self._events.append(SpeechStarted(self._n_utterances, seconds(start_sample)))

    def _close(self, event: SpeechClosed) -> None:
        utterance = self._utterances[-1]
        utterance.end_sample = event.end_sample
        utterance.audio, utterance.options = self._held_audio(utterance, event.end_sample), self._options
        if not utterance.is_taken_back:
            self._events.append(SpeechStopped(utterance.id, seconds(event.end_sample)))
        self._finish_decided()

    def _cut(self, utterance: Utterance, sample: int) -> None:
        """Let what is said from ``sample`` on be an utterance of its own, and the next to be heard."""
        self._n_utterances += 1
        rest, end_sample = utterance.cut(sample, self._n_utterances)
        self._utterances.insert(self._utterances.index(utterance) + 1, rest)
        self._events += [SpeechStarted(rest.id, seconds(sample)), SpeechStopped(rest.id, seconds(end_sample))]

    def _finish_decided(self) -> None:
        """Let go of the oldest utterances whose text is known, in order, and of the flushes behind them."""
        with_model = {job.utterance_id for job in self._jobs}
        while self._utterances and (utterance := self._utterances[0]).is_decided and utterance.id not in with_model:
            if self._options.cuts_at_languages and utterance.is_to_be_heard_again(self._job_maker.usual_language):
                break
            ending = self._utterances.popleft().ending()
            self._job_maker.receive_ending(ending)
            self._events += [ending, *utterance.flushes]

    def _heard_end(self, utterance: Utterance) -> int:
        """Where its speech ends as far as is known."""
        end = utterance.probable_end
        return max(utterance.decoded_to, self._ring.end_sample if end is None else end)
