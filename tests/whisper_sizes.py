"""The sizes Whisper was published in, by name: whisper/model.py@c0d2f62 and the configurations of its checkpoints."""

from __future__ import annotations

from engine.config import ModelDimensions


def _dims(n_mels: int, n_state: int, n_audio_layer: int, n_vocab: int, n_text_layer: int) -> ModelDimensions:
    return ModelDimensions(
        n_mels=n_mels,
        n_audio_ctx=1500,
        n_audio_state=n_state,
        n_audio_head=n_state // 64,
        n_audio_layer=n_audio_layer,
        n_vocab=n_vocab,
        n_text_ctx=448,
        n_text_state=n_state,
        n_text_head=n_state // 64,
        n_text_layer=n_text_layer,
    )


SIZES = {
    "tiny.en": _dims(80, 384, 4, 51864, 4),
    "tiny": _dims(80, 384, 4, 51865, 4),
    "base.en": _dims(80, 512, 6, 51864, 6),
    "base": _dims(80, 512, 6, 51865, 6),
    "small.en": _dims(80, 768, 12, 51864, 12),
    "small": _dims(80, 768, 12, 51865, 12),
    "medium.en": _dims(80, 1024, 24, 51864, 24),
    "medium": _dims(80, 1024, 24, 51865, 24),
    "large-v2": _dims(80, 1280, 32, 51865, 32),
    "large-v3": _dims(128, 1280, 32, 51866, 32),
    "large-v3-turbo": _dims(128, 1280, 32, 51866, 4),
    "distil-large-v3": _dims(128, 1280, 32, 51866, 2),
}
"""Dimensions by name."""

N_PARAMETERS = {
    "tiny": 37_760_640,
    "base": 72_593_920,
    "small": 241_734_912,
    "medium": 763_857_920,
    "large-v2": 1_543_304_960,
    "large-v3": 1_543_490_560,
    "large-v3-turbo": 808_878_080,
}
"""How many numbers Hugging Face's checkpoints of these hold, the positions of the encoder among them."""
