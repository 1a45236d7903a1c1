"""Short-lived secrets for browsers: each lets its holder open OpenAI realtime sessions, and nothing else, for a while.

No I/O.  Who has a token asks for one, and gives it to a page that shall not know the token.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ui.server.protocols.openai_session import Session

_MOST_SECRETS = 1_000


class TooManySecretsError(Exception):
    """No more are issued until one expires."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret.

    Attributes:
        value: what its holder shows.
        session: what a session that it opens is set to.
        expires_s: when it opens none any more, by the clock.
    """

    value: str
    session: Session
    expires_s: float


class ClientSecrets:
    """Those that were issued and have not expired; their number is bounded."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` is in seconds."""
        self._clock = clock
        self._issued: list[ClientSecret] = []

    def issue(self, session: Session, lasts_s: float) -> ClientSecret:
        """Return a new one, that opens sessions which begin with the settings of ``session``.

        Raises:
            TooManySecretsError: so many are in use that no more are kept.
        """
        self._forget_expired()
        if len(self._issued) >= _MOST_SECRETS:
            raise TooManySecretsError(f"{_MOST_SECRETS} client secrets are in use: wait until one expires")
        issued = ClientSecret(f"ek_{secrets.token_urlsafe(32)}", session, self._clock() + lasts_s)
        self._issued.append(issued)
        return issued

    def find(self, shown: Iterable[str]) -> ClientSecret | None:
        """Return the one that is among what a client has ``shown``."""
        self._forget_expired()
        # Every one is compared, so that the time taken tells nothing.
        matches = [one for text in shown for one in self._issued if _are_equal(text, one.value)]
        return matches[0] if matches else None

    def _forget_expired(self) -> None:
        now_s = self._clock()
        self._issued = [one for one in self._issued if one.expires_s > now_s]


def _are_equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
