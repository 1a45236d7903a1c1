"""Texts as words: where two of them differ, with and without Whisper's normaliser."""

from __future__ import annotations

from collections.abc import Sequence

import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

from ui.scoring.bare import bare

_normalize = EnglishTextNormalizer()


def word_errors(script: str, text: str) -> jiwer.WordOutput:
    """Hold ``text`` against ``script``, both normalised as Whisper's authors do for English."""
    return jiwer.process_words(_normalize(script), _normalize(text))


def n_words(text: str) -> int:
    """Return how many words ``text`` has, normalised in that way."""
    return len(_normalize(text).split())


def shown_words(text: str) -> list[str]:
    """Return the words of ``text`` as they stand there; a dash by itself is none."""
    return [word for word in text.split() if bare(word)]


def paired_words(reference: Sequence[str], heard: Sequence[str]) -> list[tuple[int, int]]:
    """Return which word of ``reference`` each of ``heard`` stands for, as indices in rising order.

    Both are bare words.  The pairs are those of an alignment with the fewest errors, wrong words among them; what
    was left out or made up is in no pair.
    """
    if not reference or not heard:
        return []
    (chunks,) = jiwer.process_words(" ".join(reference), " ".join(heard)).alignments
    pairs: list[tuple[int, int]] = []
    for chunk in chunks:
        if chunk.type in {"equal", "substitute"}:
            pairs += zip(
                range(chunk.ref_start_idx, chunk.ref_end_idx),
                range(chunk.hyp_start_idx, chunk.hyp_end_idx),
                strict=True,
            )
    return pairs
