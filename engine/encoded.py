"""Encoded audio: what the encoder leaves on the device for the decoder to listen to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from max.driver import Buffer
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class EncodedAudio:
    """Windows of encoded audio.

    Attributes:
        cross_kv: per decoder layer key and value, (n_windows, n_audio_ctx, n_text_head, d_head), in half precision on a
            CPU; n_audio_ctx is that of the longest window, and behind the shorter ones are zeros.
        n_positions: how many positions of 20 ms each window has.
    """

    cross_kv: tuple[Buffer, ...]
    n_positions: tuple[int, ...]

    @property
    def n_windows(self) -> int:
        """How many windows these are."""
        return len(self.n_positions)

    def window(self, i: int) -> EncodedAudio:
        """Return window ``i`` alone."""
        n = self.n_positions[i]
        return EncodedAudio(tuple(_front_of_window(kv, i, n) for kv in self.cross_kv), (n,))

    def positions(self, first: int, last: int) -> EncodedAudio:
        """Return a copy of what the only window holds from position ``first`` up to ``last``; on the host only."""
        assert self.n_windows == 1
        last = min(last, self.n_positions[0])
        cross_kv = (kv.to_numpy()[:, first:last].copy() for kv in self.cross_kv)
        return EncodedAudio(tuple(map(Buffer.from_numpy, cross_kv)), (last - first,))

    def selected(self, windows: Sequence[int]) -> EncodedAudio:
        """Return copies of some windows; on the host only."""
        n_positions = tuple(self.n_positions[i] for i in windows)
        cross_kv = (kv.to_numpy()[list(windows), : max(n_positions)] for kv in self.cross_kv)
        return EncodedAudio(tuple(map(Buffer.from_numpy, cross_kv)), n_positions)

    def audio_mask(self) -> NDArray[np.float32]:
        """Return float32 (n_windows, n_audio_ctx): 0 where a window has a position, -inf behind it."""
        places = np.arange(max(self.n_positions))
        return np.where(places < np.array(self.n_positions)[:, None], np.float32(0), np.float32(-np.inf))


def join(windows: Sequence[EncodedAudio]) -> EncodedAudio:
    """Put windows, one each, behind one another; on the host only."""
    if len(windows) == 1:
        return windows[0]
    n_positions = tuple(window.n_positions[0] for window in windows)
    kinds = zip(*(window.cross_kv for window in windows), strict=True)
    cross_kv = (_padded([kv.to_numpy()[0] for kv in kind], max(n_positions)) for kind in kinds)
    return EncodedAudio(tuple(cross_kv), n_positions)


def _padded(windows: Sequence[NDArray[np.generic]], n_positions: int) -> Buffer:
    joined = np.zeros((len(windows), n_positions, *windows[0].shape[1:]), windows[0].dtype)
    for place, window in zip(joined, windows, strict=True):
        place[: len(window)] = window
    return Buffer.from_numpy(joined)


def _front_of_window(kv: Buffer, i: int, n_positions: int) -> Buffer:
    # MAX takes slices only if they are of one piece; of one window numpy makes one.
    if n_positions == kv.shape[1]:
        return kv[i : i + 1, :, :, :]
    return Buffer.from_numpy(kv.to_numpy()[i : i + 1, :n_positions])
