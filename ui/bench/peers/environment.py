"""Environments of the peers: made on demand, kept in the user's cache folder, apart from ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ui.paths import bench_folder


class PeerError(Exception):
    """A peer cannot be set up or failed; the message says which and why."""


def environment(requirements: tuple[str, ...], alone: tuple[str, ...] = (), name: str = "") -> Path:
    """Return the Python of an environment that holds ``requirements``, made by this machine's pip where it is missing.

    Args:
        requirements: what to install, with what it needs.
        alone: what to install without what it asks for, much of which it does not need here.
        name: of the environment; else the first of ``alone`` names it, or of ``requirements`` where that is empty.

    Raises:
        PeerError: pip cannot install them.
    """
    name = name or (*alone, *requirements)[0].replace("==", "-")
    folder = bench_folder() / "peers" / name
    python, ready = folder / "bin" / "python", folder / "ready"
    wanted = "\n".join((*alone, *requirements))
    if ready.is_file() and ready.read_text(encoding="utf-8") == wanted:
        return python
    sys.stderr.write(f"Setting up {name} in {folder}, once.\n")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands = [[sys.executable, "-m", "venv", "--clear", str(folder)], [*pip, *requirements]]
    commands += [[*pip, "--no-deps", *alone]] if alone else []
    for command in commands:
        done = subprocess.run(command, env=clean_variables(), check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise PeerError(f"could not be installed: {_last_line(done.stderr or done.stdout)}")
    ready.write_text(wanted, encoding="utf-8")
    return python


def clean_variables() -> dict[str, str]:
    """Return the environment variables as Python knows them.

    MAX, once imported, sets PYTHONEXECUTABLE behind Python's back; a Python started with that forgets which environment
    it belongs to, and its pip installs elsewhere.
    """
    return dict(os.environ)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "pip gave no reason")
