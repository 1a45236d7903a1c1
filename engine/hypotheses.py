"""What was recognised in a window, as the core wants it: tokens with their bytes, segments with their times."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.alignment import WordTiming
from engine.events import Hypothesis, Token
from engine.options import DecodingOptions
from engine.recognition import Recognized
from engine.segments import CutText, Piece, Segment, cut_at_timestamps, words_by_segment
from engine.tokenizer import Tokenizer


class HypothesisMaker:
    """Makes the hypotheses of one model.

    Args:
        tokenizer: of the model.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def hypothesis(
        self, found: Recognized, options: DecodingOptions, prefix: tuple[int, ...], duration_s: float
    ) -> Hypothesis:
        """Return what was ``found`` behind ``prefix`` in a window of ``duration_s`` seconds of audio."""
        tokens = [self._token(id, 0.0) for id in prefix]
        tokens += map(self._token, found.decoded.ids, found.decoded.logprobs)
        cut = cut_at_timestamps([*prefix, *found.decoded.ids], self._tokenizer.first_timestamp, duration_s)
        pieces = (self._segment(piece, found) for piece in cut.pieces)
        segments = tuple(segment for segment in pieces if segment.text)
        was_heard = options.language is None and self._tokenizer.is_multilingual
        return Hypothesis(
            tuple(tokens),
            found.decoded.no_speech_prob,
            found.avg_logprob,
            found.language,
            found.words,
            language_prob=found.language_prob if was_heard else None,
            segments=segments,
            rest=None if cut.rest is None else self._segment(cut.rest, found),
            heard_s=_heard_s(cut, segments, found.words),
        )

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

    def _token(self, id: int, logprob: float) -> Token:
        return Token(id, self._tokenizer.token_bytes(id), logprob)


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
