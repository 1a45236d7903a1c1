"""The port before the model is there."""

from __future__ import annotations

import asyncio

import pytest
from fakes_server import Running, running_server
from websockets.exceptions import InvalidStatus

from ui.server.transport import Transport, listening_socket, served
from ui.server.waiting import WaitingRoom


def test_it_says_that_it_lives_and_that_it_is_not_ready() -> None:
    async def ask() -> dict[str, tuple[int, bool]]:
        bound = listening_socket("127.0.0.1", 0)
        async with served(WaitingRoom(), bound, Transport(message_bytes=1_000)), running_server() as other:
            early = Running(other.server, f"127.0.0.1:{bound.getsockname()[1]}")
            paths = ("/healthz", "/readyz", "/v1/info", "/", "/web/captions.css")
            answers = {path: await early.get(path) for path in paths}
            with pytest.raises(InvalidStatus) as refused:
                await early.client()
            assert 503 == refused.value.response.status_code
            return {path: (answer.status, "Retry-After" in answer.headers) for path, answer in answers.items()}

    ready, not_ready = (200, False), (503, True)
    expected = {"/healthz": ready, "/readyz": not_ready, "/v1/info": not_ready, "/": ready, "/web/captions.css": ready}
    assert expected == asyncio.run(ask())
