"""One utterance on its way from open to final: what was heard of it, what was decoded, what is stable."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.events import Hypothesis, Partial, Token
from engine.stability import StablePrefix
from stream.audio import seconds


@dataclass(slots=True, eq=False)
class Utterance:
    """The state of one utterance.

    Attributes:
        id: counts utterances of a stream from 1.
        start_sample: where it begins, pre-roll included.
        decoded_to: the end of the audio the latest hypothesis covers.
        pause_sample: where it ends if nobody speaks again, while that is open.
        end_sample: where it ended; None while it is open.
        audio: int16, all of it, its own copy; None while it is open.
        draft: ids of the latest hypothesis, for the decoder to verify.
        outcome: the hypothesis of exactly ``start_sample`` … ``outcome_end``, fit to be final.
        prefix: the stable tokens.
    """

    id: int
    start_sample: int
    decoded_to: int
    pause_sample: int | None = None
    end_sample: int | None = None
    audio: NDArray[np.int16] | None = None
    draft: tuple[int, ...] = ()
    outcome: Hypothesis | None = None
    outcome_end: int = -1
    prefix: StablePrefix = field(default_factory=StablePrefix)

    @property
    def probable_end(self) -> int | None:
        """Where the utterance ends as far as is known, or None while somebody speaks."""
        return self.pause_sample if self.end_sample is None else self.end_sample

    @property
    def is_decided(self) -> bool:
        """Whether its final text is known: it is closed, and exactly its audio was decoded."""
        return self.end_sample is not None and self.outcome_end == self.end_sample

    def receive_hypothesis(self, hypothesis: Hypothesis, end_sample: int, is_final: bool) -> Partial | None:
        """Take what the model heard up to ``end_sample``; return what to show of it, if anything new."""
        self.decoded_to = end_sample
        self.draft = tuple(token.id for token in hypothesis.tokens)
        if is_final:
            self.outcome, self.outcome_end = hypothesis, end_sample
        unstable = self.prefix.receive_tokens(hypothesis.tokens)
        return self._partial(unstable)

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
