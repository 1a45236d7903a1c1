"""Where a client is in its session, and what becomes of utterances when it needs another."""

from __future__ import annotations

from engine.events import Discarded, Event, Final, Partial, SpeechStarted, SpeechStopped
from stream.audio import n_samples
from ui.remote.place import Place


def hello(session: str, *, resumed: bool = False, received: int = 0) -> dict[str, object]:
    return {"kind": "session", "session": session, "resumed": resumed, "received": received}


def place_after(*events: Event) -> Place:
    """A place in a first session, from which these events came."""
    place = Place()
    assert not place.begin(hello("first"))
    for seq, event in enumerate(events, 1):
        place.note({"seq": seq}, event)
    return place


STARTED = SpeechStarted(1, 0.5)
STOPPED = SpeechStopped(1, 2.0)
ENDED = Final(1, "one", 0.5, 2.0)


def test_what_was_open_in_a_lost_session_is_discarded_once() -> None:
    place = place_after(STARTED, STOPPED, SpeechStarted(2, 2.5), Partial(2, "", "two", 2.5, 3.0))
    lost = place.begin(hello("second"))

    assert [(1, 0.5, 2.0), (2, 2.5, 3.0)] == [(event.utterance_id, event.start_s, event.end_s) for event in lost]
    assert not place.begin(hello("third"))
    assert 2 == place.axis.utterances


def test_what_was_closed_is_not_lost() -> None:
    for ending in (ENDED, Discarded(1, "no words", 0.5, 2.0)):
        place = place_after(STARTED, STOPPED, ending)
        assert not place.begin(hello("second"))
        assert n_samples(2.0) == place.settled_sample == place.taken_sample


def test_a_session_that_goes_on_loses_nothing() -> None:
    place = place_after(STARTED)
    assert not place.begin(hello("first", resumed=True, received=16_000))
    assert 16_000 == place.taken_sample
    assert [1] == [event.utterance_id for event in place.begin(hello("second"))]
