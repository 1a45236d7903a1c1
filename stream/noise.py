"""How loud a stream is when nobody speaks: pure."""

from __future__ import annotations

import numpy as np

_N_FRAMES = 333
"""Ten seconds of VAD frames: nobody speaks so long without a pause between two words."""
_FEWEST_FRAMES = 31
_PERCENTILE = 10
_LOUDEST_POWER = 32768.0**2 * 10**-4.1
"""-41 dBFS: what is always louder is a voice close by, without a pause, rather than noise."""


class NoiseFloor:
    """The power below which a tenth of the last ten seconds lies (minimum statistics, Martin 2001, made simple)."""

    def __init__(self) -> None:
        self._powers = np.zeros(_N_FRAMES)
        self._n_received = 0

    @property
    def power(self) -> float:
        """Mean square of the samples of noise; 0 while too little was heard."""
        if self._n_received < _FEWEST_FRAMES:
            return 0.0
        heard = self._powers[: self._n_received]
        nth = len(heard) * _PERCENTILE // 100
        return min(float(np.partition(heard, nth)[nth]), _LOUDEST_POWER)

    def receive_power(self, power: float) -> None:
        """Take the mean square of the next frame's samples."""
        self._powers[self._n_received % _N_FRAMES] = power
        self._n_received += 1
