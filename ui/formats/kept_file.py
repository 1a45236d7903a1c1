"""A file whose old content stays until there is something to put in its place."""

from __future__ import annotations

import io
import os
from errno import EISDIR, ENOTDIR
from pathlib import Path
from stat import S_ISREG
from typing import Any


class KeptFile(io.FileIO):
    """Is open for writing and as it was found, until it is begun; where it never is, a new one goes away again."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Open ``path``, making its folder.

        Raises:
            FileExistsError: there is something in it already, and ``overwrite`` is off.
            OSError: it cannot be written.
        """
        make_room_for(path, overwrite=overwrite)
        # Where a link leads: the link stays.
        self._new = None if path.exists() else path.resolve()
        super().__init__(path, "wb", opener=_opened_as_found)
        self._is_begun = False
        self._is_on_disk = S_ISREG(os.fstat(self.fileno()).st_mode)

    def begin(self) -> None:
        """Let go of what was found in it.

        Raises:
            OSError: the disk is gone.
        """
        if not self._is_begun and self._is_on_disk:
            self.truncate(0)
        self._is_begun = True

    def write(self, content: Any, /) -> int:  # noqa: ANN401  # any buffer; Python 3.11 has no name for them
        """Write, as its base does; that begins it."""
        self.begin()
        return super().write(content)

    def append(self, text: str) -> None:
        """Write all of ``text`` and see that it reaches the disk, so that nothing said is lost.

        Raises:
            OSError: the disk is full, or gone.
        """
        content = text.encode()
        while content:
            content = content[self.write(content) :]
        if self._is_on_disk:
            os.fsync(self.fileno())

    def close(self) -> None:
        """Close it; where nothing was begun, leave no new file behind."""
        was_open = not self.closed
        super().close()
        if was_open and self._new is not None and not self._is_begun:
            self._new.unlink(missing_ok=True)


def make_room_for(path: Path, *, overwrite: bool) -> None:
    """Make the folder of ``path``, and see that no text would be lost by writing there.

    Raises:
        FileExistsError: there is text in it already, and ``overwrite`` is off.
        OSError: the folder cannot be made, or ``path`` is one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(path.parent)) from error
    if path.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
    if not overwrite and path.is_file() and path.stat().st_size > 0:
        raise FileExistsError(path)


def _opened_as_found(path: str, flags: int) -> int:
    return os.open(path, flags & ~os.O_TRUNC, 0o666)
