"""One utterance on its way from open to final: what was heard of it, what was decoded, what is stable."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.events import DecodeJob, Discarded, Event, Final, Hypothesis, Partial, Token
from engine.guards import LOGPROB_THRESHOLD, is_loop, is_not_speech
from engine.language_changes import CLEAR_LANGUAGE
from engine.options import StreamingOptions
from engine.stability import StablePrefix
from stream.audio import AudioChunk, seconds

_MOST_TRIES = 2
"""How often the model may fail over a final before what an earlier partial heard must do."""
_ENOUGH_FOR_LANGUAGE_S = 3.0
"""So much of an utterance tells what is spoken in it; partials of more of it do not ask again."""


@dataclass(slots=True, eq=False)
class Utterance:
    """The state of one utterance.

    Attributes:
        id: counts utterances of a stream from 1.
        start_sample: where it begins, pre-roll included.
        decoded_to: the end of the audio the latest hypothesis covers.
        prefix: the stable tokens.
        open_since: how much of the stream was there when it began to be heard, or went on behind a pause.
        pause_sample: where it ends if nobody speaks again, while that is open.
        pauses: from which sample to which nobody spoke in it.
        end_sample: where it ended; None while it is open.
        audio: its own copy, once it is closed, of its audio and what came before.
        options: those it ended with, once it is closed.
        latest: the latest hypothesis.
        language: what is spoken in it, as far as partials need to know; empty while too little was heard.
        outcome: the hypothesis of exactly ``start_sample`` … ``outcome_end``, fit to be final.
        alone_end: the end of the audio whose final needs to be heard without a lead-in.
        doubtful: what was heard of it with one.
        is_taken_back: whether whoever spoke wants it forgotten.
        failed_end: the end of the audio over whose final the model failed last.
        n_failures: how often it did.
        is_heard_again: whether it is decoded once more, since it is not clear what is spoken in it.
        flushes: what is told once it has ended.
    """

    id: int
    start_sample: int
    decoded_to: int
    prefix: StablePrefix
    open_since: int = 0
    pause_sample: int | None = None
    pauses: list[tuple[int, int]] = field(default_factory=list)
    end_sample: int | None = None
    audio: AudioChunk | None = None
    options: StreamingOptions | None = None
    latest: Hypothesis | None = None
    language: str = ""
    outcome: Hypothesis | None = None
    outcome_end: int = -1
    alone_end: int = -1
    doubtful: Hypothesis | None = None
    is_taken_back: bool = False
    failed_end: int = -1
    n_failures: int = 0
    is_heard_again: bool = False
    flushes: list[Event] = field(default_factory=list)

    @property
    def probable_end(self) -> int | None:
        """Where the utterance ends as far as is known, or None while somebody speaks."""
        return self.pause_sample if self.end_sample is None else self.end_sample

    @property
    def is_decided(self) -> bool:
        """Whether its end is known: it is closed, and exactly its audio was decoded, or nobody wants it."""
        return self.end_sample is not None and (self.outcome_end == self.end_sample or self.is_taken_back)

    @property
    def draft(self) -> tuple[int, ...]:
        """Ids of the latest hypothesis, for the decoder to verify."""
        return () if self.latest is None else tuple(token.id for token in self.latest.tokens)

    def length_to(self, end_sample: int) -> int:
        """Samples from its beginning to ``end_sample``."""
        return end_sample - self.start_sample

    def resume(self, start_sample: int, now: int) -> None:
        """Take it that somebody goes on at ``start_sample``, behind a pause, which is known at ``now``."""
        if self.pause_sample is not None:
            self.pauses.append((self.pause_sample, start_sample))
        self.pause_sample, self.open_since = None, now

    def pauses_from(self, sample: int) -> list[tuple[int, int]]:
        """The pauses from ``sample`` on: where it is cut there, those of what follows."""
        return [pause for pause in self.pauses if pause[0] >= sample]

    def cut(self, sample: int, id: int) -> tuple[Utterance, int]:
        """End at ``sample``, once it is closed; return what follows as an utterance of its own, and where that ends."""
        assert self.audio is not None and self.end_sample is not None
        behind = AudioChunk(self.audio.samples[sample - self.audio.start_sample :], sample)
        rest = Utterance(id, sample, sample, StablePrefix())
        rest.audio, rest.options, rest.end_sample = behind, self.options, self.end_sample
        rest.pauses = self.pauses_from(sample)
        rest.flushes, self.flushes, self.end_sample = self.flushes, [], sample
        return rest, behind.end_sample

    def is_to_be_heard_again(self, usual_language: str) -> bool:
        """Forget the outcome, once, where it is not clear that another language is spoken than before."""
        heard, is_again = self.outcome, self.is_heard_again
        self.is_heard_again = True
        if is_again or heard is None or not usual_language or heard.language == usual_language:
            return False
        if heard.language_prob is None or heard.language_prob >= CLEAR_LANGUAGE:
            return False
        self.outcome_end = -1
        return True

    def receive_hypothesis(self, hypothesis: Hypothesis, job: DecodeJob) -> Partial | None:
        """Take what the model heard in ``job``; return what to show of it, if anything new."""
        self.decoded_to, self.latest = job.end_sample, hypothesis
        heard_s = seconds(self.length_to(job.end_sample))
        if heard_s >= _ENOUGH_FOR_LANGUAGE_S:
            self.language = hypothesis.language
        if job.is_final and job.lead_in.ids and _is_doubtful(hypothesis):
            self.alone_end, self.doubtful = job.end_sample, hypothesis
            return None
        if job.is_final:
            self.outcome, self.outcome_end = self._better(hypothesis, job.end_sample), job.end_sample
        if not self.prefix.tokens and not job.lead_in.ids and _is_made_up(hypothesis):
            return None
        unstable = self.prefix.receive_hypothesis(hypothesis, heard_s)
        return None if unstable is None else self._partial(unstable)

    def _better(self, alone: Hypothesis, end_sample: int) -> Hypothesis:
        """What was heard with a lead-in, where it holds words, and the utterance sounds like speech by itself."""
        if self.alone_end != end_sample or self.doubtful is None or _is_made_up(alone):
            return alone
        ids = [token.id for token in self.doubtful.tokens]
        return alone if not text_of(self.doubtful.tokens) or is_loop(ids) else self.doubtful

    def receive_failure(self, end_sample: int, is_final: bool) -> bool:
        """Take it that the model failed over the audio up to ``end_sample``; return whether that was the last try."""
        self.decoded_to = end_sample
        if not is_final:
            return False
        if end_sample != self.failed_end:
            self.failed_end, self.n_failures = end_sample, 0
        self.n_failures += 1
        if self.n_failures < _MOST_TRIES or self.end_sample is None:
            return False
        self.outcome, self.outcome_end = self.latest, end_sample
        return True

    def ending(self) -> Final | Discarded:
        """The event that ends it, once it is decided."""
        assert self.end_sample is not None
        hypothesis, span = self.outcome, (seconds(self.start_sample), seconds(self.end_sample))
        if self.is_taken_back:
            return Discarded(self.id, "it was taken back", *span)
        if hypothesis is None:
            return Discarded(self.id, "the model failed over it", *span)
        text = text_of(hypothesis.tokens)
        if not text:
            return Discarded(self.id, "no words were heard", *span)
        if _is_made_up(hypothesis):
            return Discarded(self.id, "it does not sound like speech", *span)
        return _final(self.id, text, hypothesis, span)

    def _partial(self, unstable: Sequence[Token]) -> Partial | None:
        stable_text, left_over = complete_text(self.prefix.tokens)
        unstable_text = left_over + b"".join(token.text for token in unstable)
        stable = stable_text.lstrip()
        tail = _decode(unstable_text)
        if not stable:
            tail = tail.lstrip()
        if not stable and not tail:
            return None
        return Partial(self.id, stable, tail, seconds(self.start_sample), seconds(self.decoded_to))


def _is_doubtful(hypothesis: Hypothesis) -> bool:
    """Whether it is to be heard without its lead-in, which sounds like speech whatever follows it."""
    is_improbable = hypothesis.avg_logprob < LOGPROB_THRESHOLD
    return is_improbable or not text_of(hypothesis.tokens) or is_loop([token.id for token in hypothesis.tokens])


def _is_made_up(hypothesis: Hypothesis) -> bool:
    ids = [token.id for token in hypothesis.tokens]
    return is_not_speech(hypothesis.no_speech_prob, hypothesis.avg_logprob, ids, text_of(hypothesis.tokens))


def _final(id: int, text: str, hypothesis: Hypothesis, span: tuple[float, float]) -> Final:
    rest = (hypothesis.rest,) if hypothesis.rest is not None and hypothesis.rest.text else ()
    return Final(
        id,
        text,
        *span,
        hypothesis.language,
        tuple(word.delayed(span[0]) for word in hypothesis.words),
        tuple(segment.delayed(span[0]) for segment in (*hypothesis.segments, *rest)),
        hypothesis.language_prob,
        hypothesis.tokens,
    )


def text_of(tokens: Sequence[Token]) -> str:
    """The text of ``tokens``, without the space Whisper begins with."""
    return b"".join(token.text for token in tokens).decode("utf-8", errors="replace").strip()


def complete_text(tokens: Sequence[Token]) -> tuple[str, bytes]:
    """The text of ``tokens`` as far as its characters are complete, and the bytes of a begun one."""
    content = b"".join(token.text for token in tokens)
    text = _decode(content)
    return text, content[len(text.encode()) :] if content.startswith(text.encode()) else b""


def _decode(content: bytes) -> str:
    """Decode what is complete: a character whose last bytes are still to come is left out, not shown broken."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(content)
