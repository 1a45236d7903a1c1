"""OpenAI's items: which utterances make up which, and what of their text was told.  Pure.

With turn detection an utterance is an item, committed when it ends.  A client that commits by hand gets one item for
all it said between two commits, however many utterances that is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.config import has_spaces
from engine.events import Discarded, Final, Token

_BOUND_SLACK_S = 0.05
"""An utterance that begins so little before a commit belongs behind it: a resampler holds the last samples back."""


@dataclass(slots=True, eq=False)
class Item:
    """One item of the conversation.

    Attributes:
        id: unique in the session.
        is_manual: whether it ends where the client commits, not where its utterance ends.
        is_transcribed: whether the client wants its text.
        is_translated: whether that is English, whatever is spoken.
        is_committed: whether the client has been told that it is there.
        previous_id: of the item committed before it.
        unheard: ids of its utterances without a final, oldest first.
        transcript: the text of its finals.
        told: what was sent of it in deltas.
        duration_s: of its utterances, in seconds.
        tokens: of its finals.
        languages: codes of those that were heard in it, each once.
        is_spaced: whether what follows its last final is set off by a space: that language alone decides it, for the
            next one is told before its language is known.
        failure: why some of it could not be decoded; None where all was.
    """

    id: str
    is_manual: bool
    is_transcribed: bool
    is_translated: bool = False
    is_committed: bool = False
    previous_id: str | None = None
    unheard: deque[int] = field(default_factory=deque)
    transcript: str = ""
    told: str = ""
    duration_s: float = 0.0
    tokens: list[Token] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    is_spaced: bool = True
    failure: str | None = None

    @property
    def is_told_true(self) -> bool:
        """Whether the transcript begins with what was told of it."""
        return self.transcript.startswith(self.told)

    def receive_stable(self, utterance_id: int, stable: str) -> str:
        """Return what is new in the stable text of its oldest utterance without a final."""
        is_next = bool(self.unheard) and self.unheard[0] == utterance_id
        return self._new_in(self._with(stable.rstrip())) if is_next else ""

    def receive_ending(self, ending: Final | Discarded) -> str:
        """Take how one of its utterances ended; return what is new in the transcript."""
        self.unheard.remove(ending.utterance_id)
        self.duration_s += ending.end_s - ending.start_s
        if isinstance(ending, Discarded):
            return ""
        if ending.language not in self.languages:
            self.languages.append(ending.language)
        self.transcript = self._with(ending.text)
        self.is_spaced = has_spaces(ending.language, is_translated=self.is_translated)
        self.tokens += ending.tokens
        return self._new_in(self.transcript)

    def _with(self, text: str) -> str:
        return (" " if self.is_spaced and self.transcript and text else "").join((self.transcript, text))

    def _new_in(self, text: str) -> str:
        """Return how ``text`` goes on behind what was told; nothing where it does not begin with that."""
        if not self.is_transcribed or not text.startswith(self.told):
            return ""
        new = text[len(self.told) :]
        self.told = text
        return new


@dataclass(frozen=True, slots=True)
class _Bound:
    """Where the client committed what it had sent, or took it back (no item), in seconds of audio."""

    at_s: float
    item: Item | None


class ItemLog:
    """The items that are not complete yet."""

    def __init__(self, new_id: Callable[[], str], *, is_translated: bool) -> None:
        self._new_id = new_id
        self._is_translated = is_translated
        self._open: Item | None = None
        self._of_utterance: dict[int, Item] = {}
        self._bounds: deque[_Bound] = deque()
        self._last_committed_id: str | None = None

    @property
    def open(self) -> Item | None:
        """The item that is not committed, while there is one."""
        return self._open

    def of(self, utterance_id: int) -> Item | None:
        """Return the item of an utterance without a final; None where it was taken back."""
        return self._of_utterance.get(utterance_id)

    def begin(self, utterance_id: int, start_s: float, *, is_manual: bool, is_transcribed: bool) -> Item | None:
        """Return the item that an utterance belongs to; None where it was taken back before it began."""
        behind_s = start_s + _BOUND_SLACK_S
        while self._bounds and self._bounds[0].item is None and self._bounds[0].at_s <= behind_s:
            self._bounds.popleft()
        bound = next((bound for bound in self._bounds if bound.at_s > behind_s), None)
        if bound is None:
            item = self._open = self._open or self._new_item(is_manual=is_manual, is_transcribed=is_transcribed)
        elif bound.item is None:
            return None
        else:
            item = bound.item
        item.unheard.append(utterance_id)
        self._of_utterance[utterance_id] = item
        return item

    def commit_by_hand(self, at_s: float, *, is_transcribed: bool) -> Item:
        """Return the item of all that was sent up to ``at_s`` and not committed before."""
        item = self._open or self._new_item(is_manual=True, is_transcribed=is_transcribed)
        item.is_manual = True
        self._bounds.append(_Bound(at_s, item))
        self.commit(item)
        return item

    def commit(self, item: Item) -> None:
        """Put ``item`` behind the last that was committed."""
        item.is_committed, item.previous_id = True, self._last_committed_id
        self._last_committed_id = item.id
        if item is self._open:
            self._open = None

    def take_back(self, at_s: float) -> Item | None:
        """Forget what was sent by hand up to ``at_s`` and not committed; return the item that it had been so far."""
        while self._bounds and self._bounds[-1].item is None:
            self._bounds.pop()
        self._bounds.append(_Bound(at_s, None))
        return self.forget_open()

    def forget_open(self) -> Item | None:
        """Let go of the item that is not committed, and will never be; return it."""
        item, self._open = self._open, None
        for utterance_id in () if item is None else item.unheard:
            del self._of_utterance[utterance_id]
        return item

    def receive_ending(self, ending: Final | Discarded) -> tuple[Item | None, str]:
        """Take how an utterance ended; return its item, and what is new in the transcript of that."""
        item = self._of_utterance.pop(ending.utterance_id, None)
        return item, "" if item is None else item.receive_ending(ending)

    def flushed(self, item_id: str) -> Item | None:
        """Return the item that was committed by hand, now that all of it has been heard; None where it is unknown."""
        item = next((bound.item for bound in self._bounds if bound.item is not None and bound.item.id == item_id), None)
        while item is not None and self._bounds.popleft().item is not item:
            pass
        return item

    def replacement(self, item: Item) -> Item:
        """Return a committed item with the transcript of ``item``, of which something else was told."""
        other = self._new_item(is_manual=item.is_manual, is_transcribed=True)
        other.transcript, other.tokens, other.duration_s = item.transcript, item.tokens, item.duration_s
        other.languages = item.languages
        self.commit(other)
        return other

    def _new_item(self, *, is_manual: bool, is_transcribed: bool) -> Item:
        return Item(self._new_id(), is_manual, is_transcribed, self._is_translated)
