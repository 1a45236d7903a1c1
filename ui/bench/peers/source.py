"""A program that no package registry has: one file of a commit, fetched once, and never another version of it."""

from __future__ import annotations

import hashlib
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from ui.bench.peers.environment import PeerError
from ui.bench.programs import SourceFile
from ui.paths import bench_folder

_LIMIT_S = 30.0
"""Without a byte."""


def source_folder(source: SourceFile, given: Path | None) -> Path:
    """Return the folder that has the file: ``given``, or one in the user's cache folder, filled where it is not yet.

    Raises:
        PeerError: it cannot be fetched, or is not in ``given``, or is another version there.
    """
    folder = given or bench_folder() / "peers" / "sources" / source.label
    path = folder / source.name
    if path.is_file() and _is_right(source, path.read_bytes()):
        return folder
    if given is not None:
        raise PeerError(f"{path} is not there, or is not that of commit {source.commit}")
    content = _fetched(source)
    folder.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"new-{path.name}")
    scratch.write_bytes(content)
    scratch.replace(path)
    return folder


def _fetched(source: SourceFile) -> bytes:
    try:
        with urlopen(source.address, timeout=_LIMIT_S) as answer:  # noqa: S310  # https, see ``address``
            content = bytes(answer.read())
    except (OSError, HTTPException) as error:
        hint = f"{source.flag} names a folder that has it"
        raise PeerError(f"{source.address} could not be fetched ({error}); {hint}") from error
    if not _is_right(source, content):
        raise PeerError(f"{source.address} is not what it was: its SHA-256 must be {source.sha256}")
    return content


def _is_right(source: SourceFile, content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == source.sha256
