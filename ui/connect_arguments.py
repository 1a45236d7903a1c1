"""What the command line says about a server elsewhere."""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from ui.decoding_arguments import add_text

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server's own protocol is spoken, and the token that was written behind it."""

    url: str
    token: str | None = None


def add_connecting(command: argparse.ArgumentParser) -> None:
    """Declare which server, what it hears, and what is asked of it."""
    where = "of the server or its page, as http://host:8000, host:8000 or https://host/#token=TOKEN"
    command.add_argument("address", type=_address, metavar="URL", help=where)
    source = command.add_argument_group("source (the microphone)").add_mutually_exclusive_group()
    source.add_argument("--device", metavar="NAME|N", help="part of a microphone's name, or its number in `devices`")
    source.add_argument("--file", type=Path, metavar="PATH", help="a recording, as fast as the server takes it")
    source.add_argument("--pipe", action="store_true", help="raw 16-bit PCM, 16 kHz mono, on standard input")
    command.add_argument("--paced", action="store_true", help="with --file: at the speed it was spoken")
    command.add_argument("--token-file", type=Path, metavar="FILE", help="has the token that the server wants")
    command.add_argument("--tls-ca", type=Path, metavar="FILE", help="trust certificates signed by this one, PEM")
    add_text(command)


def find_pointless(arguments: argparse.Namespace) -> str | None:
    """Return what of the arguments would do nothing, naming the flags; None where all do something."""
    if arguments.paced and arguments.file is None:
        return "--paced needs --file: microphones and pipes have their own pace"
    if arguments.token_file is not None and arguments.address.token is not None:
        return "--token-file and a token in the address contradict each other: give one of them"
    return None


def _address(text: str) -> Address:
    """Read the address of a server, or of the page that it shows."""
    place, _, fragment = text.partition("#")
    parts = _parts(place)
    if parts is None:
        given = place.partition("?")[0]  # what is behind may be a token
        raise argparse.ArgumentTypeError(f"must be an address as http://host:8000, got {given}")
    # The page asks beside itself, so that it may stand behind a prefix.
    path = parts.path if parts.path.strip("/") else "/"
    path += "stream" if path.endswith("/") else ""
    token, *_ = parse_qs(fragment).get("token", [None])
    return Address(parts._replace(scheme=_SCHEMES[parts.scheme], path=path).geturl(), token)


def _parts(place: str) -> SplitResult | None:
    with suppress(ValueError):
        parts = urlsplit(place if "://" in place else f"http://{place}")
        if parts.scheme in _SCHEMES and parts.hostname and parts.port != 0:
            return parts
    return None
