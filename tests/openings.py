"""What connections begin with, and what becomes of what is said on them, for the tests of protocols."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import parse_qs

from hypothesis import strategies as st

from engine.alignment import WordTiming
from engine.events import Event, Final, Partial, TimedEvent
from engine.options import StreamingOptions
from ui.server.protocols.protocol import Opening

LANGUAGES = ("en", "de", "fr", "no", "zh")
WORDS = (WordTiming(" Ask", 1.0, 1.25, 0.9), WordTiming(" not,", 1.25, 1.5, 0.8))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
ANY_MESSAGE = st.text() | st.binary() | ANY_JSON.map(json.dumps)
"""What a client may send, whatever it is."""


def opening(
    query: str = "", *, languages: Sequence[str] = LANGUAGES, defaults: StreamingOptions | None = None
) -> Opening:
    """An opening as ``?query`` makes it."""
    return Opening(
        path="/",
        query=parse_qs(query, keep_blank_values=True),
        headers={},
        subprotocols=(),
        model_name="tiny",
        languages=languages,
        defaults=defaults or StreamingOptions(),
        stream_id="stream-1",
        opened_at="2026-11-26T23:10:00.123Z",
    )


def happened(event: Event) -> TimedEvent:
    return TimedEvent(9.0, event)


def partial(text: str, utterance_id: int = 1, start_s: float = 1.0, end_s: float = 1.5) -> TimedEvent:
    stable, _, unstable = text.partition("|")
    return happened(Partial(utterance_id, stable, unstable, start_s, end_s))


def final(
    text: str = "Ask not,", utterance_id: int = 1, start_s: float = 1.0, end_s: float = 1.75, **fields: object
) -> TimedEvent:
    return happened(Final(utterance_id, text, start_s, end_s, **fields))  # type: ignore[arg-type]
