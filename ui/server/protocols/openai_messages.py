"""What an OpenAI realtime client is told, as openai/openai-python@e43b4224 ``types/realtime`` has it.  Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine.events import Token
from ui.server.protocols.openai_fields import RequestError
from ui.server.protocols.openai_forms import Form
from ui.server.protocols.openai_items import Item

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


class MessageMaker:
    """Makes the messages of one session, each with an id of its own.

    Attributes:
        form: that the client speaks.
    """

    def __init__(self, stream_id: str, form: Form) -> None:
        self.form = form
        self._stream_id = stream_id
        self._n_events = 0
        self._n_items = 0

    def new_item_id(self) -> str:
        """Return an id that no item has yet."""
        self._n_items += 1
        return f"item_{self._stream_id}_{self._n_items}"

    def message(self, kind: str, **fields: object) -> str:
        """Return the event ``kind``."""
        self._n_events += 1
        return json.dumps({"type": kind, "event_id": f"event_{self._stream_id}_{self._n_events}", **fields})

    def error(self, error: RequestError, client_event_id: str | None) -> str:
        """Return that something which the client sent makes no sense; the session goes on."""
        return self.problem(
            "invalid_request_error", error.code, error.message, param=error.param, client_event_id=client_event_id
        )

    def problem(
        self, kind: str, code: str, message: str, *, param: str | None = None, client_event_id: str | None = None
    ) -> str:
        """Return an event that tells of any error."""
        details = {"type": kind, "code": code, "message": message, "param": param, "event_id": client_event_id}
        return self.message("error", error=details)

    def speech_started(self, item: Item, start_s: float) -> str:
        """Return that somebody speaks."""
        return self.message("input_audio_buffer.speech_started", audio_start_ms=round(1000 * start_s), item_id=item.id)

    def speech_stopped(self, item: Item, end_s: float) -> str:
        """Return that nobody speaks any more."""
        return self.message("input_audio_buffer.speech_stopped", audio_end_ms=round(1000 * end_s), item_id=item.id)

    def committed(self, item: Item) -> list[str]:
        """Return that an item is there."""
        place = {"previous_item_id": item.previous_id}
        shown = {
            "id": item.id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        first = self.message("input_audio_buffer.committed", item_id=item.id, **place)
        return [first, *(self.message(kind, item=shown, **place) for kind in self.form.item_events)]

    def delta(self, item: Item, delta: str) -> str:
        """Return how the text of an item goes on."""
        return self.message(f"{_TRANSCRIPTION}.delta", item_id=item.id, content_index=0, delta=delta)

    def completed(self, item: Item, *, has_logprobs: bool) -> str:
        """Return the whole text of an item."""
        more: dict[str, Any] = {"logprobs": logprobs_of(item.tokens)} if has_logprobs else {}
        if self.form.tells_languages:
            more["languages"] = [{"code": code} for code in item.languages]
        return self.message(
            f"{_TRANSCRIPTION}.completed",
            item_id=item.id,
            content_index=0,
            transcript=item.transcript,
            usage={"type": "duration", "seconds": round(item.duration_s, 3)},
            **more,
        )

    def failed(self, item: Item, code: str, message: str) -> str:
        """Return that an item has no text."""
        error = {"type": "transcription_error", "code": code, "message": message, "param": None}
        return self.message(f"{_TRANSCRIPTION}.failed", item_id=item.id, content_index=0, error=error)


def logprobs_of(tokens: Sequence[Token]) -> list[Mapping[str, Any]]:
    """Return how probable each token was; one that holds part of a character is readable by its bytes alone."""
    return [
        {
            "token": token.text.decode("utf-8", errors="replace"),
            "logprob": round(token.logprob, 6),
            "bytes": list(token.text),
        }
        for token in tokens
    ]
