"""Words without their dress; the standard library alone, for programs in environments of their own use it too."""

from __future__ import annotations


def bare(word: str) -> str:
    """Return ``word`` without case and punctuation: two that are equal so are the same to a reader."""
    return "".join(c for c in word.casefold() if c.isalnum())
