"""The vocabulary of a checkpoint as Hugging Face's tokenizer.json, which faster-whisper would get from the hub."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any


def tokenizer_fields(vocabulary: Sequence[str], n_text: int) -> dict[str, Any]:
    """Return what tokenizer.json holds for a byte-level BPE whose first ``n_text`` tokens are text."""
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": id, "content": token} | special for id, token in enumerate(vocabulary) if id >= n_text]
    ids = {token: id for id, token in enumerate(vocabulary[:n_text])}
    return {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": level,
        "decoder": level,
        "model": {"type": "BPE", "vocab": ids, "merges": merges(ids)},
    }


def merges(ids: dict[str, int]) -> list[tuple[str, str]]:
    """Return of which two tokens each longer one was made, in the order of their ids, in which they were made."""
    made = ((token, _parts(token, ids)) for token in ids if len(token) > 1)
    return [(parts[0], parts[1]) for _, parts in made if len(parts) == 2]


def _parts(token: str, ids: dict[str, int]) -> list[str]:
    """What is left of the letters of ``token`` when all merges older than it were applied, the oldest first."""
    parts, age = list(token), ids[token]
    while True:
        ages = [ids.get(a + b, age) for a, b in pairwise(parts)]
        oldest = min(ages, default=age)
        if oldest >= age:
            return parts
        at = ages.index(oldest)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
