"""ModelDimensions: what is no model is refused by name."""

import pytest

from engine.config import ModelDimensions

TINY = {
    "n_mels": 80,
    "n_audio_ctx": 1500,
    "n_audio_state": 384,
    "n_audio_head": 6,
    "n_audio_layer": 4,
    "n_vocab": 51864,
    "n_text_ctx": 448,
    "n_text_state": 384,
    "n_text_head": 6,
    "n_text_layer": 4,
}


@pytest.mark.parametrize("field", TINY)
def test_every_dimension_is_positive(field: str):
    with pytest.raises(ValueError, match=rf"{field} must be at least 1, got 0"):
        ModelDimensions(**TINY | {field: 0})


@pytest.mark.parametrize("part", ["audio", "text"])
def test_heads_divide_the_state(part: str):
    with pytest.raises(ValueError, match=rf"n_{part}_state must be a multiple of n_{part}_head, got 384 and 5"):
        ModelDimensions(**TINY | {f"n_{part}_head": 5})


def test_encoder_and_decoder_are_equally_wide():
    with pytest.raises(ValueError, match="must be equal, got 384 and 768"):
        ModelDimensions(**TINY | {"n_text_state": 768})


def test_equal_dimensions_have_equal_representations():
    """The representation is part of the key under which compiled graphs are kept."""
    assert repr(ModelDimensions(**TINY)) == repr(ModelDimensions(**TINY))
    assert repr(ModelDimensions(**TINY)) != repr(ModelDimensions(**TINY | {"n_mels": 128}))
