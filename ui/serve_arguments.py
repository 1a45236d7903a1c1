"""What the command line says about serving, and the settings that come of it.

A flag that is not given leaves no trace among the arguments, so that each limit keeps its own default.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ui.flag_values import count, listed, seconds

if TYPE_CHECKING:
    from ui.server.limits import Limits

_ABSENT = argparse.SUPPRESS
_LEAST_QUEUE_S = 28.0
_SHORTEST_TOKEN = 16
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def add_serving(command: argparse.ArgumentParser) -> None:
    """Declare where and how the server listens, and what clients may use."""
    command.set_defaults(paced=True)
    config = "TOML with these flags' names, as port = 8000; MAX_WHISPER_PORT=8000 does the same, a flag beats both"
    command.add_argument("--config", type=Path, metavar="FILE", help=config)
    command.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where it listens (127.0.0.1)")
    command.add_argument("--port", type=_port, default=8000, metavar="N", help="on which port, 0 for any (8000)")
    wyoming = "and there for Home Assistant, on this machine alone unless --no-token: it shows no tokens (nowhere)"
    command.add_argument("--wyoming-port", type=_port, metavar="N", help=wyoming)
    command.add_argument("--batch-size", type=count, default=8, metavar="N", help="utterances decoded together (8)")
    command.add_argument("--log-format", choices=("text", "json"), default="text", help="of the log on stderr (text)")
    _add_access(command)
    _add_limits(command)


def _add_access(command: argparse.ArgumentParser) -> None:
    add = command.add_argument_group("who may use it").add_argument
    add("--token-file", type=Path, metavar="FILE", help="tokens, one a line: one of them must be shown")
    add("--no-token", action="store_true", help="serve whoever reaches the port, from other machines too")
    origins = "web pages besides our own that may use it, as https://example.org; * for all"
    add("--allow-origin", type=listed, default=(), metavar="ORIGIN,…", help=origins)
    add("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM: then it speaks HTTPS")
    add("--tls-key", type=Path, metavar="FILE", help="its key, PEM (in --tls-cert)")
    proxies = "whose X-Forwarded-For is believed"
    add("--trusted-proxies", type=listed, default=(), metavar="ADDRESS,…", help=proxies)


def _add_limits(command: argparse.ArgumentParser) -> None:
    add = partial(command.add_argument_group("limits").add_argument, default=_ABSENT)
    add("--max-streams", dest="streams", type=count, metavar="N", help="streams at once (32)")
    add("--max-session-s", dest="session_s", type=seconds, metavar="S", help="the longest session, and upload (14400)")
    add("--max-message-bytes", dest="message_bytes", type=count, metavar="N", help="the biggest message (25165824)")
    add("--max-upload-bytes", dest="upload_bytes", type=count, metavar="N", help="the biggest file (536870912)")
    add("--max-lag-s", dest="lag_s", type=seconds, metavar="S", help="begin no stream while one is as late (3)")
    add("--idle-s", type=seconds, metavar="S", help="how long a client may be silent (60)")
    add("--queue-s", type=_queue_seconds, metavar="S", help="speech of a stream that may wait for the model (60)")
    add("--outbox-bytes", type=count, metavar="N", help="what may wait for a client that reads slowly (1048576)")
    add("--resume-s", type=seconds, metavar="S", help="how long a client that was cut off may stay away (60)")
    add("--drain-s", type=seconds, metavar="S", help="how long finishing may take after SIGTERM (30)")


def find_unsafe(arguments: argparse.Namespace) -> str | None:
    """Return what of the arguments would leave the server open, or cannot be done; None where all is well."""
    is_local, has_token = arguments.host in _LOOPBACK, arguments.token_file is not None
    if not (is_local or has_token or arguments.no_token):
        return f"--host {arguments.host} needs --token-file, or --no-token where everybody who reaches it may use it"
    if has_token and arguments.no_token:
        return "--token-file and --no-token contradict each other"
    if arguments.tls_key is not None and arguments.tls_cert is None:
        return "--tls-key needs --tls-cert"
    return None


def limits(arguments: argparse.Namespace) -> Limits:
    """Return the limits that the arguments set."""
    from ui.server.limits import Limits

    given = vars(arguments)
    return Limits(**{field.name: given[field.name] for field in fields(Limits) if field.name in given})


def read_tokens(path: Path | None) -> list[str]:
    """Return the tokens of a file; none where there is no file.

    Raises:
        OSError: it cannot be read.
        ValueError: it has no token, or one that is too short.
    """
    if path is None:
        return []
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not tokens:
        raise ValueError(f"{path} has no token in it: write one a line")
    if any(len(token) < _SHORTEST_TOKEN for token in tokens):
        raise ValueError(f"{path} has a token of fewer than {_SHORTEST_TOKEN} characters: make a longer one")
    if os.name == "posix" and path.stat().st_mode & 0o004:
        raise ValueError(f"{path} can be read by everybody on this machine: chmod 600 {path}")
    return tokens


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 65535, got {text}")
    return int(text)


def _queue_seconds(text: str) -> float:
    if seconds(text) < _LEAST_QUEUE_S:
        raise argparse.ArgumentTypeError(f"must be at least {_LEAST_QUEUE_S:g}, the longest utterance, got {text}")
    return float(text)
