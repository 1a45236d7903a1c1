"""What was shown and then changed, place by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ui.scoring.bare import bare
from ui.scoring.traces import View
from ui.scoring.words import shown_words


@dataclass(slots=True)
class _Place:
    """Where a word stands in a text.

    Attributes:
        first: the word that stood there first, as it was written.
        now: the bare word that stands there, or stood there last.
        is_shown: whether one stands there.
    """

    first: str
    now: str
    is_shown: bool = True


class ShownText:
    """One text while it changes: which words stand where, and what stood there first.

    Attributes:
        n_changed: how many words that were shown were changed or taken away; case and punctuation are no change.
    """

    def __init__(self) -> None:
        self.n_changed = 0
        self._places: list[_Place] = []
        """One that is empty keeps what stood there: the same word is no new one when it comes back."""

    @property
    def first_text(self) -> str:
        """The text if every place had kept the word that stood there first."""
        return " ".join(place.first for place in self._places)

    @property
    def n_places(self) -> int:
        """How many words were ever shown."""
        return len(self._places)

    def receive(self, text: str) -> None:
        """Take what the text has become."""
        words = shown_words(text)
        matcher = SequenceMatcher(None, [p.now for p in self._places], [bare(w) for w in words], autojunk=False)
        places: list[_Place] = []
        for _, begin, end, first, last in matcher.get_opcodes():
            places += self._revised(self._places[begin:end], words[first:last])
        self._places = places

    def _revised(self, places: Sequence[_Place], words: Sequence[str]) -> list[_Place]:
        """Put ``words`` in ``places``, one by one; what is left of the places is empty, of the words is new."""
        for place, word in zip(places, words, strict=False):
            self.n_changed += place.is_shown and place.now != bare(word)
            place.now, place.is_shown = bare(word), True
        for place in places[len(words) :]:
            self.n_changed += place.is_shown
            place.is_shown = False
        return [*places, *(_Place(word, bare(word)) for word in words[len(places) :])]


@dataclass(frozen=True, kw_only=True, slots=True)
class Steadiness:
    """How a piece came about.

    Attributes:
        first_text: what stood at each place first.
        stable_text: what stood at each place when it was first stable, or final.
        n_changed: words that were shown and later changed or taken away.
        n_stable_changed: of the words that were stable when the piece was closed, those that its final text changed.
        n_taken_back: stable words that were changed before.
        n_completed: stable words that only grew before, as "turn" to "turnips".
        n_shown: words ever shown.
    """

    first_text: str
    stable_text: str
    n_changed: int
    n_stable_changed: int
    n_taken_back: int
    n_completed: int
    n_shown: int


def steadiness_of(views: Sequence[View]) -> Steadiness:
    """Follow one piece through its views."""
    shown, stable = ShownText(), ShownText()
    n_before = {True: 0, False: 0}
    """Stable words changed before the piece was closed: that grew, and others."""
    n_by_final, text = 0, ""
    for view in views:
        shown.receive(view.text)
        n_changed, before = stable.n_changed, text
        text = view.text if view.is_closed else view.stable
        stable.receive(text)
        if view.is_closed:
            n_by_final = stable.n_changed - n_changed
        else:
            n_before[bare(text).startswith(bare(before))] += stable.n_changed - n_changed
    return Steadiness(
        first_text=shown.first_text,
        stable_text=stable.first_text,
        n_changed=shown.n_changed,
        n_stable_changed=n_by_final,
        n_taken_back=n_before[False],
        n_completed=n_before[True],
        n_shown=shown.n_places,
    )
