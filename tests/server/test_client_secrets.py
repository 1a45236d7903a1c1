"""OpenAI's short-lived secrets, by OpenAI's SDK: what they open, for how long, and what they do not."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import openai
import pytest
from fakes_server import Answer, Running, pcm, running_server
from openai import AsyncOpenAI
from openai.types.beta.realtime import TranscriptionSession
from openai.types.realtime import ClientSecretCreateResponse
from openai_client import assert_known
from openai_sdk import append, is_completed, sdk, texts, until
from websockets.exceptions import InvalidStatus

from ui.server import client_secrets
from ui.server.client_secrets import ClientSecrets, TooManySecretsError
from ui.server.protocols.openai_session import Session

TOKEN = "a token of the server"
AT_16_KHZ = {"type": "audio/pcm", "rate": 16_000}
BY_HAND: Any = {"type": "transcription", "audio": {"input": {"format": AT_16_KHZ, "turn_detection": None}}}


async def spoken(client: AsyncOpenAI) -> list[str]:
    """The transcript of two words and a commit, with nothing set by the client itself."""
    async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        await append(connection, pcm([10, 20]), 16_000)
        await connection.input_audio_buffer.commit()
        events = [json.loads(await connection.recv_bytes())]  # a rate beyond OpenAI's is none that its types know
        while not is_completed(events[-1]):
            events.append(json.loads(await connection.recv_bytes()))
        return texts(events)


async def issued(running: Running, **asked: Any) -> ClientSecretCreateResponse:
    async with sdk(running, TOKEN) as client:
        return await client.realtime.client_secrets.create(**asked)


@pytest.mark.parametrize("tokens", [[TOKEN], []])
def test_a_secret_opens_sessions_that_begin_as_was_asked(tokens: list[str]) -> None:
    async def talk() -> tuple[ClientSecretCreateResponse, list[list[str]]]:
        async with running_server(tokens=tokens) as running:
            secret = await issued(running, session=BY_HAND)
            async with sdk(running, secret.value) as browser:
                return secret, [await spoken(browser) for _ in range(2)]

    secret, heard = asyncio.run(talk())

    assert [["10 20"], ["10 20"]] == heard
    assert_known(secret)
    assert secret.session.audio.input.turn_detection is None
    assert 590 < secret.expires_at - time.time() <= 600


def test_the_beta_s_secret_is_in_its_session() -> None:
    async def talk() -> tuple[TranscriptionSession, Any]:
        async with running_server(tokens=[TOKEN]) as running:
            async with sdk(running, TOKEN) as client:
                asked: Any = {"input_audio_format": "g711_ulaw", "turn_detection": {"type": "server_vad"}}
                session = await client.beta.realtime.transcription_sessions.create(**asked)
            async with (
                sdk(running, session.client_secret.value) as browser,
                browser.beta.realtime.connect(model="whisper-1", extra_query={"intent": "transcription"}) as connection,
            ):
                (created,) = await until(connection, lambda _: True, is_beta=True)
                return session, created["session"]

    session, created = asyncio.run(talk())

    assert "g711_ulaw" == session.input_audio_format == created["input_audio_format"]
    assert 590 < session.client_secret.expires_at - time.time() <= 600


def test_a_secret_is_good_for_nothing_else() -> None:
    async def talk() -> None:
        async with running_server(tokens=[TOKEN]) as running:
            secret = await issued(running)
            async with sdk(running, secret.value) as browser:
                with pytest.raises(openai.AuthenticationError):
                    await browser.realtime.client_secrets.create()
                with pytest.raises(openai.AuthenticationError):
                    await browser.models.list()
            with pytest.raises(InvalidStatus, match="401"):
                async with running.client(additional_headers={"Authorization": f"Bearer {secret.value}"}):
                    pass

    asyncio.run(talk())


def test_a_wrong_secret_opens_nothing() -> None:
    async def talk() -> None:
        async with running_server(tokens=[TOKEN]) as running:
            secret = await issued(running)
            async with sdk(running, secret.value[:-1]) as browser:
                await spoken(browser)

    with pytest.raises(InvalidStatus, match="401"):
        asyncio.run(talk())


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"expires_after": {"anchor": "created_at", "seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "created_at", "seconds": 7201}}, "expires_after.seconds"),
        ({"session": {"type": "realtime"}}, "session.type"),
        ({"session": {"type": "transcription", "audio": {"input": {"transcription": {"model": "x"}}}}},
         "session.audio.input.transcription.model"),
        ({"extra_body": {"more": 1}}, "more"),
        ({"extra_body": {"session": {"prompt": 70_000 * "x"}}}, None),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(asked: Any, param: str | None) -> None:
    async def ask() -> None:
        async with running_server(tokens=[TOKEN]) as running:
            await issued(running, **asked)

    with pytest.raises(openai.BadRequestError) as refused:
        asyncio.run(ask())

    assert param == refused.value.param


def test_a_secret_expires() -> None:
    now = 0.0
    secrets = ClientSecrets(lambda: now)
    short, long = (secrets.issue(Session(transcription=None), lasts_s) for lasts_s in (10, 20))

    now = 9.9
    assert short is secrets.find(["x", short.value])
    now = 10.0
    assert secrets.find([short.value]) is None
    assert long is secrets.find([long.value])


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_secrets, "_MOST_SECRETS", 2)
    now = 0.0
    secrets = ClientSecrets(lambda: now)
    for lasts_s in (10, 20):
        secrets.issue(Session(transcription=None), lasts_s)

    with pytest.raises(TooManySecretsError):
        secrets.issue(Session(transcription=None), 10)
    now = 10.0
    assert secrets.issue(Session(transcription=None), 10).expires_s == 20.0


@pytest.mark.parametrize("body", [b'{"\\ud800": 1}', b'{"expires_after": {"seconds": 1' + 400 * b"0" + b"}}"])
def test_odd_numbers_and_names_are_refused_in_words(body: bytes) -> None:
    async def ask() -> Answer:
        async with running_server(tokens=[TOKEN]) as running:
            path, kind = "/v1/realtime/client_secrets", {"Content-Type": "application/json"}
            return await running.get(path, method="POST", body=body, Authorization=f"Bearer {TOKEN}", **kind)

    answer = asyncio.run(ask())
    assert 400 == answer.status
    assert json.loads(answer.body)["error"]["message"]
