"""The client of a server elsewhere: what it shows, what it does when it is cut off, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest
from fakes import ListSource
from fakes_remote import CHUNKS, SPOKEN, StagedSource, finals, shown, wire
from fakes_server import running_server, until
from hypothesis import given
from hypothesis import strategies as st

from engine.events import AudioDropped, Event, Final
from stream.audio import AudioChunk
from stream.source import SourceError
from ui.remote import client
from ui.remote.client import Remote, RemoteError
from ui.remote.messages import BadMessageError, read_message, sensible
from ui.remote.place import Place
from ui.remote.recording import Gap, Recording
from ui.server.limits import Limits


def test_a_source_is_captioned_by_a_server_elsewhere() -> None:
    async def talk() -> list[Event]:
        async with running_server() as running:
            return await shown(ListSource(CHUNKS), Remote(url=f"ws://{running.address}/stream"), can_wait=True)

    events = asyncio.run(talk())

    assert SPOKEN == finals(events)
    assert [1, 2, 3, 4] == [event.utterance_id for event in events if isinstance(event, Final)]


@pytest.mark.slow
@pytest.mark.parametrize("cut_at", [[1], [3], [7, 8, 9], [12], [20, 30, 40], list(range(1, len(CHUNKS), 5))])
def test_cut_off_and_back_again_nothing_is_lost(cut_at: list[int]) -> None:
    async def talk() -> tuple[list[Event], list[str]]:
        said: list[str] = []
        async with running_server() as running, wire() as between:
            between.target = running.address

            async def at(n: int) -> None:
                await asyncio.sleep(0.002)
                if n in cut_at:
                    while not await running.measured("audio_seconds_total"):
                        pass  # a server that never was there is another story
                    between.cut()

            return await shown(StagedSource(at), Remote(url=between.url), said), said

    events, said = asyncio.run(asyncio.wait_for(talk(), 30))

    assert SPOKEN == finals(events)
    assert [] == [event for event in events if isinstance(event, AudioDropped)]
    assert said == [] or "recording goes on" in said[0]


@pytest.mark.slow
def test_a_server_that_was_started_anew_hears_again_what_was_not_yet_text() -> None:
    """The first server dies in the middle of the third word; the second knows nothing of the session."""

    async def talk() -> list[Event]:
        async with contextlib.AsyncExitStack() as second, wire() as between:
            first = contextlib.AsyncExitStack()
            between.target = (await first.enter_async_context(running_server())).address

            async def at(n: int) -> None:
                await asyncio.sleep(0.002)
                if n == 22:
                    between.cut()
                    await first.aclose()
                    between.target = (await second.enter_async_context(running_server())).address

            return await shown(StagedSource(at), Remote(url=between.url))

    events = asyncio.run(asyncio.wait_for(talk(), 30))

    assert SPOKEN == finals(events)
    starts = [event.start_s for event in events if isinstance(event, Final)]
    assert starts == sorted(starts)
    assert starts[-1] > 3.0


def test_what_is_recorded_while_the_server_is_away_is_sent_when_it_is_back() -> None:
    async def talk() -> list[str]:
        async with running_server() as running, wire() as between:
            between.target = running.address

            async def at(n: int) -> None:
                await asyncio.sleep(0.002)
                if n == 5:
                    between.cut()
                    between.target = "nowhere"
                if n == len(CHUNKS) - 1:
                    between.target = running.address

            return finals(await shown(StagedSource(at), Remote(url=between.url)))

    assert SPOKEN == asyncio.run(asyncio.wait_for(talk(), 30))


@pytest.mark.parametrize(("more_s", "can_wait"), [(0, False), (60, True)], ids=["ended", "waits for room"])
def test_a_server_that_stays_away_is_given_up_and_what_is_lost_is_said(
    more_s: int, *, can_wait: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the source has ended, or can be read no further until the server takes something."""
    monkeypatch.setattr(client, "_FIRST_WAIT_S", 0.05)
    begun = [chunk.end_sample for chunk in CHUNKS][-1]
    silence = [AudioChunk(np.zeros(16_000, np.int16), begun + 16_000 * n) for n in range(more_s)]

    async def talk() -> None:
        async with running_server() as running, wire() as between:
            between.target = running.address

            async def at(n: int) -> None:
                await asyncio.sleep(0)
                if n == 5:
                    while not await running.measured("audio_seconds_total"):
                        pass
                    between.cut()
                    between.target = "nowhere"

            source = StagedSource(at, [*CHUNKS, *silence])
            await shown(source, Remote(url=between.url, give_up_s=0.1), can_wait=can_wait)

    with pytest.raises(
        RemoteError, match=r"the server did not come back: what was said after 0\.0 s is not transcribed"
    ):
        asyncio.run(asyncio.wait_for(talk(), 10))


def test_a_source_that_fails_is_told_behind_its_last_words() -> None:
    async def talk() -> None:
        async with running_server() as running:
            source = ListSource(CHUNKS, SourceError("the microphone went away"))
            await shown(source, Remote(url=f"ws://{running.address}/stream"), can_wait=True)

    with pytest.raises(SourceError, match="the microphone went away"):
        asyncio.run(talk())


def test_a_fault_in_a_source_is_no_end_of_it() -> None:
    async def at(n: int) -> None:
        await asyncio.sleep(0)
        if n == 20:
            raise ZeroDivisionError

    async def talk() -> None:
        async with running_server() as running:
            await shown(StagedSource(at), Remote(url=f"ws://{running.address}/stream"))

    with pytest.raises(ZeroDivisionError):
        asyncio.run(asyncio.wait_for(talk(), 10))


@pytest.mark.parametrize(
    ("remote", "limits", "said"),
    [
        (Remote(url="ws://127.0.0.1:9/stream"), Limits(), "cannot be reached"),
        (Remote(url="ws://{}/stream"), Limits(), "wants a token"),
        (Remote(url="ws://{}/stream", token="wrong-token-1234"), Limits(), "wants a token"),
        (Remote(url="ws://{}/nowhere", token="right-token-1234"), Limits(), "answers 403: check the address"),
        (Remote(url="ws://{}/stream", token="right-token-1234"), Limits(streams=1), "all 1 streams are taken"),
        (Remote(url="ws://{}/stream", token="right-token-1234", asked={"language": "xx"}), Limits(), "'xx'"),
    ],
)
def test_why_a_server_cannot_be_used_is_said(remote: Remote, limits: Limits, said: str) -> None:
    async def talk() -> None:
        async with running_server(limits=limits, tokens=["right-token-1234"]) as running:
            url = remote.url.format(running.address)
            async with running.client("/stream?token=right-token-1234") as other:
                await until(other, "session")
                if limits.streams > 1:
                    await other.close()
                await shown(ListSource(CHUNKS), Remote(url=url, token=remote.token, asked=remote.asked), can_wait=True)

    with pytest.raises(RemoteError, match=said):
        asyncio.run(asyncio.wait_for(talk(), 10))


def test_another_server_is_not_mistaken_for_one_of_ours() -> None:
    for message in (
        "hello",
        "[]",
        b"\xff",
        '{"type":"x"}',
        '{"kind":"status","now":NaN}',
        '{"kind":"gap","end":1e999}',
    ):
        with pytest.raises(BadMessageError, match="does not speak"):
            read_message(message)


@pytest.mark.parametrize(
    "message",
    [
        '{"kind": "session", "resumed": false}',
        '{"kind": "final", "utterance": 1}',
        '{"kind": "discarded", "utterance": 1, "reason": "", "start": 0, "end": 1.7e308}',
        '{"kind": "configured", "seq": "first"}',
    ],
)
def test_a_message_that_makes_no_sense_is_no_fault_of_the_program(message: str) -> None:
    place = Place()

    with pytest.raises(BadMessageError, match="makes no sense"), sensible(fields := read_message(message)):
        place.begin(fields) if fields["kind"] == "session" else place.note(fields, place.axis.event(fields))


@pytest.mark.parametrize(("asked", "kept"), [(2, 2), (0.5, 0.5), (1e9, 60.0), (-1, None), ("soon", None), (None, None)])
def test_a_server_asks_for_no_patience_that_nobody_has(asked: object, kept: float | None) -> None:
    assert kept == client._seconds_of(asked)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 200)), max_size=20),
    st.integers(1, 500),
    st.integers(0, 3_000),
)
def test_what_is_read_back_is_what_was_recorded(pieces: list[tuple[int, int]], most: int, release: int) -> None:
    """Gaps and the samples that were kept stand where they stood."""
    recording, at, truth = Recording(most), 0, {}
    for gap, size in pieces:
        at += gap
        samples = np.arange(at, at + size, dtype=np.int16)
        recording.append(AudioChunk(samples, at))
        truth |= {at + i: int(sample) for i, sample in enumerate(samples)}
        at += size
    recording.release(release)
    position = begin = recording.start_sample
    found: dict[int, int] = {}
    for part in recording.read(begin):
        if isinstance(part, Gap):
            position += part.n_samples
        else:
            samples = np.frombuffer(part, "<i2")
            found |= {position + i: int(sample) for i, sample in enumerate(samples)}
            position += len(samples)

    assert {n: sample for n, sample in truth.items() if n >= begin} == found
    assert not pieces or begin >= max(min(release, at), at - most)
