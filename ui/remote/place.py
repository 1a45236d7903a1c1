"""How far a client has come in its session, and where it begins when it needs another: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.events import Discarded, Event, Final, Partial, SpeechStarted, SpeechStopped
from stream.audio import n_samples, seconds
from ui.remote.messages import Axis, Fields

_UNJUDGED_S = 1.0
"""An utterance may turn out to have begun so long before what the server has received."""
_LOST = "its session was lost"


class Place:
    """Sample indices are those of the source, through all sessions.

    Attributes:
        axis: of the session.
        settled_sample: what lies before has become text, or held none: a new session begins there.
        taken_sample: what lies before has reached the server.
    """

    def __init__(self) -> None:
        self.axis = Axis()
        self.settled_sample = 0
        self.taken_sample = 0
        self._base_sample = 0
        self._session = ""
        self._last_seq = 0
        self._n_utterances = 0
        self._open: dict[int, Discarded] = {}
        """By id, what becomes of each open utterance if the session is lost."""

    @property
    def query(self) -> Mapping[str, str]:
        """What the address says to go on with the session; nothing where there is none."""
        return {"session": self._session, "after": str(self._last_seq)} if self._session else {}

    def begin(self, hello: Fields) -> Sequence[Discarded]:
        """Take the server's ``session``; return what became of utterances whose session was lost."""
        lost: Sequence[Discarded] = ()
        if not hello["resumed"]:
            self._base_sample = self.settled_sample
            self.axis = Axis(seconds(self._base_sample), self._n_utterances)
            self._session, self._last_seq = str(hello["session"]), 0
            lost, self._open = tuple(self._open.values()), {}
        self.taken_sample = self._base_sample + int(hello["received"])
        return lost

    def forget_session(self) -> None:
        """The session is over, or gone."""
        self._session = ""

    def note(self, fields: Fields, event: Event | None) -> None:
        """Take what a message tells."""
        self._last_seq = int(fields.get("seq", self._last_seq))
        self.taken_sample = max(self.taken_sample, self._base_sample + int(fields.get("received", 0)))
        match event:
            case SpeechStarted(utterance_id=id, start_s=start_s):
                self._n_utterances = max(self._n_utterances, id)
                self._open[id] = Discarded(id, _LOST, start_s, start_s)
            case Partial(utterance_id=id, end_s=end_s) | SpeechStopped(utterance_id=id, end_s=end_s):
                if id in self._open:
                    self._open[id] = replace(self._open[id], end_s=end_s)
            case Final(utterance_id=id, end_s=end_s) | Discarded(utterance_id=id, end_s=end_s):
                self._open.pop(id, None)
                self._settle(n_samples(end_s))
        if not self._open:
            self._settle(self.taken_sample - n_samples(_UNJUDGED_S))

    def _settle(self, sample: int) -> None:
        self.settled_sample = max(self.settled_sample, sample)
