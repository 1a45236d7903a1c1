"""A file to which text is added, safe on disk piece by piece."""

from __future__ import annotations

import os
from errno import ENOTDIR
from pathlib import Path
from stat import S_ISREG


class KeptFile:
    """Appends text to a file and sees that it reaches the disk, so that nothing said is lost."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Open ``path``, making its folder.

        Raises:
            FileExistsError: there is text in it already, and ``overwrite`` is off.
            OSError: it cannot be written.
        """
        make_room_for(path, overwrite=overwrite)
        # Unbuffered: a line that could not be written must not come back when the file is closed.
        self._file = path.open("wb", buffering=0)
        self._is_on_disk = S_ISREG(os.fstat(self._file.fileno()).st_mode)

    def append(self, text: str) -> None:
        """Write ``text`` behind all before.

        Raises:
            OSError: the disk is full, or gone.
        """
        content = text.encode()
        while content:
            content = content[self._file.write(content) :]
        if self._is_on_disk:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def make_room_for(path: Path, *, overwrite: bool) -> None:
    """Make the folder of ``path``, and see that no text would be lost by writing there.

    Raises:
        FileExistsError: there is text in it already, and ``overwrite`` is off.
        OSError: the folder cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(path.parent)) from error
    if not overwrite and path.is_file() and path.stat().st_size > 0:
        raise FileExistsError(path)
