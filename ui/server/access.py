"""Who may use the server: tokens, the pages a browser may come from, and the names it may be called by."""

from __future__ import annotations

import hmac
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from ui.server.client_secrets import ClientSecrets

_MOST_FAILURES = 10
_WINDOW_S = 60.0
_MOST_ADDRESSES = 4_096
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TOKEN_SUBPROTOCOLS = ("token.", "openai-insecure-api-key.")
_TOKEN_MARKERS = {"token", "bearer"}
"""Deepgram's browser clients offer two subprotocols: this word, and the token."""
REALTIME_PATH = "/v1/realtime"
"""What a client secret opens."""

Reason = Literal["host", "origin", "token", "too_many_failures"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says of who asks.

    Attributes:
        path: of the address.
        headers: their names in lower case.
        query: of the address.
        subprotocols: those a WebSocket offers.
        peer: the address it comes from.
    """

    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    subprotocols: Sequence[str]
    peer: str


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a request is not served.

    Attributes:
        reason: for counting.
        status: HTTP's.
        message: for people.
        retry_after_s: when it is worth another try, in seconds.
    """

    reason: Reason
    status: int
    message: str
    retry_after_s: float | None = None


class Access:
    """Decides by what was configured, by the secrets that were issued, and by who failed before.

    Attributes:
        client_secrets: those that were issued.
    """

    def __init__(self, tokens: Sequence[str], origins: Sequence[str], clock: Callable[[], float]) -> None:
        """Set up the rules.

        Args:
            tokens: any of them will do; none where everybody is let in who reaches the port.
            origins: pages besides our own that may use the server, as "https://example.org", or "*" for all.
            clock: seconds.
        """
        self._tokens = [token.encode() for token in tokens]
        self._origins = {origin.rstrip("/").lower() for origin in origins}
        self._failures = _Failures(clock)
        self.client_secrets = ClientSecrets(clock)

    @property
    def needs_token(self) -> bool:
        """Whether a token must be shown."""
        return bool(self._tokens)

    @property
    def origins(self) -> frozenset[str]:
        """Pages besides our own that may use the server, in lower case; "*" for all."""
        return frozenset(self._origins)

    def denial_of(self, asked: Asked, *, is_open: bool) -> Denial | None:
        """Return why a request is not served; None where it is.

        ``is_open``: nothing is behind this path that a token keeps.
        """
        if (denial := self._host_denial(asked) or self._origin_denial(asked)) is not None or is_open:
            return denial
        return self._token_denial(asked) if self._tokens else None

    def _host_denial(self, asked: Asked) -> Denial | None:
        """A page of another name that resolves to this machine would pass for one of ours: DNS rebinding."""
        host = _host_name(asked.headers.get("host", ""))
        known = _LOOPBACK | {_host_name(origin.partition("//")[2]) for origin in self._origins}
        if self._tokens or "*" in self._origins or "origin" not in asked.headers or host in known or _is_address(host):
            return None
        return Denial("host", 421, f"this server is not called {host[:100]!r}: give --allow-origin with its name")

    def _origin_denial(self, asked: Asked) -> Denial | None:
        origin = asked.headers.get("origin", "").lower()
        if not origin or "*" in self._origins or origin in self._origins:
            return None
        site = origin.partition("//")[2]
        if site and site == asked.headers.get("host", "").lower():
            return None
        return Denial("origin", 403, f"pages of {origin[:100]!r} may not use this server: give --allow-origin with it")

    def _token_denial(self, asked: Asked) -> Denial | None:
        wait_s = self._failures.wait_s(asked.peer)
        if wait_s > 0:
            return Denial("too_many_failures", 429, f"too many wrong tokens: wait {wait_s:.0f} s", wait_s)
        # Every token is compared with every other, so that the time taken tells nothing.
        matches = [
            hmac.compare_digest(shown.encode(), token) for shown in shown_tokens(asked) for token in self._tokens
        ]
        if any(matches) or (asked.path == REALTIME_PATH and self.client_secrets.find(shown_tokens(asked))):
            return None
        if shown_tokens(asked):  # who shows none guesses nothing
            self._failures.add(asked.peer)
        return Denial("token", 401, "a token is needed: send the header `Authorization: Bearer TOKEN`")


class _Failures:
    """Wrong tokens of the last minute, by address; the addresses kept are bounded."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, peer: str) -> float:
        times = self._times.get(peer, deque())
        is_full = len(times) == _MOST_FAILURES
        return max(0.0, times[0] + _WINDOW_S - self._clock()) if is_full else 0.0

    def add(self, peer: str) -> None:
        self._times.setdefault(peer, deque(maxlen=_MOST_FAILURES)).append(self._clock())
        self._times.move_to_end(peer)
        if len(self._times) > _MOST_ADDRESSES:
            self._times.popitem(last=False)


def shown_tokens(asked: Asked) -> list[str]:
    """Return every token a request shows, wherever clients put it."""
    shown = [asked.query[name] for name in ("token",) if name in asked.query]
    scheme, _, credentials = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() in {"bearer", "token"}:
        shown.append(credentials.strip())
    for offer in asked.subprotocols:
        shown += [offer.removeprefix(prefix) for prefix in _TOKEN_SUBPROTOCOLS if offer.startswith(prefix)]
    if len(asked.subprotocols) == 2 and asked.subprotocols[0] in _TOKEN_MARKERS:
        shown.append(asked.subprotocols[1])
    return shown


def without_tokens(subprotocols: Sequence[str]) -> list[str]:
    """Return what a client offers beside tokens."""
    marks = len(subprotocols) == 2 and subprotocols[0] in _TOKEN_MARKERS
    return [
        offer for offer in (subprotocols[:1] if marks else subprotocols) if not offer.startswith(_TOKEN_SUBPROTOCOLS)
    ]


def _host_name(host: str) -> str:
    """The name in a Host header, without its port; empty where it makes no sense."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    """Whether it is an IP address: no name that somebody else could point here."""
    return ":" in host or (host.count(".") == 3 and host.replace(".", "").isdecimal())
