"""What was recognised in a window, as the core wants it: tokens with their bytes, segments with their times."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.alignment import WordTiming
from engine.config import has_spaces
from engine.events import DecodeJob, Hypothesis, LeadIn, Token
from engine.recognition import Recognized
from engine.segments import CutText, Piece, Segment, cut_at_timestamps, words_by_segment
from engine.tokenizer import Tokenizer
from stream.audio import seconds


class HypothesisMaker:
    """Makes the hypotheses of one model.

    Args:
        tokenizer: of the model.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def hypothesis(
        self, job: DecodeJob, found: Recognized, prefix: tuple[int, ...], language_end: int | None = None
    ) -> Hypothesis:
        """Return what was ``found`` behind ``prefix`` in the window of ``job``, without its lead-in.

        Where another language begins, at ``language_end``, the job's audio was not heard further.
        """
        lead_in_s = seconds(job.lead_in.n_samples)
        cut = cut_at_timestamps(
            [*prefix, *found.decoded.ids], self._tokenizer.first_timestamp, seconds(len(job.audio)) - lead_in_s
        )
        pieces = (self._segment(piece, found) for piece in cut.pieces)
        segments = tuple(segment for segment in pieces if segment.text)
        words = tuple(word.delayed(-lead_in_s) for word in found.words)
        return Hypothesis(
            self._tokens(found, prefix, job.lead_in),
            found.decoded.no_speech_prob,
            found.avg_logprob,
            found.language,
            words,
            language_prob=found.language_prob if self._was_heard(job) else None,
            segments=segments,
            rest=None if cut.rest is None else self._segment(cut.rest, found),
            heard_s=_heard_s(cut, segments, words),
            language_end=language_end,
            has_spaces=has_spaces(found.language, is_translated=job.options.translate),
        )

    def _was_heard(self, job: DecodeJob) -> bool:
        return job.options.language is None and self._tokenizer.is_multilingual

    def _tokens(self, found: Recognized, prefix: tuple[int, ...], lead_in: LeadIn) -> tuple[Token, ...]:
        ids = (*prefix, *found.decoded.ids)
        logprobs = (*[0.0] * len(prefix), *found.decoded.logprobs)
        behind_s = [at_s - seconds(lead_in.n_samples) for at_s in found.attended_s[len(lead_in.ids) :]]
        attended_s = (*behind_s, *[None] * (len(ids) - len(behind_s)))
        spoken = zip(ids, logprobs, attended_s, strict=False)
        return tuple(Token(id, self._tokenizer.token_bytes(id), logprob, at_s) for id, logprob, at_s in spoken)

    def _segment(self, piece: Piece, found: Recognized) -> Segment:
        return Segment(
            start_s=piece.start_s,
            end_s=piece.end_s,
            text=self._tokenizer.decode(piece.ids).strip(),
            tokens=piece.ids,
            temperature=found.temperature,
            avg_logprob=found.avg_logprob,
            compression_ratio=found.compression_ratio,
            no_speech_prob=found.decoded.no_speech_prob,
        )


def _heard_s(cut: CutText, segments: Sequence[Segment], words: Sequence[WordTiming]) -> float:
    """Where the next window of a recording begins, as whisper/transcribe.py has it.

    Behind this one where the text says when its speech ended; else behind the last word, where that is known, or the
    last segment, where something follows that was not heard to its end.
    """
    if cut.is_complete:
        return math.inf
    spoken = [word for share in words_by_segment(segments, words) for word in share]
    if spoken:
        return spoken[-1].end_s
    return cut.pieces[-1].end_s if cut.rest is not None else math.inf
