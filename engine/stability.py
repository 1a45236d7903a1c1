"""Which words of an open utterance are shown, and which will stay.

Whisper closes its sentence wherever the audio ends, and guesses at a word that was cut in two.  Three signs tell what
it heard from what it guessed: successive hypotheses agree (LocalAgreement, Macháček et al. 2023, §3.1); when it wrote
the word it looked at audio some way before the end, and not behind where it had looked before (AlignAtt, Papi et al.
2023; the rewind is Simul-Whisper's, Wang et al. 2024); and it is sure of the word.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from engine.events import Hypothesis, Token
from engine.options import StabilityOptions

_REWIND_S = 0.3
"""Who looks further back than that for the next word begins to repeat."""
_UNSURE_FACTOR = 2.0
"""So many times as long after it was heard, a word that the model is not sure of stays too."""


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a hypothesis.

    Attributes:
        end: how many tokens there are up to its end.
        text: its letters and digits.
        attended_s: the latest audio that was looked at for it; None where nobody knows.
        probability: of its least probable token.
    """

    end: int
    text: str
    attended_s: float | None
    probability: float


class StablePrefix:
    """The words that stay; it grows and never shrinks."""

    def __init__(self, options: StabilityOptions | None = None) -> None:
        self._options = options or StabilityOptions()
        self._stable: tuple[Token, ...] = ()
        self._shown: list[str] = []
        self._previous: deque[tuple[Token, ...]] = deque(maxlen=self._options.n_agreeing - 1)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The stable tokens so far."""
        return self._stable

    def receive_hypothesis(self, hypothesis: Hypothesis, heard_s: float) -> tuple[Token, ...] | None:
        """Take what was heard in the first ``heard_s`` seconds of the utterance; return what to show behind the stable.

        The last word never becomes stable, whatever was agreed.  A hypothesis that contradicts the stable tokens, as
        one decoded without regard to them may, leaves everything as it is: None.
        """
        tokens = hypothesis.tokens
        words = list(_words(tokens, by_spaces=hypothesis.has_spaces))
        n_agreed = self._n_agreed(tokens)
        last = self._previous[-1] if self._previous else ()
        self._previous.append(tokens)
        if _n_common(tokens, self._stable) < len(self._stable):
            return None
        self._stable = tokens[: max(len(self._stable), self._stable_end(words, heard_s, n_agreed))]
        shown_end = max(len(self._stable), self._shown_end(words, heard_s, _n_common(last, tokens)))
        self._shown = [word.text for word in words if word.end <= shown_end]
        return tokens[len(self._stable) : shown_end]

    def _n_agreed(self, tokens: Sequence[Token]) -> int:
        """On how many tokens enough successive hypotheses agree."""
        if len(self._previous) < self._options.n_agreeing - 1:
            return 0
        return min(_n_common(one, tokens) for one in self._previous)

    def _stable_end(self, words: Sequence[_Word], heard_s: float, n_agreed: int) -> int:
        options = self._options
        heard = _heard(_in_order(words[:-1]), heard_s - options.stable_after_s)
        heard = _heard(heard, heard_s - _UNSURE_FACTOR * options.stable_after_s, sure=options.stable_probability)
        if options.policy == "agreement" or any(word.attended_s is None for word in heard):
            heard = [word for word in heard if word.end <= n_agreed]
        return heard[-1].end if heard else 0

    def _shown_end(self, words: Sequence[_Word], heard_s: float, n_agreed: int) -> int:
        """Words that were shown stay as long as they are heard: whoever reads is not served by their going away."""
        end, is_shown = 0, True
        in_order = list(_in_order(words))
        n_heard = len(_heard(in_order, heard_s - self._options.shown_after_s))
        for i, word in enumerate(in_order):
            is_shown = is_shown and self._shown[i : i + 1] == [word.text]
            is_sure = word.probability >= self._options.shown_probability
            if not (is_shown or (is_sure and (i < n_heard or word.end <= n_agreed))):
                break
            end = word.end
        return end


def _words(tokens: Sequence[Token], *, by_spaces: bool) -> Iterator[_Word]:
    begin = 0
    for end in range(1, len(tokens) + 1):
        if end == len(tokens) or not by_spaces or tokens[end].text.startswith(b" "):
            yield _word(tokens[begin:end], end)
            begin = end


def _word(tokens: Sequence[Token], end: int) -> _Word:
    text = b"".join(token.text for token in tokens).decode(errors="replace")
    attended_s = [token.attended_s for token in tokens if token.attended_s is not None]
    letters = "".join(c for c in text.casefold() if c.isalnum())
    probability = math.exp(min(token.logprob for token in tokens))
    return _Word(end, letters, max(attended_s, default=None), probability)


def _in_order(words: Sequence[_Word]) -> Iterator[_Word]:
    """Yield the words up to the first for which the model looked back: from there on it repeats itself."""
    looked_s = 0.0
    for word in words:
        if word.attended_s is not None:
            if word.attended_s < looked_s - _REWIND_S:
                return
            looked_s = max(looked_s, word.attended_s)
        yield word


def _heard(words: Iterable[_Word], before_s: float, sure: float = math.inf) -> list[_Word]:
    """The words up to the first heard after ``before_s``; where nobody knows when that was, all of them.

    A word of probability ``sure`` may have been heard at any time.
    """

    def is_heard(word: _Word) -> bool:
        return word.attended_s is None or word.attended_s <= before_s or word.probability >= sure

    return list(takewhile(is_heard, words))


def _n_common(one: Sequence[Token], other: Sequence[Token]) -> int:
    n = 0
    for a, b in zip(one, other, strict=False):
        if a.id != b.id:
            break
        n += 1
    return n
