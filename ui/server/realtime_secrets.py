"""OpenAI's HTTP interface to client secrets: /v1/realtime/client_secrets, and the beta's transcription_sessions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ui.server.client_secrets import ClientSecret, ClientSecrets, TooManySecretsError
from ui.server.protocols.openai_fields import Fields, RequestError, one_of, read_json, whole
from ui.server.protocols.openai_forms import BetaForm, Form, GaForm, Served
from ui.server.protocols.openai_session import Session, Transcription
from ui.server.server import SpeechServer, new_stream_id

_LASTS_S = 600
_SHORTEST_S, _LONGEST_S = 10, 7_200
_LARGEST_BODY_BYTES = 2**16
_GONE = 499
"""As nginx logs a client that did not wait for its answer; nobody reads it."""


def secret_routes(server: SpeechServer, secrets: ClientSecrets) -> list[BaseRoute]:
    """Return what is answered where."""
    office = _Office(server, secrets)
    return [
        Route("/v1/realtime/client_secrets", _answering(office.client_secret, server), methods=["POST"]),
        Route("/v1/realtime/transcription_sessions", _answering(office.beta_session, server), methods=["POST"]),
    ]


class _Office:
    """Issues secrets, in both forms."""

    def __init__(self, server: SpeechServer, secrets: ClientSecrets) -> None:
        self._served = Served(server.model.name, server.model.languages)
        self._defaults = server.defaults
        self._secrets = secrets

    def client_secret(self, asked: object) -> dict[str, Any]:
        """GA: what is asked of the session stands in "session"."""
        fields = Fields(asked)
        lasts_s = _lasts_s(fields.inner("expires_after"))
        nothing: object = {}
        session = fields.take("session", lambda value, _: value, nothing, nothing)
        fields.finish()
        form = GaForm()
        issued, expires_at = self._issue(form, session, lasts_s)
        told = form.fields(issued.session, _session_id()) | {"expires_at": expires_at}
        return {"value": issued.value, "expires_at": expires_at, "session": told}

    def beta_session(self, asked: object) -> dict[str, Any]:
        """Beta: the session itself, and the secret in it."""
        lasts_s = _lasts_s(Fields(asked).inner("client_secret").inner("expires_at"))
        form = BetaForm()
        issued, expires_at = self._issue(form, asked, lasts_s)
        secret = {"value": issued.value, "expires_at": expires_at}
        return form.fields(issued.session, _session_id()) | {"client_secret": secret}

    def _issue(self, form: Form, asked: object, lasts_s: int) -> tuple[ClientSecret, int]:
        """Return a secret, and when it expires, in seconds since 1970."""
        usual = Session(transcription=Transcription(model=self._served.model_name))
        session = form.updated(usual, asked, self._served)
        try:
            session.options(self._defaults)
        except ValueError as error:
            raise RequestError(f"The session cannot be set so: {error}.", "session") from error
        return self._secrets.issue(session, lasts_s), int(time.time()) + lasts_s


def _lasts_s(fields: Fields) -> int:
    fields.take("anchor", one_of("created_at"), "created_at", "created_at")
    seconds = fields.take("seconds", whole(_SHORTEST_S, _LONGEST_S), _LASTS_S, _LASTS_S)
    fields.finish()
    return seconds


def _session_id() -> str:
    return f"sess_{new_stream_id()}"


def _answering(
    issue: Callable[[object], dict[str, Any]], server: SpeechServer
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            async with asyncio.timeout(server.limits.idle_s):
                asked = await _read(request)
            return JSONResponse(issue(asked), headers={"Cache-Control": "no-store"})
        except RequestError as error:
            details = {"message": error.message, "param": error.param, "code": error.code}
            return _error_response(400, "invalid_request_error", **details)
        except TooManySecretsError as error:
            return _error_response(429, "rate_limit_error", message=str(error), param=None, code="rate_limit_exceeded")
        except TimeoutError:
            return _error_response(408, "invalid_request_error", message="send it again", param=None, code="timeout")
        except ClientDisconnect:
            return Response(status_code=_GONE)

    return answer


async def _read(request: Request) -> object:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY_BYTES:
            raise RequestError(f"The request has more than {_LARGEST_BODY_BYTES} bytes.", code="request_too_large")
    return read_json(body.decode(errors="replace")) if body else {}


def _error_response(status: int, kind: str, **details: str | None) -> Response:
    return JSONResponse({"error": details | {"type": kind}}, status)
