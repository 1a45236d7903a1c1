"""OpenAI's realtime transcription, GA and the older beta: /v1/realtime?intent=transcription."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial

from engine.events import TimedEvent
from stream.raw import duration_s
from ui.server.protocols.openai_conversation import Conversation
from ui.server.protocols.openai_fields import Fields, RequestError, model_of, one_of, read_json, text
from ui.server.protocols.openai_forms import BetaForm, Form, GaForm, Served
from ui.server.protocols.openai_messages import MessageMaker
from ui.server.protocols.openai_session import Session, Transcription
from ui.server.protocols.protocol import (
    Audio,
    Clear,
    Close,
    Command,
    Configure,
    Flush,
    Opening,
    Refusal,
    RefusalKind,
    Send,
)

SUBPROTOCOL = "realtime"
_BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
LARGEST_APPEND_BYTES = 15 * 2**20
_LEAST_COMMIT_MS = 100.0

_REFUSALS: dict[RefusalKind, tuple[str, str, int]] = {
    "busy": ("server_error", "rate_limit_exceeded", 1013),
    "too_large": ("invalid_request_error", "message_too_large", 1009),
    "too_long": ("invalid_request_error", "session_expired", 1001),
    "idle": ("invalid_request_error", "session_idle", 1001),
    "too_slow": ("invalid_request_error", "client_too_slow", 1008),
    "draining": ("server_error", "server_shutting_down", 1012),
    "unauthorized": ("invalid_request_error", "invalid_api_key", 1008),
    "internal": ("server_error", "internal_error", 1011),
}
"""Type, code, and how the connection is closed: OpenAI's own client comes back by itself after 1001 and 1011 … 1013."""


class OpenAIRealtime:
    """One session; see ``StreamProtocol``."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._served = Served(opening.model_name, opening.languages)
        self._form: Form = BetaForm() if _asks_for_beta(opening) else GaForm()
        self._may_change_form = isinstance(self._form, GaForm)
        usual = Session(transcription=Transcription(model=opening.model_name))
        self._session = opening.preset if isinstance(opening.preset, Session) else usual
        self._messages = MessageMaker(opening.stream_id, self._form)
        is_translated = opening.defaults.decoding.translate
        self._conversation = Conversation(self._messages, is_translated=is_translated)
        self._received_s = 0.0

    def open(self) -> list[Command]:
        """Tell what the session is set to; close it where another model is wanted."""
        for name in self._opening.query.get("model", ())[:1]:
            try:
                model_of(self._served.model_name)(name, "model")
            except RequestError as error:
                return [Send(self._messages.error(error, None)), Close(1008, "no such model")]
        has_intent = "transcription" in self._opening.query.get("intent", ())
        is_flat = isinstance(self._form, BetaForm) and has_intent
        created = "transcription_session.created" if is_flat else "session.created"
        return [Configure(self._session.options(self._opening.defaults)), Send(self._settings(created))]

    def receive_message(self, message: str | bytes) -> list[Command]:
        """Take an event of the client; what makes no sense is answered with an error and changes nothing."""
        event_id: str | None = None
        try:
            fields = Fields(read_json(message))
            event_id = fields.take("event_id", text, None, None)
            return _REQUESTS[fields.need("type", one_of(*_REQUESTS))](self, fields)
        except RequestError as error:
            return [Send(self._messages.error(error, event_id))]

    def receive_event(self, timed: TimedEvent) -> list[str | bytes]:
        """What the client is told: see ``Conversation``."""
        return [*self._conversation.receive_event(timed.event, self._session)]

    def refuse(self, refusal: Refusal) -> list[Command]:
        """An error event that names the limit, and the close."""
        kind, code, close_code = _REFUSALS[refusal.kind]
        again = "" if refusal.retry_after_s is None else f" Try again in {refusal.retry_after_s:.0f} s."
        return [Send(self._messages.problem(kind, code, refusal.message + again)), Close(close_code, code)]

    def last_text(self) -> list[str | bytes]:
        """The text that the client has not committed."""
        return [*self._conversation.finish(self._session)]

    def finish(self) -> list[str | bytes]:
        """Nothing: the last item was the last word."""
        return []

    def _append(self, fields: Fields) -> list[Command]:
        encoded = fields.need("audio", text)
        fields.finish()
        try:
            data = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            wanted = "Invalid 'audio'. Expected base64-encoded audio bytes but got an invalid value."
            raise RequestError(wanted, "audio") from error
        if len(data) > LARGEST_APPEND_BYTES:
            limit = f"Invalid 'audio': at most 15 MiB may be appended at once, got {len(data)} bytes."
            raise RequestError(limit, "audio", "audio_too_large")
        self._received_s += duration_s(len(data), self._session.audio)
        return [Audio(data, self._session.audio)] if data else []

    def _commit(self, fields: Fields) -> list[Command]:
        fields.finish()
        buffered_ms = 1000 * max(0.0, self._received_s - self._conversation.committed_to_s)
        if buffered_ms < _LEAST_COMMIT_MS:
            raise RequestError(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
                f"but buffer only has {buffered_ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        item_id, told = self._conversation.commit(self._received_s, self._session)
        return [Flush(item_id), *map(Send, told)]

    def _clear(self, fields: Fields) -> list[Command]:
        fields.finish()
        return [Clear(), *map(Send, self._conversation.take_back(self._received_s, self._session))]

    def _update(self, fields: Fields, *, is_beta: bool) -> list[Command]:
        """Set the session; the first update shows which form a client speaks that did not say so."""
        value = fields.need("session", lambda value, _: value)
        fields.finish()
        form = self._form
        if is_beta and isinstance(form, GaForm):
            if not self._may_change_form:
                message = "Passing a transcription session update event to a realtime session is not allowed."
                raise RequestError(message, "type")
            form = BetaForm()
        session = form.updated(self._session, value, self._served)
        try:
            options = session.options(self._opening.defaults)
        except ValueError as error:
            raise RequestError(f"The session cannot be set so: {error}.", "session") from error
        self._session, self._form, self._may_change_form = session, form, False
        self._messages.form = form
        self._conversation.configure(session)
        updated = "transcription_session.updated" if is_beta else "session.updated"
        return [Configure(options), Send(self._settings(updated))]

    def _settings(self, kind: str) -> str:
        session_id = f"sess_{self._opening.stream_id}"
        return self._messages.message(kind, session=self._form.fields(self._session, session_id))


_REQUESTS: dict[str, Callable[[OpenAIRealtime, Fields], list[Command]]] = {
    "session.update": partial(OpenAIRealtime._update, is_beta=False),
    "transcription_session.update": partial(OpenAIRealtime._update, is_beta=True),
    "input_audio_buffer.append": OpenAIRealtime._append,
    "input_audio_buffer.commit": OpenAIRealtime._commit,
    "input_audio_buffer.clear": OpenAIRealtime._clear,
}


def _asks_for_beta(opening: Opening) -> bool:
    return "realtime=v1" in opening.headers.get("openai-beta", "") or _BETA_SUBPROTOCOL in opening.subprotocols
