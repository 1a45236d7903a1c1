"""What the values of flags may be, and what becomes of their text."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path


def listed(text: str) -> tuple[str, ...]:
    """Return what stands between the commas, and nothing where nothing does."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def some_of(names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Return what reads a list of ``names``, which may be empty."""

    def read(text: str) -> tuple[str, ...]:
        found = listed(text)
        unknown = [name for name in found if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(names)}")
        return found

    return read


def count(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text}")
    return int(text)


def counts(text: str) -> tuple[int, ...]:
    """Read a list of at least one whole number above 0."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"must be whole numbers above 0, as 1,2,4, got {text}")
    return tuple(map(int, parts))


def number(least: float, most: float, what: str = "a number") -> Callable[[str], float]:
    """Return what reads a number from ``least`` to ``most``, both allowed; ``what`` tells its unit."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = most + 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be {what} between {least:g} and {most:g}, got {text}")
        return value

    return read


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number from ``least`` to ``most``, both allowed."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number between {least} and {most}, got {text}")
        return int(text)

    return read


def seconds(text: str) -> float:
    """Read a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, got {text}")
    return value


def wav_path(text: str) -> Path:
    """Read the name of a WAV file."""
    path = Path(text)
    if path.suffix.lower() != ".wav":
        raise argparse.ArgumentTypeError(f"must be a .wav file, got {text}")
    return path
