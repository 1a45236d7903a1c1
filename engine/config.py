"""The shape of a Whisper, in the reference's own names (whisper/model.py@c0d2f62, ModelDimensions)."""

from __future__ import annotations

from dataclasses import dataclass, fields

WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages written without spaces between words: whisper/tokenizer.py@c0d2f62, split_to_word_tokens."""


def has_spaces(language: str, *, is_translated: bool) -> bool:
    """Return whether a text of what is said in ``language`` has spaces between words: a translation is English."""
    return is_translated or language not in WITHOUT_SPACES


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelDimensions:
    """How large each part of a model is.

    Attributes:
        n_mels: log-mel channels, 80 or 128.
        n_audio_ctx: encoder positions in a full window, 20 ms each: 1500 are 30 s.
        n_audio_state, n_audio_head, n_audio_layer: width, attention heads and layers of the encoder.
        n_vocab: tokens, special ones included.
        n_text_ctx: decoder positions.
        n_text_state, n_text_head, n_text_layer: width, attention heads and layers of the decoder.
    """

    n_mels: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_vocab: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"{field.name} must be at least 1, got {getattr(self, field.name)}")
        for part in ("audio", "text"):
            n_state, n_head = getattr(self, f"n_{part}_state"), getattr(self, f"n_{part}_head")
            if n_state % n_head:
                raise ValueError(f"n_{part}_state must be a multiple of n_{part}_head, got {n_state} and {n_head}")
        if self.n_audio_state != self.n_text_state:
            raise ValueError(
                f"n_audio_state and n_text_state must be equal, got {self.n_audio_state} and {self.n_text_state}"
            )
