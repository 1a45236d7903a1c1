"""Make tests/golden/reference.npz, what test_reference_whisper.py compares with: tiny.en in CTranslate2, float32.

Run once, with ctranslate2 4.8.5, from the repository:  PYTHONPATH=. python tests/make_golden_reference.py FOLDER
FOLDER is the packaged tiny.en's.  In it, for ``synthetic_audio``: some of the encoder's output; the greedy tokens
that follow the SOT sequence, nothing suppressed; and some of the logits each was picked from.
"""

import sys
from pathlib import Path

import numpy as np
from make_golden_log_mel import synthetic_audio

from engine.log_mel import log_mel_spectrogram

POSITIONS = slice(0, 1500, 53)
STATES = slice(0, 384, 5)
VOCABULARY = slice(0, 51864, 307)
SOT_SEQUENCE = (50257, 50362)
N_TOKENS = 8


def main() -> None:
    import ctranslate2

    model = ctranslate2.models.Whisper(sys.argv[1], device="cpu", compute_type="float32")
    mel = ctranslate2.StorageView.from_array(log_mel_spectrogram(synthetic_audio())[None])
    features = np.array(model.encode(mel))[0]
    [generated] = model.generate(
        mel,
        [list(SOT_SEQUENCE)],
        beam_size=1,
        max_length=len(SOT_SEQUENCE) + N_TOKENS,
        suppress_blank=False,
        suppress_tokens=[],
        return_logits_vocab=True,
    )
    logits = np.stack([np.array(step).ravel() for step in generated.logits[0]])
    np.savez_compressed(
        Path(__file__).parent / "golden" / "reference.npz",
        features=features[POSITIONS, STATES],
        tokens=generated.sequences_ids[0],
        logits=logits[:, VOCABULARY],
    )


if __name__ == "__main__":
    main()
