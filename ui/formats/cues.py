"""A final cut into cues, as subtitles show them: short enough to be read, cut where the speech is. Pure.

Unless asked otherwise two lines of 42 columns, and at most 7 s, as Netflix's Timed Text Style Guide has it for English.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from rich.cells import cell_len

from engine.alignment import WordTiming
from engine.events import Final
from ui.formats.output import USUAL, Shape
from ui.formats.text import printable

LONGEST_S = 7.0
SHORTEST_S = 1.0
"""A cue stays at least so long, where nothing comes after it."""
_PAUSE_S = 0.3
_LONG_PAUSE_S = 2.0
"""No cue stands through a longer silence."""
_FRAME_S = 0.04
_JOINING_MARKS = frozenset("'’-‐.,:/%&@+°")
"""Without a space before them they go on with a word."""
_SENTENCE_ENDS, _CLAUSE_ENDS = tuple(".!?…。！？"), tuple(",;:—–、，；：")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at once.

    Attributes:
        start_s: seconds of audio.
        end_s: the same.
        lines: one at least, without line breaks or controls; wider than they should be only where a word is.
    """

    start_s: float
    end_s: float
    lines: tuple[str, ...]


def cues_of(final: Final, not_before_s: float = 0.0, shape: Shape = USUAL) -> list[Cue]:
    """Return the cues of ``final`` in order; none begins before ``not_before_s`` or the end of the one before.

    Where no word times are known, the words of a segment share its time.
    """
    words = _with_their_marks(final.words or _guessed_words(final, shape), shape)
    groups = [group for group in _groups(words, shape) if _text(group)]
    cues: list[Cue] = []
    for i, group in enumerate(groups):
        start_s = max(group[0].start_s, cues[-1].end_s if cues else not_before_s)
        until_s = groups[i + 1][0].start_s if i + 1 < len(groups) else final.end_s
        spoken_s = min(group[-1].end_s, start_s + LONGEST_S)
        end_s = max(spoken_s, min(start_s + SHORTEST_S, until_s), start_s + _FRAME_S)
        cues.append(Cue(start_s, end_s, _lines(group, shape)))
    return cues


def _with_their_marks(words: Sequence[WordTiming], shape: Shape) -> list[WordTiming]:
    """Put together what is one word to a reader: Whisper's end before a mark, as in dell'albero, well-known, 3.5, 50%.

    What is one character stays together whatever its length: a Thai vowel may be heard as a word after its consonant.
    """
    whole: list[WordTiming] = []
    for word in words:
        first = word.text[:1] or " "
        fits = whole and cell_len(f"{whole[-1].text}{word.text}".strip()) <= shape.columns
        if whole and (unicodedata.category(first).startswith("M") or (fits and first in _JOINING_MARKS)):
            whole[-1] = replace(whole[-1], text=whole[-1].text + word.text, end_s=word.end_s)
        else:
            whole.append(word)
    return whole


def _guessed_words(final: Final, shape: Shape) -> list[WordTiming]:
    """The words of each segment, as long as their letters are many."""
    spans = [(s.text, s.start_s, s.end_s) for s in final.segments] or [(final.text, final.start_s, final.end_s)]
    words: list[WordTiming] = []
    for text, start_s, end_s in spans:
        letter_s, at_s = (end_s - start_s) / max(1, len("".join(text.split()))), start_s
        for part in (part for word in text.split() for part in _parts(word, shape)):
            words.append(WordTiming(part, at_s, at_s + letter_s * len(part.strip()), 1.0))
            at_s = words[-1].end_s
    return words


def _parts(word: str, shape: Shape) -> list[str]:
    """A word with its space; in a script without spaces, what is between two of them letter by letter."""
    return [f" {word}"] if cell_len(word) <= shape.columns else [f" {word[0]}", *word[1:]]


def _groups(words: Sequence[WordTiming], shape: Shape) -> list[list[WordTiming]]:
    groups, rest = [], list(words)
    while rest:
        n = _best_cut(rest, shape)
        groups.append(rest[:n])
        rest = rest[n:]
    return groups


def _best_cut(words: Sequence[WordTiming], shape: Shape) -> int:
    """After how many words to cut: as late as can be, at the best place among those with enough text before."""
    most = _n_that_fit(words, shape)
    if most == len(words):
        return most
    enough = [n for n in range(1, most) if cell_len(_text(words[:n])) >= shape.fewest_columns]
    return max([*enough, most], key=lambda n: (_fitness(words, n), n))


def _fitness(words: Sequence[WordTiming], n: int) -> int:
    """How good it is to cut after ``n`` words: a long silence, the end of a sentence, of a clause, a pause, nothing."""
    end, pause_s = words[n - 1].text.rstrip("\"'”’»)]"), words[n].start_s - words[n - 1].end_s
    reasons = (pause_s > _LONG_PAUSE_S, end.endswith(_SENTENCE_ENDS), end.endswith(_CLAUSE_ENDS), pause_s >= _PAUSE_S)
    return len(reasons) - reasons.index(True) if any(reasons) else 0


def _n_that_fit(words: Sequence[WordTiming], shape: Shape) -> int:
    """How many of the first words one cue may hold: one at least."""
    for n in range(1, len(words)):
        is_long = words[n].end_s - words[0].start_s > LONGEST_S
        if is_long or words[n].start_s - words[n - 1].end_s > _LONG_PAUSE_S or not _fits(words[: n + 1], shape):
            return n
    return len(words)


def _fits(words: Sequence[WordTiming], shape: Shape) -> bool:
    """Whether the lines hold all of ``words``, each as many as it can."""
    rest = words
    for _ in range(shape.n_lines):
        n = next((n for n in range(1, len(rest) + 1) if cell_len(_text(rest[:n])) > shape.columns), len(rest) + 1) - 1
        rest = rest[n:]
    return not rest


def _lines(words: Sequence[WordTiming], shape: Shape) -> tuple[str, ...]:
    """Return as few lines as hold ``words``, as alike as can be; one for a word that is wider."""
    for n_lines in range(1, shape.n_lines + 1):
        splits = [
            tuple(_text(words[begin:end]) for begin, end in pairwise((0, *ends, len(words))))
            for ends in combinations(range(1, len(words)), n_lines - 1)
        ]
        fitting = [lines for lines in splits if max(map(cell_len, lines)) <= shape.columns]
        if fitting:
            return min(fitting, key=lambda lines: max(map(cell_len, lines)) - min(map(cell_len, lines)))
    return (_text(words),)


def _text(words: Sequence[WordTiming]) -> str:
    return " ".join(printable("".join(word.text for word in words)).split())
