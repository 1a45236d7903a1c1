"""Make tests/golden/log_mel.npz, what test_log_mel.py compares with.

Run once, with faster-whisper 1.2.1 and the mel_filters.npz of whisper/assets@c0d2f62 (openai/whisper, 2025-06-25):
    python tests/make_golden_log_mel.py mel_filters.npz
In it: OpenAI's filter banks as they are; and of faster-whisper's log-mel of ``synthetic_audio``, padded to 30 s, the
frames ``FRAMES``, for 80 and 128 channels.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FRAMES = (0, 1, 2, 3, 50, 119, 161, 222, 284, 333, 398, 399, 400, 401, 402, 1000, 2998, 2999)


def synthetic_audio() -> NDArray[np.int16]:
    """Four seconds of a rising triangle wave, loud, then faint, then loud; integers only, so the same everywhere."""
    i = np.arange(64_000, dtype=np.int64)
    phase = (i * (600 + i // 8)) % 65_536
    wave = np.abs(phase - 32_768) - 16_384
    amplitude = np.where((i // 16_000) % 3 == 1, 40, 20_000)
    return (wave * amplitude // 16_384).astype(np.int16)


def main() -> None:
    from faster_whisper.feature_extractor import FeatureExtractor

    filters = np.load(sys.argv[1])
    window = np.zeros(480_000, np.float32)
    window[:64_000] = synthetic_audio() / 32_768
    spectrograms = {
        f"log_mel_{n}": FeatureExtractor(feature_size=n)(window, padding=0)[:, list(FRAMES)].astype(np.float32)
        for n in (80, 128)
    }
    path = Path(__file__).parent / "golden" / "log_mel.npz"
    np.savez_compressed(path, mel_80=filters["mel_80"], mel_128=filters["mel_128"], **spectrograms)


if __name__ == "__main__":
    main()
