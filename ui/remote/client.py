"""A source's captions from a server elsewhere: records on while it is cut off, and comes back by itself."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI

from engine.events import Discarded, Event, TimedEvent
from stream.audio import seconds
from stream.source import AudioSource
from ui.formats.text import printable
from ui.remote.messages import BadMessageError, Fields, read_message, sensible
from ui.remote.place import Place
from ui.remote.recorder import Recorder
from ui.remote.recording import Gap

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 5.0
_LONGEST_RETRY_S = 60.0
_FATAL = {"bad_request", "unauthorized"}
"""Errors that another try would meet again."""
_LOADING = 503
_HELLO_S = 10.0
"""How long a server that took the connection may say nothing at all."""
_CLOSE_S = 1.0
"""How long a server may take to say goodbye; it is not waited for while it still sends."""
_LARGEST = 2**24
"""Bytes of a message: the text of one utterance, with words, is far less."""


class RemoteError(Exception):
    """The server cannot be used; the message is for people."""


class _CutOffError(Exception):
    """The connection is gone; another may be tried after ``retry_s`` seconds."""

    def __init__(self, reason: str, retry_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_s = retry_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """A server, and what is asked of it.

    Attributes:
        url: of its protocol, "ws://host:8000/stream".
        token: shown to it; None where it wants none.
        asked: the fields of ``configure``.
        tls: trusts its certificate; None for what this machine trusts.
        give_up_s: how long a server that is gone is tried again where no more can be recorded meanwhile: a large model
            may take so long to load.
    """

    url: str
    token: str | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    give_up_s: float = 60.0

    @property
    def host(self) -> str:
        """Its name and port."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def place(self) -> str:
        """The address as it may be shown: without password and query, which may hold a token."""
        return urlsplit(self.url)._replace(netloc=self.host, query="").geturl()


class RemoteCaptions:
    """One run, over as many connections and sessions as it takes."""

    def __init__(self, remote: Remote, recorder: Recorder, tell: Callable[[str], None]) -> None:
        """``tell`` says to a person what changes."""
        self._remote = remote
        self._recorder = recorder
        self._tell = tell
        self._place = Place()
        self._was_served = False
        self._is_over = False

    async def events(self) -> AsyncGenerator[TimedEvent]:
        """Yield what the server says until all is final.

        Raises:
            RemoteError: the server cannot be used, or stayed away for too long.
        """
        wait_s, away_since = _FIRST_WAIT_S, None
        loop = asyncio.get_running_loop()
        while not self._is_over:
            try:
                async with aclosing(self._converse()) as events:
                    async for event in events:
                        wait_s, away_since = _FIRST_WAIT_S, None
                        yield TimedEvent(self._recorder.elapsed_s, event)
            except _CutOffError as error:
                away_since = self._told_away_since(error, away_since, loop.time())
                await asyncio.sleep(error.retry_s or wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _told_away_since(self, error: _CutOffError, since: float | None, now: float) -> float:
        if since is None:
            self._tell(f"{error}; recording goes on, and the server is tried again")
            return now
        if (self._recorder.has_ended or self._recorder.is_waiting) and now - since > self._remote.give_up_s:
            settled_s = seconds(self._place.settled_sample)
            raise RemoteError(f"the server did not come back: what was said after {settled_s:.1f} s is not transcribed")
        return since

    async def _converse(self) -> AsyncGenerator[Event]:
        """Yield the events of one connection; it ends with the stream, or raises ``_CutOffError``."""
        async with await self._connected() as socket:
            try:
                for lost in await self._begin(socket):
                    yield lost
                sending = asyncio.create_task(self._send(socket))
                try:
                    async for message in socket:
                        if (event := self._received(read_message(message))) is not None:
                            yield event
                finally:
                    sending.cancel()
                    await asyncio.wait({sending})
            except ConnectionClosed:
                pass
            except BadMessageError as error:
                raise RemoteError(str(error)) from error
        if not self._is_over:
            self._fail(f"{self._remote.place} broke the connection off")

    async def _connected(self) -> ClientConnection:
        remote, query = self._remote, urlencode(self._place.query)
        url = f"{remote.url}{'&' if '?' in remote.url else '?'}{query}" if query else remote.url
        headers = {"Authorization": f"Bearer {remote.token}"} if remote.token is not None else {}
        tls = remote.tls or (True if url.startswith("wss:") else None)
        try:
            return await connect(url, additional_headers=headers, max_size=_LARGEST, close_timeout=_CLOSE_S, ssl=tls)
        except InvalidStatus as error:
            self._explain_status(error)
        except InvalidProxy as error:
            raise RemoteError(f"the proxy of this environment cannot be used ({error}): change or unset it") from error
        except InvalidURI as error:
            raise RemoteError(f"{remote.place} is no address: give ws://HOST:PORT") from error
        except (OSError, InvalidHandshake, TimeoutError) as error:
            self._fail(f"{remote.place} cannot be reached ({error}): check the address, and that the server runs")

    def _explain_status(self, error: InvalidStatus) -> NoReturn:
        status = error.response.status_code
        if status == _LOADING:
            raise _CutOffError("the server is not ready yet") from error
        if status in {401, 429}:
            raise RemoteError("the server wants a token, another one, or some patience: give --token-file") from error
        self._fail(f"{self._remote.place} answers {status}: check the address")

    def _fail(self, reason: str) -> NoReturn:
        """Give up where it never worked; else go on trying."""
        if self._was_served:
            raise _CutOffError(reason)
        raise RemoteError(reason)

    async def _begin(self, socket: ClientConnection) -> Sequence[Discarded]:
        """Begin a session, or go on with it; return what became of utterances whose session was lost."""
        hello = read_message(await self._hello(socket))
        if hello["kind"] == "error":
            self._explain(hello)
        elif hello["kind"] != "session":
            raise BadMessageError("the server does not speak max-whisper's protocol: check the address")
        if self._was_served:
            self._tell("connected again")
        with sensible(hello):
            if self._remote.asked and not hello["resumed"]:
                await socket.send(json.dumps({"kind": "configure", **self._remote.asked}))
            self._was_served = True
            return self._place.begin(hello)

    async def _hello(self, socket: ClientConnection) -> str | bytes:
        try:
            async with asyncio.timeout(_HELLO_S):
                return await socket.recv()
        except TimeoutError:
            place = self._remote.place
            self._fail(f"{place} says nothing: check the address, and that a max-whisper server is there")

    def _received(self, fields: Fields) -> Event | None:
        if fields["kind"] == "error":
            self._explain(fields)
        self._is_over = fields["kind"] == "end"
        with sensible(fields):
            event = self._place.axis.event(fields)
            self._place.note(fields, event)
        self._recorder.release(self._place.settled_sample)
        return event

    def _explain(self, error: Fields) -> NoReturn:
        code, message = error.get("code"), printable(str(error.get("message")))
        if code == "gone":
            self._place.forget_session()
            raise _CutOffError("the server has forgotten this session", retry_s=0.01)
        if code in _FATAL or not self._was_served:
            raise RemoteError(f"the server refuses: {message}")
        raise _CutOffError(message, _seconds_of(error.get("retry_after")))

    async def _send(self, socket: ClientConnection) -> None:
        """Send what the server has not, and all that is recorded meanwhile; then say that it is all."""
        sample = self._place.taken_sample
        with suppress(ConnectionClosed):
            while True:
                for part in list(self._recorder.recording.read(sample)):
                    if isinstance(part, Gap):
                        await socket.send(json.dumps({"kind": "gap", "samples": part.n_samples}))
                        sample += part.n_samples
                    else:
                        await socket.send(part)
                        sample += len(part) // 2
                if self._recorder.has_ended and sample >= self._recorder.recording.end_sample:
                    await socket.send('{"kind":"end"}')
                    return
                await self._recorder.wait_beyond(sample)


def _seconds_of(retry_after: object) -> float | None:
    """What the server asks for, but no time for which nobody would wait."""
    return min(retry_after, _LONGEST_RETRY_S) if isinstance(retry_after, int | float) and retry_after > 0 else None


async def remote_captions(
    source: AudioSource, remote: Remote, stop: asyncio.Event, tell: Callable[[str], None], *, can_wait: bool
) -> AsyncGenerator[TimedEvent]:
    """Yield what a server makes of ``source``, until all is final.

    Args:
        source: read until it ends.
        remote: the server.
        stop: ends the source once it is set.
        tell: says to a person what changes.
        can_wait: whether the source may be read no faster than the server takes it.

    Raises:
        RemoteError: the server cannot be used, or stayed away for too long.
        SourceError: the source failed; all that was heard before is final by then.
    """
    recorder = Recorder(source, stop, can_wait=can_wait)
    recording = asyncio.create_task(recorder.run())
    try:
        async with aclosing(RemoteCaptions(remote, recorder, tell).events()) as events:
            async for timed in events:
                yield timed
    finally:
        recording.cancel()
        await asyncio.wait({recording})
    if not recording.cancelled():
        recording.result()
    if recorder.failure is not None:
        raise recorder.failure
