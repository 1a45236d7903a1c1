"""The text decoder over a batch of windows, with its cache: rows of tokens in, predictions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from max.driver import Buffer
from max.engine import Model
from numpy.typing import NDArray

from engine.captured_steps import CapturedSteps, Memory, decoder_inputs, new_self_kv
from engine.config import ModelDimensions
from engine.decoding import Prediction, Row
from engine.devices import Compute, place_each, place_together
from engine.encoded import EncodedAudio


@dataclass(frozen=True, slots=True)
class DecoderParts:
    """What the decoders of one model share.

    Attributes:
        model: the compiled graph.
        dims: the model's dimensions.
        compute: the device.
        rearranger: moves the rows of the cache on a GPU; None on the host, where NumPy does it.
        steps: captured on a GPU; None on the host.
    """

    model: Model
    dims: ModelDimensions
    compute: Compute
    rearranger: Model | None = None
    steps: CapturedSteps | None = None


class BatchDecoder:
    """The decoder over some windows, with the self KV of the tokens it was given (an ``engine.decoding.TextDecoder``).

    The cache is kept in place: a pass writes the new keys and values into the next slots and sees only the filled
    ones, so its cost follows the text, not the cache.  Rows that bring fewer tokens than the longest, and tokens that
    were forgotten, leave slots that are not visible.
    """

    def __init__(
        self,
        parts: DecoderParts,
        filters: Buffer,
        encoded: EncodedAudio,
        n_rows: int,
    ) -> None:
        self._parts, self._encoded = parts, encoded
        self._n_text_ctx, self._device = parts.dims.n_text_ctx, parts.compute.device
        self._lasting = parts.steps.memory_for(encoded, filters, n_rows) if parts.steps is not None else None
        if self._lasting is not None:
            self._lasting.lend(self, encoded, filters)
            self._memory = self._lasting.memory
        else:
            (mask,) = self._place(encoded.audio_mask())
            self._memory = Memory(new_self_kv(parts.dims, n_rows, parts.compute), encoded.cross_kv, mask, filters)
        self._visible = np.zeros((n_rows, 0), np.bool_)
        """(n_rows, n_slots): which filled slots hold a token of the row."""

    def advance(self, rows: Sequence[Row]) -> Prediction:
        """Append the tokens of every row and predict the successors of the sampled ones.

        The logits can be fetched until the next call.
        """
        n_slots, n_tokens = self._visible.shape[1], max(len(row.tokens) for row in rows)
        n_past = self._visible.sum(axis=1)[:, None]
        is_token = np.array([[i < len(row.tokens) for i in range(n_tokens)] for row in rows])
        positions = np.minimum(n_past + np.arange(n_tokens), self._n_text_ctx - 1)
        self._visible = np.concatenate([self._visible, is_token], axis=1)
        rules = [row.rules for row in rows]
        arrays = (
            _padded([row.tokens for row in rows], 0),
            positions,
            _padded([row.sampled for row in rows], 0),
            _padded([[rule.filter for rule in row] for row in rules], 0),
            _padded([[rule.times for rule in row] for row in rules], (0, 0)),
            visibility_mask(self._visible, n_tokens),
        )
        ids, logprobs, no_speech, logits = self._run(arrays, n_slots)
        return Prediction(ids.to_numpy(), logprobs.to_numpy(), no_speech.to_numpy(), logits.to_numpy)

    def _run(self, arrays: Sequence[NDArray[np.generic]], n_past: int) -> list[Buffer]:
        tokens, _, sampled, *_ = arrays
        if self._lasting is not None and tokens.shape[1] == sampled.shape[1] == 1:
            return self._lasting.step(arrays, n_past)
        outputs: list[Buffer] = self._parts.model.execute(*decoder_inputs(self._memory, self._place(*arrays), n_past))
        return outputs

    def truncate(self, n_tokens: Sequence[int]) -> None:
        """Forget all but the first ``n_tokens`` of each row."""
        self._visible &= self._visible.cumsum(axis=1) <= np.array(n_tokens)[:, None]
        filled = np.flatnonzero(self._visible.any(axis=0))
        self._visible = self._visible[:, : filled[-1] + 1 if len(filled) else 0]

    def keep(self, rows: Sequence[int]) -> bool:
        """Go on with ``rows`` alone where they are few and copying them is cheap: on the host."""
        if not self._device.is_host or len(rows) > _WORTH_COPYING * len(self._visible):
            return False
        self._encoded = self._encoded.selected(rows)
        self._memory.cross_kv, (self._memory.audio_mask,) = (
            self._encoded.cross_kv,
            self._place(self._encoded.audio_mask()),
        )
        self._remember(rows)
        return True

    def rearrange(self, rows: Sequence[int]) -> None:
        """Let row i go on from what row ``rows[i]`` remembers; all rows look at one window."""
        if list(rows) != list(range(len(self._visible))):
            self._remember(rows)

    def _remember(self, rows: Sequence[int]) -> None:
        """Let row i of the self KV be what ``rows[i]`` was."""
        n_slots = self._visible.shape[1]
        self._visible = self._visible[list(rows)]
        caches = self._memory.self_kv
        if self._parts.rearranger is not None:
            filled = (cache[:n_slots, :, :, :] for cache in caches)
            self._parts.rearranger.execute(*self._place(np.array(rows, np.int64)), *filled)
            return
        for i, cache in enumerate(caches):
            before = cache.to_numpy()
            after = np.empty((len(before), len(rows), *before.shape[2:]), before.dtype)
            after[:n_slots] = before[:n_slots, list(rows)]
            caches[i] = Buffer.from_numpy(after)

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


def _padded(rows: Sequence[Sequence[Any]], padding: Any) -> NDArray[np.int64]:  # noqa: ANN401  # ints or pairs of them
    n = max(map(len, rows))
    return np.array([[*row, *[padding] * (n - len(row))] for row in rows], np.int64)
