"""What the command line says about a server elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlsplit

from ui.decoding_arguments import add_text

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def add_connecting(command: argparse.ArgumentParser) -> None:
    """Declare which server, what it hears, and what is asked of it."""
    command.add_argument("url", type=_url, metavar="URL", help="of the server, as http://host:8000 or host:8000")
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
    return None


def _url(text: str) -> str:
    """Return the address of the server's own protocol."""
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise argparse.ArgumentTypeError(f"must be an address as http://host:8000, got {text}")
    path = parts.path if parts.path.strip("/") else "/stream"
    return parts._replace(scheme=_SCHEMES[parts.scheme], path=path).geturl()
