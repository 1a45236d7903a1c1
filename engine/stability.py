"""Which tokens of an open utterance will stay: LocalAgreement-2 (Macháček et al. 2023, §3.1)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.events import Token


class StablePrefix:
    """The longest prefix two successive hypotheses agreed on; it grows and never shrinks."""

    def __init__(self) -> None:
        self._stable: tuple[Token, ...] = ()
        self._previous: tuple[Token, ...] = ()

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The stable tokens so far."""
        return self._stable

    def receive_tokens(self, tokens: Sequence[Token]) -> tuple[Token, ...]:
        """Take the next hypothesis and return what of it is unstable.

        Its last word is never stable, whatever was agreed: the audio may have ended in the middle of it, and Whisper
        closes the sentence wherever the audio ends.  A hypothesis that contradicts the stable tokens, as one decoded
        without regard to them may, leaves them as they are and is not shown.
        """
        agreed = _without_last_word(_common_prefix(self._previous, tokens), tokens)
        self._previous = tuple(tokens)
        if len(agreed) > len(self._stable) and _continues(agreed, self._stable):
            self._stable = agreed
        if not _continues(tokens, self._stable):
            return ()
        return tuple(tokens[len(self._stable) :])


def _common_prefix(one: Sequence[Token], other: Sequence[Token]) -> tuple[Token, ...]:
    n = 0
    for a, b in zip(one, other, strict=False):
        if a.id != b.id:
            break
        n += 1
    return tuple(other[:n])


def _without_last_word(agreed: tuple[Token, ...], tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Cut ``agreed``, a prefix of ``tokens``, back to where one of their words but the first begins."""
    n = min(len(agreed), len(tokens) - 1)
    while n > 0 and not tokens[n].text.startswith(b" "):
        n -= 1
    return agreed[:n]


def _continues(tokens: Sequence[Token], prefix: Sequence[Token]) -> bool:
    return [token.id for token in tokens[: len(prefix)]] == [token.id for token in prefix]
