"""Our checkpoints as models of Hugging Face."""

from __future__ import annotations

import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from engine.checkpoint import Checkpoint
from engine.checkpoints.names import HUGGING_FACE, under_their_names
from engine.config import ModelDimensions


def huggingface_model(checkpoint: Checkpoint) -> WhisperForConditionalGeneration:
    """Return the checkpoint's weights, as they are stored, under the model's own names."""
    with torch.device("meta"):
        model = WhisperForConditionalGeneration(huggingface_config(checkpoint.dimensions))
    theirs = under_their_names(checkpoint.weights, HUGGING_FACE)
    weights = {f"model.{name}": torch.from_numpy(values) for name, values in theirs.items()}
    weights["proj_out.weight"] = weights["model.decoder.embed_tokens.weight"]
    model.load_state_dict(weights, assign=True)
    return model.float().eval()


def huggingface_config(dims: ModelDimensions) -> WhisperConfig:
    return WhisperConfig(
        vocab_size=dims.n_vocab,
        num_mel_bins=dims.n_mels,
        d_model=dims.n_audio_state,
        encoder_layers=dims.n_audio_layer,
        encoder_attention_heads=dims.n_audio_head,
        encoder_ffn_dim=4 * dims.n_audio_state,
        max_source_positions=dims.n_audio_ctx,
        decoder_layers=dims.n_text_layer,
        decoder_attention_heads=dims.n_text_head,
        decoder_ffn_dim=4 * dims.n_text_state,
        max_target_positions=dims.n_text_ctx,
    )
