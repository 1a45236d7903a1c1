"""Clients of Deepgram's and WhisperLive's protocols that vanish: in every state, and nothing of them is left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from fakes import LONG_PAUSE
from fakes_server import cut, no_streams, pcm, running_server

LISTEN = "/v1/listen?encoding=linear16&sample_rate=16000&interim_results=true"
FIRST = json.dumps({"uid": "me", "audio_format": "int16"})
SOUND = pcm([10, 20, LONG_PAUSE, 30])
Message = str | bytes


@pytest.mark.parametrize(
    ("path", "sent", "n_received"),
    [
        (LISTEN, [], 0),
        (LISTEN, ['{"type":"Keep'], 1),
        (LISTEN, [SOUND[:20_001]], 1),
        (LISTEN, [SOUND], 2),
        (LISTEN, [SOUND, '{"type":"Finalize"}'], 0),
        (LISTEN, [SOUND, '{"type":"CloseStream"}'], 0),
        ("/v1/listen", [b"RIFF"], 0),
        ("/v1/listen", [b"no wav"], 0),
        ("/", [], 0),
        ("/", [FIRST], 0),
        ("/", [FIRST, SOUND[:20_001]], 2),
        ("/", [FIRST, SOUND], 3),
        ("/", [FIRST, SOUND, b"END_OF_AUDIO"], 0),
        ("/", [b"\xff"], 0),
        ("/", [FIRST, FIRST], 0),
    ],
)
def test_nothing_is_left_of_a_client_that_was_cut_off(path: str, sent: Sequence[Message], n_received: int) -> None:
    async def run() -> set[str]:
        async with running_server() as running:
            before = asyncio.all_tasks()
            async with running.client(path) as client:
                for message in sent:
                    await client.send(message)
                for _ in range(n_received):
                    await client.recv()
                cut(client)
            await no_streams(running)
            left = asyncio.all_tasks() - before
            await asyncio.wait({asyncio.create_task(asyncio.sleep(0)), *left}, timeout=5)
            return {str(task.get_coro()) for task in left if not task.done()}

    assert set() == asyncio.run(run())
