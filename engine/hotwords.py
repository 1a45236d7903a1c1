"""Words that are likely to come and too many for the prompt: a trie of their tokens, and where in it a text stands.

Shallow fusion on a context graph, as Zhao et al. 2019 (Shallow-Fusion End-to-End Contextual Biasing) and k2's
ContextGraph have it, for a search that takes nothing back: the tokens that begin or continue a
hotword get a boost.  What it is worth beside a prompt: docs/decisions/0009-hotwords.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

MOST_NODES = 128
"""Each is a row of the vocabulary's length, 0.2 MB, of a table that every window with these words brings along."""
_USUAL_WORD = 4
"""Where not even such a word fits, the rest is not looked at."""


class Hotwords:
    """A trie of token sequences; node 0 is its root.

    Args:
        words: the tokens of each word or phrase; those that do not fit into ``MOST_NODES`` are left out.
    """

    def __init__(self, words: Iterable[Sequence[int]]) -> None:
        self._children: list[dict[int, int]] = [{}]
        self._longest = 0
        for word in words:
            if self.n_nodes + len(word) > MOST_NODES:
                if self.n_nodes + _USUAL_WORD > MOST_NODES:
                    break
                continue
            self._longest = max(self._longest, len(word))
            node = 0
            for id in word:
                if id not in self._children[node]:
                    self._children[node][id] = len(self._children)
                    self._children.append({})
                node = self._children[node][id]

    @property
    def n_nodes(self) -> int:
        """How many nodes there are, the root included."""
        return len(self._children)

    def node_after(self, ids: Sequence[int]) -> int:
        """Return the deepest node that the end of ``ids`` spells and that goes on; 0 where it spells none."""
        for n in range(min(self._longest - 1, len(ids)), 0, -1):
            node: int | None = 0
            for id in ids[-n:]:
                node = self._children[node].get(id) if node is not None else None
            if node is not None and self._children[node]:
                return node
        return 0

    def boosts(self, n_vocab: int, boost: float) -> NDArray[np.float32]:
        """Return float32 (n_nodes, n_vocab), what is added to the logits of the tokens that go on from each node.

        Everywhere another hotword may begin.
        """
        table = np.zeros((self.n_nodes, n_vocab), np.float32)
        for node, children in enumerate(self._children):
            table[node, [*children, *self._children[0]]] = boost
        return table
