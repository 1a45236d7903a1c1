"""The text decoder over a batch of windows, with its cache: rows of tokens in, predictions out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from max.driver import Buffer
from max.dtype import DType
from max.engine import Model
from numpy.typing import NDArray

from engine.config import ModelDimensions
from engine.decoding import Prediction, Row
from engine.devices import Compute, place_each, place_together
from engine.encoded import EncodedAudio


class BatchDecoder:
    """The decoder over some windows, with the self KV of the tokens it was given (an ``engine.decoding.TextDecoder``).

    The cache is kept in place: a pass writes the new keys and values into the next slots and sees only the filled
    ones, so its cost follows the text, not the cache.  Rows that bring fewer tokens than the longest, and tokens that
    were forgotten, leave slots that are not visible.
    """

    def __init__(
        self,
        model: Model,
        filters: Buffer,
        encoded: EncodedAudio,
        n_rows: int,
        dims: ModelDimensions,
        compute: Compute,
    ) -> None:
        self._model, self._filters, self._dims, self._device = model, filters, dims, compute.device
        self._listen_to(encoded)
        # Room for the longest text behind the longest first pass, whatever was forgotten of that.
        shape = (dims.n_text_ctx * 3 // 2, n_rows, dims.n_text_head, dims.n_text_state // dims.n_text_head)
        self._self_kv = [Buffer(compute.target.dtype, shape, compute.device) for _ in range(2 * dims.n_text_layer)]
        self._visible = np.zeros((n_rows, 0), np.bool_)
        """(n_rows, n_slots): which filled slots hold a token of the row."""

    def advance(self, rows: Sequence[Row]) -> Prediction:
        """Append the tokens of every row and predict the successors of the sampled ones."""
        n_slots, n_tokens = self._visible.shape[1], max(len(row.tokens) for row in rows)
        n_past = self._visible.sum(axis=1)[:, None]
        is_token = np.array([[i < len(row.tokens) for i in range(n_tokens)] for row in rows])
        positions = np.minimum(n_past + np.arange(n_tokens), self._dims.n_text_ctx - 1)
        self._visible = np.concatenate([self._visible, is_token], axis=1)
        rules = [row.rules for row in rows]
        tokens, positions, mask, sampled, filter_rows, times = self._place(
            _padded([row.tokens for row in rows], 0),
            positions,
            visibility_mask(self._visible, n_tokens),
            _padded([row.sampled for row in rows], 0),
            _padded([[rule.filter for rule in row] for row in rules], 0),
            _padded([[rule.times for rule in row] for row in rules], (0, 0)),
        )
        ids, logprobs, no_speech, logits = self._model.execute(
            tokens,
            positions,
            mask,
            Buffer.from_numpy(np.array(n_slots, np.int64)),
            sampled,
            self._filters,
            filter_rows,
            times,
            self._audio_mask,
            *self._encoded.cross_kv,
            *(cache[: n_slots + n_tokens, :, :, :] for cache in self._self_kv),
        )
        return Prediction(ids.to_numpy(), logprobs.to_numpy(), no_speech.to_numpy(), logits.to_numpy)

    def truncate(self, n_tokens: Sequence[int]) -> None:
        """Forget all but the first ``n_tokens`` of each row."""
        self._visible &= self._visible.cumsum(axis=1) <= np.array(n_tokens)[:, None]
        filled = np.flatnonzero(self._visible.any(axis=0))
        self._visible = self._visible[:, : filled[-1] + 1 if len(filled) else 0]

    def keep(self, rows: Sequence[int]) -> bool:
        """Go on with ``rows`` alone where they are few and copying them is cheap: on the host."""
        if not self._device.is_host or len(rows) > _WORTH_COPYING * len(self._visible):
            return False
        self._listen_to(self._encoded.selected(rows))
        self._remember(rows)
        return True

    def rearrange(self, rows: Sequence[int]) -> None:
        """Let row i go on from what row ``rows[i]`` remembers; all rows look at one window."""
        if list(rows) != list(range(len(self._visible))):
            self._remember(rows)

    def _listen_to(self, encoded: EncodedAudio) -> None:
        self._encoded, (self._audio_mask,) = encoded, self._place(encoded.audio_mask())

    def _remember(self, rows: Sequence[int]) -> None:
        """Let row i of the self KV be what ``rows[i]`` was."""
        n_slots = self._visible.shape[1]
        self._visible = self._visible[list(rows)]
        for i, cache in enumerate(self._self_kv):
            # Through whole arrays on the host: copies between slices of buffers are not waited for.
            before = _as_bits(cache).to_numpy()
            after = np.empty((len(before), len(rows), *before.shape[2:]), before.dtype)
            after[:n_slots] = before[:n_slots, list(rows)]
            self._self_kv[i] = Buffer.from_numpy(after).view(cache.dtype).to(self._device)

    def _place(self, *arrays: NDArray[np.generic]) -> list[Buffer]:
        return (place_each if self._device.is_host else place_together)(arrays, self._device)


_WORTH_COPYING = 0.6
"""Below this share of unfinished rows, a step without the others pays for copying the rest."""


def visibility_mask(visible: NDArray[np.bool_], n_tokens: int) -> NDArray[np.float32]:
    """Return float32 (n_rows, n_tokens, n_slots): 0 where a new token may look, -inf elsewhere.

    Args:
        visible: (n_rows, n_slots), which slots hold a token of the row.
        n_tokens: how many of the slots, at the end, are new.  A token sees the visible slots up to its own, and its
            own even where it is padding: a row of -inf has no softmax.
    """
    n_slots = visible.shape[1]
    may_look = np.tri(n_tokens, n_slots, n_slots - n_tokens, dtype=np.bool_) & visible[:, None]
    may_look |= np.eye(n_tokens, n_slots, n_slots - n_tokens, dtype=np.bool_)
    return np.where(may_look, np.float32(0), np.float32(-np.inf))


def _as_bits(buffer: Buffer) -> Buffer:
    """A view that numpy understands: it has no bfloat16."""
    return buffer.view(DType.uint16) if buffer.dtype == DType.bfloat16 else buffer


def _padded(rows: Sequence[Sequence[Any]], padding: Any) -> NDArray[np.int64]:  # noqa: ANN401  # ints or pairs of them
    n = max(map(len, rows))
    return np.array([[*row, *[padding] * (n - len(row))] for row in rows], np.int64)
