"""How far a client has come in its session, and where it begins when it needs another: pure."""

from __future__ import annotations

from collections.abc import Mapping

from engine.events import Discarded, Final, SpeechStarted, TimedEvent
from stream.audio import n_samples, seconds
from ui.remote.messages import Axis, Fields

_UNJUDGED_S = 1.0
"""An utterance may turn out to have begun so long before what the server has received."""


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
        self._open_ids: set[int] = set()

    @property
    def query(self) -> Mapping[str, str]:
        """What the address says to go on with the session; nothing where there is none."""
        return {"session": self._session, "after": str(self._last_seq)} if self._session else {}

    def begin(self, hello: Fields) -> None:
        """Take the server's ``session``."""
        if not hello["resumed"]:
            self._base_sample = self.settled_sample
            self.axis = Axis(seconds(self._base_sample), self._n_utterances)
            self._session, self._last_seq = str(hello["session"]), 0
            self._open_ids.clear()
        self.taken_sample = self._base_sample + int(hello["received"])

    def forget_session(self) -> None:
        """The session is over, or gone."""
        self._session = ""

    def note(self, fields: Fields, timed: TimedEvent | None) -> None:
        """Take what a message tells."""
        self._last_seq = int(fields.get("seq", self._last_seq))
        self.taken_sample = max(self.taken_sample, self._base_sample + int(fields.get("received", 0)))
        match timed.event if timed is not None else None:
            case SpeechStarted(utterance_id=id):
                self._n_utterances = max(self._n_utterances, id)
                self._open_ids.add(id)
            case Final(utterance_id=id, end_s=end_s) | Discarded(utterance_id=id, end_s=end_s):
                self._open_ids.discard(id)
                self._settle(n_samples(end_s))
        if not self._open_ids:
            self._settle(self.taken_sample - n_samples(_UNJUDGED_S))

    def _settle(self, sample: int) -> None:
        self.settled_sample = max(self.settled_sample, sample)
