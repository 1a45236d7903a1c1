"""How loud a stream is when nobody speaks: pure."""

from __future__ import annotations

import math

import numpy as np

_N_FRAMES = 333
"""Ten seconds of VAD frames: nobody speaks so long without a pause between two words."""
_FEWEST_FRAMES = 31
_NOISE_PERCENTILE = 10
_VOICE_PERCENTILE = 85
"""What is louder for no longer than a second and a half of them is a cough or a door, far above any voice."""
_SHARE = 0.25
"""Of the way from the noise up to the voice: all of a margin is asked for only where a voice is far above the noise."""
_LOUDEST_POWER = 32768.0**2 * 10**-4.1
"""-41 dBFS: what is always louder is a voice close by, without a pause, rather than noise."""
_LEAST_POWER = 1e-3
"""Below that of the smallest sample in a frame: digital silence has a level too."""


class NoiseFloor:
    """What a tenth of the last ten seconds lies below, and what a voice must be louder than.

    Minimum statistics (Martin 2001), made simple; the threshold between the quietest and the loudest, in dB, is that of
    the energy detectors before (Rabiner and Sambur 1975).
    """

    def __init__(self) -> None:
        self._powers = np.zeros(_N_FRAMES)
        self._n_received = 0

    def threshold_power(self, margin_db: float) -> float:
        """Return the mean square above which samples may be a voice's; 0 while too little was heard.

        Args:
            margin_db: how much louder than the noise a voice is, at most; less where voice and noise are close.
        """
        if self._n_received < _FEWEST_FRAMES:
            return 0.0
        heard = self._powers[: self._n_received]
        nths = [len(heard) * percentile // 100 for percentile in (_NOISE_PERCENTILE, _VOICE_PERCENTILE)]
        quiet, loud = (max(_LEAST_POWER, float(power)) for power in np.partition(heard, nths)[nths])
        noise = min(quiet, _LOUDEST_POWER)
        way = math.log10(loud / noise)
        return noise * math.pow(10, min(margin_db / 10, _SHARE * way))

    def receive_power(self, power: float) -> None:
        """Take the mean square of the next frame's samples."""
        self._powers[self._n_received % _N_FRAMES] = power
        self._n_received += 1
