"""Uploads that no SDK would send: too large, or without an end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import pytest
from fakes_server import Answer, running_server

from ui.server.limits import Limits

pytestmark = pytest.mark.slow


async def uploaded_by_hand(limits: Limits, length: str, parts: Iterable[bytes], every_s: float = 0.0) -> Answer:
    """The answer to an upload whose header names ``length``; ``parts`` of its body follow as long as it is read."""

    async def send() -> None:
        for part in parts:
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await asyncio.sleep(every_s)

    async with running_server(limits=limits) as running:
        host, port = running.address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        kind = 'Content-Type: multipart/form-data; boundary="x"'
        writer.write(f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: {host}\r\n{kind}\r\n{length}\r\n\r\n".encode())
        sending = asyncio.create_task(send())
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.read(1_000)
        sending.cancel()
        writer.close()
        return Answer(int(head.split()[1]), {}, body)


FORM_HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("length", "parts"), [("Content-Length: 1000000000", ()), (CHUNKED, (FORM_HEAD, *(4 * [bytes(50_000)])))]
)
def test_too_large_a_file_is_not_read(length: str, parts: Iterable[bytes]) -> None:
    answer = asyncio.run(uploaded_by_hand(Limits(upload_bytes=100_000), length, parts))
    error = json.loads(answer.body)["error"]

    assert (413, "file_too_large") == (answer.status, error["code"])
    assert "100000 bytes" in error["message"]


@pytest.mark.parametrize(
    ("limits", "parts", "message"),
    [
        (Limits(idle_s=0.2), (FORM_HEAD,), "nothing came for 0.2 s"),
        (Limits(idle_s=0.5, session_s=0.6), (FORM_HEAD, *(1_000 * [b"\0"])), "still not whole after 0.6 s"),
    ],
    ids=["stops coming", "never ends"],
)
def test_an_upload_is_not_waited_for_without_end(limits: Limits, parts: Iterable[bytes], message: str) -> None:
    upload = uploaded_by_hand(limits, CHUNKED, parts, every_s=0.02)  # the parts would come for 20 s
    answer = asyncio.run(asyncio.wait_for(upload, 10))
    error = json.loads(answer.body)["error"]

    assert (408, "timeout") == (answer.status, error["code"])
    assert message in error["message"]
