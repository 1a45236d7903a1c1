"""Deepgram's HTTP interface: POST /v1/listen, a recording to its text."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stream.file import FileSource
from stream.source import SourceError
from ui.server.protocols.deepgram_messages import error_fields, metadata_fields
from ui.server.protocols.deepgram_recording import RecordingAnswer, RecordingRequest, read_recording_query
from ui.server.recordings import GONE, DecodingError, heard, retry_after, status_of, unless_gone
from ui.server.server import RefusedError, SpeechServer, new_stream_id
from ui.server.uploads import UploadError, received


class _BadRequestError(Exception):
    """What is asked for makes no sense, or is not to be had here."""


_FAILURES = (_BadRequestError, UploadError, RefusedError, SourceError, DecodingError)


def deepgram_route(server: SpeechServer) -> Route:
    """Return what is answered where."""
    return Route("/v1/listen", _Recordings(server).answer, methods=["POST"])


class _Recordings:
    def __init__(self, server: SpeechServer) -> None:
        self._server = server

    async def answer(self, request: Request) -> Response:
        """Hear the recording that is the body of ``request``; what cannot be heard is said in Deepgram's form."""
        request_id = new_stream_id()
        try:
            asked = self._asked(request)
            async with AsyncExitStack() as stack:
                stack.enter_context(self._server.admit())
                fields = await self._heard(request, asked, request_id, stack)
            return JSONResponse(fields, headers={"dg-request-id": request_id})
        except _FAILURES as error:
            return _error_response(error, request_id)
        except ClientDisconnect:
            return Response(status_code=GONE)

    def _asked(self, request: Request) -> RecordingRequest:
        if request.headers.get("content-type", "").startswith("application/json"):
            raise _BadRequestError("this server fetches nothing from elsewhere: send the recording itself as the body")
        query = {name: request.query_params.getlist(name) for name in request.query_params if name != "token"}
        try:
            return read_recording_query(query, self._server.model.languages, self._server.defaults.decoding)
        except ValueError as error:
            raise _BadRequestError(str(error)) from error

    async def _heard(
        self, request: Request, asked: RecordingRequest, request_id: str, stack: AsyncExitStack
    ) -> dict[str, Any]:
        created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = await stack.enter_async_context(received(request, self._server.limits))
        answer = RecordingAnswer(asked, request_id)

        async def take_all() -> None:
            source = FileSource(body.file, name="the recording")
            async with aclosing(heard(source, self._server, asked.options)) as events:
                async for event in events:
                    answer.take(event)

        await unless_gone(request.receive, take_all())
        metadata = metadata_fields(
            self._server.model.name,
            request_id=request_id,
            sha256=body.sha256,
            created=created,
            duration_s=answer.duration_s,
            channels=1,
        )
        return {"metadata": metadata, "results": answer.results()}


def _error_response(error: Exception, request_id: str) -> Response:
    status, headers = status_of(error), {"dg-request-id": request_id} | retry_after(error)
    return JSONResponse(error_fields(HTTPStatus(status).phrase, str(error), request_id), status, headers)
