"""What is spoken, from how probable each language is; and where another language begins: in a pause.  Pure.

docs/decisions/0027-language-changes.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stream.audio import SAMPLE_RATE

CLEAR_LANGUAGE = 0.8
"""How probable another language than the usual must be."""
_SHORTEST_PAUSE = SAMPLE_RATE // 10
"""Behind the fifth of a second that goes with what was said before it."""
_SHORTEST_PHRASE = SAMPLE_RATE
"""In less than a second languages sound alike."""
_DOUBT = 0.05
"""A language that is less probable, or less than its share of few, may not be the one that is spoken."""


def likely_language(chances: Mapping[str, float], usual: str) -> tuple[str, float]:
    """Return the language that is spoken, and its probability, from those heard, the likeliest first.

    Nobody changes the language as often as a short utterance sounds like another: the usual one stays unless it is
    clear that it has changed.
    """
    likeliest = next(iter(chances))
    language = usual if usual in chances and chances[likeliest] < CLEAR_LANGUAGE else likeliest
    return language, chances[language]


def clear_language(chances: Mapping[str, float]) -> tuple[str, float]:
    """Return the language that is clearly spoken, and its probability; no name where none is clear."""
    likeliest = next(iter(chances))
    return likeliest if chances[likeliest] >= CLEAR_LANGUAGE else "", chances[likeliest]


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is said between two pauses.

    Attributes:
        start, end: samples of the audio of a job.
        language: what is spoken in it; empty where that is not clear.
        language_prob: how probable it is, 0 … 1.
    """

    start: int
    end: int
    language: str = ""
    language_prob: float = 0.0


def phrases_between(pauses: Sequence[tuple[int, int]], n_samples: int) -> list[Phrase]:
    """Return what is said between ``pauses``; what is shorter than a second goes with its neighbour.

    Args:
        pauses: from a sample to a sample each, in order; those that are no longer than a breath are left out.
        n_samples: how long the audio is.
    """
    longer = [pause for pause in pauses if pause[1] - pause[0] >= _SHORTEST_PAUSE]
    starts, ends = [0, *(end for _, end in longer)], [*(start for start, _ in longer), n_samples]
    return _joined(list(map(Phrase, starts, ends)), lambda phrase: phrase.end - phrase.start >= _SHORTEST_PHRASE)


def may_be_foreign(chances: Mapping[str, float], language: str, language_prob: float) -> bool:
    """Return whether a phrase is to be heard by itself: it sounds unlike the whole, or the whole like nothing clear.

    Args:
        chances: how probable each language is.
        language: that of what it stands in.
        language_prob: how probable that is.
    """
    doubtful = max(_DOUBT, 1 / len(chances))
    sounds_unlike = chances[language] < min(doubtful, max(chances.values()))
    return sounds_unlike or language_prob < CLEAR_LANGUAGE


def by_language(phrases: Sequence[Phrase]) -> list[Phrase]:
    """Return ``phrases`` joined by language; where none is clear, it is that of the nearer neighbour."""
    clear = _joined(list(phrases), lambda phrase: bool(phrase.language))
    runs = clear[:1]
    for phrase in clear[1:]:
        runs[-1:] = [_both(runs[-1], phrase)] if phrase.language == runs[-1].language else [runs[-1], phrase]
    return runs


def _joined(phrases: list[Phrase], is_enough: Callable[[Phrase], bool]) -> list[Phrase]:
    """Join each phrase that is not enough by itself with the one from which a shorter pause parts it."""
    while len(phrases) > 1:
        i = next((i for i, phrase in enumerate(phrases) if not is_enough(phrase)), None)
        if i is None:
            break
        before = phrases[i].start - phrases[i - 1].end if i > 0 else math.inf
        after = phrases[i + 1].start - phrases[i].end if i + 1 < len(phrases) else math.inf
        first = i - 1 if before <= after else i
        phrases[first : first + 2] = [_both(*phrases[first : first + 2])]
    return phrases


def _both(one: Phrase, other: Phrase) -> Phrase:
    surer = max(one, other, key=lambda phrase: (bool(phrase.language), phrase.language_prob))
    return Phrase(one.start, other.end, surer.language, surer.language_prob)
