"""Who may use the server, over real sockets: tokens, origins, names, and what every answer says to a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from fakes_server import Answer, Message, running_server, until, until_closed
from websockets.exceptions import InvalidStatus

from ui.server.access import Access, Asked

TOKEN = "0123456789abcdef-token"
BROWSER = {"additional_headers": {"Origin": "https://example.org"}}


async def greeting(path: str = "/stream", **options: Any) -> Message:
    """The first message of a server that wants a token and knows one other page."""
    async with (
        running_server(tokens=[TOKEN, "another-token-of-somebody"], origins=["https://example.org"]) as running,
        running.client(path, **options) as client,
    ):
        return (await until(client, "session"))[0]


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/stream", {"additional_headers": {"Authorization": f"Bearer {TOKEN}"}}),
        ("/stream", {"additional_headers": {"Authorization": f"Token {TOKEN}"}}),
        ("/stream", {"subprotocols": ["max-whisper.v1", f"token.{TOKEN}"]}),
        ("/stream", {"subprotocols": ["token", TOKEN]}),
        ("/stream", {"subprotocols": ["realtime", f"openai-insecure-api-key.{TOKEN}"]}),
        (f"/stream?token={TOKEN}", {}),
        (f"/stream?token={TOKEN}", BROWSER),
    ],
)
def test_a_token_is_taken_wherever_clients_put_it(path: str, options: Mapping[str, Any]) -> None:
    assert "session" == asyncio.run(greeting(path, **options))["kind"]


@pytest.mark.parametrize("path", ["/stream", "/stream?token=wrong", f"/stream?token={TOKEN[:-1]}"])
def test_without_one_a_program_is_denied_before_the_socket_opens(path: str) -> None:
    with pytest.raises(InvalidStatus) as denied:
        asyncio.run(greeting(path))

    assert 401 == denied.value.response.status_code
    assert "Bearer" == denied.value.response.headers["WWW-Authenticate"]


def test_without_one_a_browser_is_told_in_words_it_can_read() -> None:
    async def talk() -> tuple[list[Message], int | None]:
        async with (
            running_server(tokens=[TOKEN], origins=["https://example.org"]) as running,
            running.client("/stream", **BROWSER) as client,
        ):
            return await until_closed(client), client.close_code

    messages, code = asyncio.run(talk())

    assert ([("error", "unauthorized")], 1008) == ([(m["kind"], m["code"]) for m in messages], code)


def test_pages_of_others_are_denied_whatever_token_they_show() -> None:
    with pytest.raises(InvalidStatus) as denied:
        asyncio.run(greeting(f"/stream?token={TOKEN}", additional_headers={"Origin": "https://evil.example"}))

    assert 403 == denied.value.response.status_code


def test_http_is_kept_by_the_same_rules() -> None:
    async def ask() -> dict[str, int]:
        async with running_server(tokens=[TOKEN]) as running:
            right = {"Authorization": f"Bearer {TOKEN}"}
            return {
                "open": (await running.get("/healthz")).status,
                "no token": (await running.get("/metrics")).status,
                "token": (await running.get("/metrics", **right)).status,
                "foreign page": (await running.get("/healthz", Origin="http://evil.example")).status,
                "own page": (await running.get("/healthz", Origin=f"http://{running.address}")).status,
            }

    expected = {"open": 200, "no token": 401, "token": 200, "foreign page": 403, "own page": 200}
    assert expected == asyncio.run(ask())


def test_a_name_that_points_here_is_not_enough() -> None:
    """DNS rebinding: to the browser, a page of evil.example is of the same origin as what it then finds here."""

    async def ask() -> int:
        async with running_server() as running:
            return (await running.get("/healthz", Origin="http://evil.example", Host="evil.example")).status

    assert 421 == asyncio.run(ask())


def test_every_answer_has_the_headers_that_keep_browsers_safe() -> None:
    async def ask() -> list[Mapping[str, str]]:
        async with running_server(tokens=[TOKEN]) as running:
            return [(await running.get(path)).headers for path in ("/healthz", "/metrics", "/nowhere")]

    for headers in asyncio.run(ask()):
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert ("nosniff", "DENY") == (headers["X-Content-Type-Options"], headers["X-Frame-Options"])
        assert "server" not in headers


def asked(token: str, peer: str = "192.0.2.1") -> Asked:
    return Asked("/stream", {"authorization": f"Bearer {token}"}, {}, (), peer)


def test_who_guesses_is_made_to_wait_and_others_are_not() -> None:
    now = 0.0
    access = Access([TOKEN], [], lambda: now)
    for _ in range(10):
        denial = access.denial_of(asked("guess"), is_open=False)
        assert denial is not None
        assert 401 == denial.status

    held = access.denial_of(asked(TOKEN), is_open=False)
    assert held is not None
    assert (429, 60.0) == (held.status, held.retry_after_s)
    assert access.denial_of(asked(TOKEN, "192.0.2.2"), is_open=False) is None
    now = 60.0
    assert access.denial_of(asked(TOKEN), is_open=False) is None


def test_who_shows_no_token_guesses_nothing() -> None:
    access = Access([TOKEN], [], lambda: 0.0)
    for _ in range(20):
        denial = access.denial_of(Asked("/favicon.ico", {}, {}, (), "192.0.2.1"), is_open=False)
        assert denial is not None
        assert 401 == denial.status

    assert access.denial_of(asked(TOKEN), is_open=False) is None


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://["}, {"Host": "[", "Origin": "http://x"}, {"Origin": "null"}, {"Host": "a]b["}]
)
def test_headers_that_make_no_sense_are_no_fault_of_the_program(headers: Mapping[str, str]) -> None:
    async def ask() -> int:
        async with running_server(origins=["https://example.org", "https://["]) as running:
            return (await running.get("/healthz", **headers)).status

    assert asyncio.run(ask()) in {200, 400, 403, 421}


def test_a_page_that_may_use_the_server_can_read_its_answers() -> None:
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

    async def ask() -> dict[str, Answer]:
        async with running_server(tokens=[TOKEN], origins=["https://example.org"]) as running:
            answers = {}
            for page in ("https://example.org", "https://evil.example"):
                path, more = "/v1/audio/transcriptions", {"Origin": page, **wanted}
                answers[f"{page} asks before"] = await running.get(path, method="OPTIONS", **more)
                answers[page] = await running.get("/v1/models", Origin=page, Authorization=f"Bearer {TOKEN}")
                answers[f"{page}, no token"] = await running.get("/v1/models", Origin=page)
            return answers

    answers = asyncio.run(ask())

    assert [200, 200, 401, 400, 403, 403] == [answer.status for answer in answers.values()]
    allowed = [answer.headers.get("Access-Control-Allow-Origin") for answer in answers.values()]
    assert [*["https://example.org"] * 3, None, None, None] == allowed
    assert "authorization" in answers["https://example.org asks before"].headers["Access-Control-Allow-Headers"]


def test_the_memory_of_wrong_tokens_is_bounded() -> None:
    access = Access([TOKEN], [], lambda: 0.0)
    for i in range(5_000):
        access.denial_of(asked("guess", f"10.0.{i // 250}.{i % 250}"), is_open=False)

    assert 4_096 == len(access._failures._times)


@pytest.mark.parametrize("token", ["", "é", "Bearer", "\N{SNOWMAN}" * 50])
def test_odd_tokens_are_wrong_tokens(token: str) -> None:
    denial = Access([TOKEN], [], lambda: 0.0).denial_of(asked(token), is_open=False)

    assert denial is not None
    assert "token" == denial.reason
