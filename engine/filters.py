"""What is added to a vocabulary's logits before the pick, as the options ask: suppressed tokens and hotwords."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.checkpoint import Checkpoint
from engine.hotwords import Hotwords
from engine.options import DecodingOptions
from engine.rules import Filter
from engine.tokenizer import Tokenizer

_USUAL = -1
"""Among the tokens to suppress, stands for those of the checkpoint (whisper/decoding.py)."""


@dataclass(frozen=True, slots=True, eq=False)
class FilterTable:
    """Rows to add to logits.

    Attributes:
        rows: float32 (n_rows, n_vocab): those of ``Filter``; with hotwords then one for the start of a text, and one
            for each of their nodes.
        hotwords: None where there are none.
    """

    rows: NDArray[np.float32]
    hotwords: Hotwords | None = None


class TokenFilters:
    """Makes the filter tables of one checkpoint.

    Args:
        checkpoint: whose lists of suppressed tokens are the usual ones.
        tokenizer: of the checkpoint.
    """

    def __init__(self, checkpoint: Checkpoint, tokenizer: Tokenizer) -> None:
        self._checkpoint, self._tokenizer = checkpoint, tokenizer
        self._known_table = lru_cache(8)(self._make_table)

    def table(self, options: DecodingOptions, hotwords: tuple[str, ...] = ()) -> FilterTable:
        """Return the table for ``options`` and a boost of ``hotwords``: the same one for the same wishes."""
        return self._known_table(options.suppress_tokens, options.suppress_blank, hotwords, options.hotword_boost)

    def _make_table(
        self, suppress_tokens: tuple[int, ...], suppress_blank: bool, hotwords: tuple[str, ...], boost: float
    ) -> FilterTable:
        rows = self._base(suppress_tokens, suppress_blank=suppress_blank)
        trie = Hotwords(self._tokenizer.encode(" " + word.strip()) for word in hotwords)
        if trie.n_nodes == 1:
            return FilterTable(rows)
        boosts = trie.boosts(rows.shape[1], boost)
        at_start = rows[Filter.AT_START] + boosts[:1]
        return FilterTable(np.concatenate([rows, at_start, rows[Filter.ANYWHERE] + boosts]), trie)

    def _base(self, suppress_tokens: Sequence[int], *, suppress_blank: bool) -> NDArray[np.float32]:
        """The rows of ``Filter``: 0 where a token may be picked, -inf elsewhere.

        Timestamps are left to the ranges of ``Rule``.  whisper/decoding.py@c0d2f62, SuppressTokens and SuppressBlank.
        """
        checkpoint, tokenizer = self._checkpoint, self._tokenizer
        usual = checkpoint.suppress_ids if _USUAL in suppress_tokens else ()
        suppressed = [*usual, *(id for id in suppress_tokens if id != _USUAL), *self._never]
        table = np.zeros((len(Filter), checkpoint.dimensions.n_vocab), np.float32)
        table[:, suppressed] = -np.inf
        if suppress_blank:
            table[Filter.AT_START, list(checkpoint.begin_suppress_ids)] = -np.inf
        table[Filter.TIME_OR_END, : tokenizer.eot] = -np.inf
        table[Filter.TIME, : tokenizer.first_timestamp] = -np.inf
        return table

    @property
    def _never(self) -> tuple[int, ...]:
        """Special tokens that are part of no text, those of languages not counted: as the reference has it."""
        tokenizer = self._tokenizer
        return (tokenizer.sot, *range(min(tokenizer.translate, tokenizer.transcribe), tokenizer.first_timestamp))


class BatchFilters:
    """The tables of windows that are decoded together, as one.

    Attributes:
        rows: float32 (n_rows, n_vocab), all of them.
    """

    def __init__(self, tables: Sequence[FilterTable]) -> None:
        distinct = list(dict.fromkeys(tables))
        starts: list[int] = np.cumsum([0, *(len(table.rows) for table in distinct)]).tolist()
        self._first_rows: dict[FilterTable, int] = dict(zip(distinct, starts, strict=False))
        self.rows = distinct[0].rows if len(distinct) == 1 else np.concatenate([table.rows for table in distinct])

    def first_row(self, table: FilterTable) -> int:
        """Return where ``table`` begins among ``rows``."""
        return self._first_rows[table]
