"""Recordings as they come by HTTP, in a form or bare: bounded while they arrive, kept in a file, never in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from ui.formats.text import printable
from ui.server.limits import Limits
from ui.server.protocols.openai_fields import RequestError

_MOST_FIELDS = 1_000
_LONGEST_FIELD_BYTES = 2**14
"""Fields are kept in memory: 16 MB of a form at most.  A prompt has a thousand characters."""
_LONGEST_NAME = 100
_KEPT_IN_MEMORY_BYTES = 2**20
"""As Starlette keeps the files of a form."""


class UploadError(Exception):
    """A recording is not taken; ``status`` is HTTP's, the message is for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Upload:
    """What came.

    Attributes:
        file: the recording, open; it is closed behind the block.
        name: as the client calls it.
        fields: all else of the form, name → values.
    """

    file: BinaryIO
    name: str
    fields: Mapping[str, Sequence[str]]


@asynccontextmanager
async def uploaded(request: Request, limits: Limits) -> AsyncIterator[Upload]:
    """Give what ``request`` holds to the block.

    Raises:
        UploadError: it is too large, or stopped coming.
        RequestError: it is no form, or has no recording in it.
    """
    _check_announced(request, limits)
    bounded = Request(request.scope, _bounded(request.receive, limits))
    try:
        async with bounded.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_LONGEST_FIELD_BYTES) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise RequestError("Missing required parameter: 'file'.", "file", "missing_required_parameter")
            if not file.size:
                raise RequestError("The file is empty: record or copy it again.", "file")
            fields: dict[str, list[str]] = {}
            for name, value in form.multi_items():
                if isinstance(value, str):
                    fields.setdefault(name, []).append(value)
            yield Upload(file.file, printable(file.filename or "the file")[:_LONGEST_NAME], fields)
    except HTTPException as error:
        raise RequestError(f"The form cannot be read: {error.detail}") from error


@dataclass(frozen=True, slots=True)
class Body:
    """A recording that is all of a request.

    Attributes:
        file: the recording, open; it is closed behind the block.
        sha256: of its bytes, in hexadecimal digits.
    """

    file: BinaryIO
    sha256: str


@asynccontextmanager
async def received(request: Request, limits: Limits) -> AsyncIterator[Body]:
    """Give the body of ``request`` to the block.

    Raises:
        UploadError: it is too large, empty, or stopped coming.
    """
    _check_announced(request, limits)
    digest = sha256()
    with SpooledTemporaryFile(_KEPT_IN_MEMORY_BYTES) as file:
        async for block in Request(request.scope, _bounded(request.receive, limits)).stream():
            digest.update(block)
            await asyncio.to_thread(file.write, block)
        if not file.tell():
            raise UploadError(400, "the recording is empty: record or copy it again")
        file.seek(0)
        yield Body(cast("BinaryIO", file), digest.hexdigest())


def _check_announced(request: Request, limits: Limits) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and len(announced) < 20:
        _check_size(int(announced), limits)


def _bounded(receive: Receive, limits: Limits) -> Receive:
    """Return ``receive`` with an end to how much may come, and to how long it may be waited for."""
    n_bytes, now_s = 0, asyncio.get_running_loop().time
    deadline_s = now_s() + limits.session_s

    async def receive_bounded() -> Message:
        nonlocal n_bytes
        left_s = deadline_s - now_s()
        try:
            async with asyncio.timeout(min(limits.idle_s, left_s)):
                message = await receive()
        except TimeoutError as error:
            if left_s <= limits.idle_s:
                reason = f"it is still not whole after {limits.session_s:g} s: send it faster, or compressed"
            else:
                reason = f"nothing came for {limits.idle_s:g} s: send the recording again"
            raise UploadError(408, reason) from error
        n_bytes += len(message.get("body", b""))
        _check_size(n_bytes, limits)
        return message

    return receive_bounded


def _check_size(n_bytes: int, limits: Limits) -> None:
    if n_bytes > limits.upload_bytes:
        reason = f"a recording may have {limits.upload_bytes} bytes, form and all: send a shorter or compressed one"
        raise UploadError(413, reason)
