"""Texts that fill the room they were given and would go on, and what becomes of them.

Languages whose letters are no tokens of Whisper's take up to thirty tokens a second: what is said in half a minute may
be longer than the decoder's context.  whisper/transcribe.py goes on at the last timestamp; texts without timestamps are
heard once more, each half of the audio by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.config import ModelDimensions
from engine.decoding import DecodedText
from engine.events import NO_LEAD_IN, DecodeJob
from engine.guards import is_loop
from engine.recognition import Recognized
from engine.segments import TIMESTAMP_S, cut_at_timestamps
from stream.audio import SAMPLE_RATE, n_samples, seconds

SHORTEST_SAMPLES = 2 * SAMPLE_RATE
"""What is shorter is not heard by halves: nobody says so much in it."""
_FEWEST_TOKENS, _MOST_TOKENS_PER_S = 20, 40.0
_LEAST_S = 0.5
"""Less than that holds no word, and is no progress."""
_BLOCK_SAMPLES = SAMPLE_RATE // 10


class LongTexts:
    """Hears what one try left out.

    Args:
        hear: decodes a job by itself.
        prefix_of: the ids that the text of a job must begin with.
        first_timestamp: the id of <|0.00|>.
        dims: of the model.
    """

    def __init__(
        self,
        hear: Callable[[DecodeJob], Recognized],
        prefix_of: Callable[[DecodeJob], tuple[int, ...]],
        first_timestamp: int,
        dims: ModelDimensions,
    ) -> None:
        self._hear = hear
        self._prefix_of = prefix_of
        self._first_timestamp = first_timestamp
        self._dims = dims

    def whole(self, job: DecodeJob, found: Recognized) -> tuple[DecodeJob, Recognized]:
        """Hear once more, with all the room there is, what did not fit into less; a final then by halves.

        Returns:
            The job as it was heard, without its lead-in where that was by halves, and the text.
        """
        own, n_given = job.audio[job.lead_in.n_samples :], len(job.lead_in.ids) + len(self._prefix_of(job))
        options = replace(job.options, max_tokens=room_for_text(self._dims, seconds(len(own)), n_given))
        found = self._hear(replace(job, options=options, draft=found.decoded.ids))
        # Nobody knows how much of a prefix that must stay is said in which half.
        if not goes_on(found) or not job.is_final or len(own) < SHORTEST_SAMPLES or job.prefix:
            return job, found
        middle = quietest_sample(own)
        alone = replace(job, options=options, draft=(), lead_in=NO_LEAD_IN)
        second = replace(alone, audio=own[middle:], options=replace(options, prefix=""))
        halves = [replace(alone, audio=own[:middle]), second]
        one, other = (self.whole(half, text)[1] if goes_on(text := self._hear(half)) else text for half in halves)
        start_sample = job.start_sample + job.lead_in.n_samples
        return replace(alone, audio=own, start_sample=start_sample), joined(one, other, middle)

    def to_the_end(self, job: DecodeJob, found: Recognized) -> Recognized:
        """Go on where a text with timestamps breaks off, as whisper/transcribe.py does with the next window."""
        prefix, first_timestamp = self._prefix_of(job), self._first_timestamp
        broken = broken_off([*prefix, *found.decoded.ids], first_timestamp, seconds(len(job.audio)))
        if broken is None:
            return found
        n_ids, at_s = broken
        options = replace(job.options, prefix="")
        rest = replace(job, audio=job.audio[n_samples(at_s) :], options=options, prefix=(), draft=())
        other = self.to_the_end(rest, self._hear(rest))
        if options.is_silence(other.decoded.no_speech_prob, other.avg_logprob):
            return found
        return continued(found, n_ids - len(prefix), at_s, other, first_timestamp)


def room_for_text(dims: ModelDimensions, audio_s: float, n_given: int) -> int:
    """Return how many tokens a text of so much audio may have, those given included; what stands before goes off."""
    return min(dims.n_text_ctx, n_given + _FEWEST_TOKENS + int(_MOST_TOKENS_PER_S * audio_s))


def goes_on(found: Recognized) -> bool:
    """Return whether the text filled its room, and neither by repeating itself nor by being drawn."""
    return found.decoded.is_cut and found.temperature == 0 and not is_loop(found.decoded.ids)


def broken_off(ids: Sequence[int], first_timestamp: int, duration_s: float) -> tuple[int, float] | None:
    """Return after how many of ``ids`` a text with timestamps breaks off, and when, in seconds; None where it does not.

    Whisper writes a time twice where it ends one segment and begins the next; where nothing but a beginning follows,
    what was said from there on is not in the text.  What is left at the end, or would be heard for ever, is left.
    """
    cut = cut_at_timestamps(ids, first_timestamp, duration_s)
    if cut.rest is None or not cut.pieces:
        return None
    at_s = cut.pieces[-1].end_s
    if at_s < _LEAST_S or duration_s - at_s < _LEAST_S:
        return None
    return sum(len(piece.ids) for piece in cut.pieces), at_s


def continued(one: Recognized, n_ids: int, at_s: float, other: Recognized, first_timestamp: int) -> Recognized:
    """Return the first ``n_ids`` tokens of ``one`` and the text of ``other``, heard from ``at_s`` on, as one text."""
    first, shift = one.decoded, round(at_s / TIMESTAMP_S)
    later = tuple(id + shift if id >= first_timestamp else id for id in other.decoded.ids)
    kept = replace(
        one,
        decoded=replace(first, ids=first.ids[:n_ids], logprobs=first.logprobs[:n_ids]),
        words=tuple(word for word in one.words if word.start_s < at_s),
        attended_s=(),
    )
    return joined(kept, replace(other, decoded=replace(other.decoded, ids=later)), n_samples(at_s))


def quietest_sample(audio: NDArray[np.int16]) -> int:
    """Return where it is quietest in the middle third of int16 (n_samples,), by tenths of a second."""
    first = len(audio) // 3 // _BLOCK_SAMPLES * _BLOCK_SAMPLES
    blocks = audio[first : 2 * first].astype(np.float64).reshape(-1, _BLOCK_SAMPLES)
    return first + int((blocks**2).mean(axis=1).argmin()) * _BLOCK_SAMPLES + _BLOCK_SAMPLES // 2


def joined(one: Recognized, other: Recognized, later_by: int) -> Recognized:
    """Return both texts as one; what ``other`` was heard in begins ``later_by`` samples later."""
    by_s, first, second = seconds(later_by), one.decoded, other.decoded
    logprobs = (*first.logprobs[: len(first.ids)], *second.logprobs)
    decoded = DecodedText((*first.ids, *second.ids), logprobs, first.no_speech_prob, is_cut=second.is_cut)
    knows_attention = bool(one.attended_s and other.attended_s)
    return replace(
        one,
        decoded=decoded,
        temperature=max(one.temperature, other.temperature),
        compression_ratio=max(one.compression_ratio, other.compression_ratio),
        words=(*one.words, *(word.delayed(by_s) for word in other.words)),
        attended_s=(*one.attended_s, *(at_s + by_s for at_s in other.attended_s)) if knows_attention else (),
    )
