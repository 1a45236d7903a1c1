"""OpenAI's HTTP interface: /v1/audio/transcriptions, /v1/audio/translations, /v1/models."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from engine.events import Event
from stream.file import FileSource
from stream.source import SourceError
from ui.server.protocols.openai_fields import RequestError
from ui.server.protocols.openai_forms import Served
from ui.server.recordings import GONE, DecodingError, heard, retry_after, status_of, unless_gone
from ui.server.server import RefusedError, SpeechServer
from ui.server.transcription_answer import Answer, failure
from ui.server.transcription_request import Task, read_request
from ui.server.uploads import Upload, UploadError, uploaded

_FAILURES = (RequestError, UploadError, RefusedError, SourceError, DecodingError)


def openai_routes(server: SpeechServer) -> list[BaseRoute]:
    """Return what is answered where."""
    models = _Models(server)
    return [
        Route("/v1/audio/transcriptions", _Recordings(server, "transcribe").answer, methods=["POST"]),
        Route("/v1/audio/translations", _Recordings(server, "translate").answer, methods=["POST"]),
        Route("/v1/models", models.list),
        Route("/v1/models/{name:path}", models.show),
    ]


class _Models:
    """The one there is."""

    def __init__(self, server: SpeechServer) -> None:
        self._model = {"id": server.model.name, "object": "model", "created": 0, "owned_by": "max-whisper"}

    async def list(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._model]})

    async def show(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == self._model["id"]:
            return JSONResponse(self._model)
        message = f"The model '{name[:100]}' does not exist here. This server has one: '{self._model['id']}'."
        return _error_response(RequestError(message, "model", "model_not_found"))


class _Recordings:
    """Answers one of the two paths."""

    def __init__(self, server: SpeechServer, task: Task) -> None:
        self._server = server
        self._task = task

    async def answer(self, request: Request) -> Response:
        """Hear the recording of ``request``; what cannot be heard is said in OpenAI's form."""
        try:
            async with AsyncExitStack() as stack:
                stack.enter_context(self._server.admit())
                upload = await stack.enter_async_context(uploaded(request, self._server.limits))
                return await self._heard(request, upload, stack)
        except _FAILURES as error:
            return _error_response(error)
        except ClientDisconnect:
            return Response(status_code=GONE)

    async def _heard(self, request: Request, upload: Upload, stack: AsyncExitStack) -> Response:
        served = Served(self._server.model.name, self._server.model.languages)
        asked = read_request(upload.fields, self._task, served, self._server.defaults.decoding)
        source = FileSource(upload.file, name=upload.name)
        answer = Answer(asked)
        events = heard(source, self._server, asked.options)
        if asked.is_streamed:
            # What cannot be opened is an answer of its own; behind the first words it could only be the last of them.
            async with aclosing(source.chunks()) as chunks:
                await anext(chunks, None)
            return _Streamed(_told(events, answer), stack.pop_all())
        content = await unless_gone(request.receive, _whole(events, answer))
        return Response(content, media_type=answer.media_type)


class _Streamed(StreamingResponse):
    """Server-sent events, and what must stay open until nobody makes them any more.

    Starlette's own way cancels whoever clears up, too, where the client leaves.
    """

    def __init__(self, events: AsyncGenerator[str], stack: AsyncExitStack) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self._events = events
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's
        async with self._stack:
            with suppress(ClientDisconnect):
                await unless_gone(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._events):
            async for text in self._events:
                await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _whole(events: AsyncGenerator[Event], answer: Answer) -> str:
    async with aclosing(events):
        async for event in events:
            answer.take(event)
    return answer.content()


async def _told(events: AsyncGenerator[Event], answer: Answer) -> AsyncGenerator[str]:
    try:
        async with aclosing(events):
            async for event in events:
                for message in answer.take(event):
                    yield message
    except (SourceError, DecodingError) as error:
        yield failure(_error_of(error)[1])
        return
    yield answer.done()


def _error_of(error: Exception) -> tuple[int, dict[str, Any]]:
    """The HTTP status of a failure, and OpenAI's form of it."""
    kind, code, param, status = "invalid_request_error", None, None, status_of(error)
    match error:
        case RequestError():
            code, param = error.code, error.param
            status = 404 if code == "model_not_found" else status
        case UploadError():
            code = "file_too_large" if status == 413 else "timeout"
        case RefusedError():
            kind, code = "server_error", "rate_limit_exceeded"
        case SourceError():
            code, param = "invalid_file", "file"
        case _:
            kind, code = "server_error", "transcription_failed"
    return status, {"message": str(error), "type": kind, "param": param, "code": code}


def _error_response(error: Exception) -> Response:
    status, details = _error_of(error)
    return JSONResponse({"error": details}, status, retry_after(error))
