"""Hugging Face's Whisper folders: config.json, safetensors in one file or several, and the tokenizer's files.

What a fine-tuned model leaves out is taken to be as in OpenAI's model of its size.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from engine.checkpoints.config_file import alignment_heads, is_index, read_object, token_ids
from engine.checkpoints.names import HUGGING_FACE, under_our_names
from engine.checkpoints.safetensors_file import read_safetensors
from engine.checkpoints.stored import Array, StoredModel
from engine.checkpoints.vocabularies import (
    timestamps,
    usual_alignment_heads,
    usual_begin_suppress_ids,
    usual_suppress_ids,
)
from engine.config import ModelDimensions
from engine.errors import CheckpointError

_DIMENSIONS = {
    "n_mels": "num_mel_bins",
    "n_audio_ctx": "max_source_positions",
    "n_audio_state": "d_model",
    "n_audio_head": "encoder_attention_heads",
    "n_audio_layer": "encoder_layers",
    "n_vocab": "vocab_size",
    "n_text_ctx": "max_target_positions",
    "n_text_state": "d_model",
    "n_text_head": "decoder_attention_heads",
    "n_text_layer": "decoder_layers",
}


def is_hugging_face(folder: Path) -> bool:
    """Tell whether the config.json in ``folder`` is one of Hugging Face's: those name the type of the model."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and "model_type" in config


def read_hugging_face(folder: Path) -> StoredModel:
    """Read the Hugging Face Whisper in ``folder``.

    Raises:
        CheckpointError: something is missing or damaged, or it is another kind of model.
    """
    config = read_object(folder / "config.json")
    if config["model_type"] != "whisper":
        raise CheckpointError(
            f"{folder} holds a model of type {config['model_type']!r}, not a Whisper. Give the folder of a Whisper."
        )
    dimensions = _dimensions(config, folder / "config.json")
    tensors = _read_weights(folder)
    _check_projection(tensors, folder)
    vocabulary = _read_vocabulary(folder, dimensions.n_vocab)
    path = folder / "generation_config.json"
    generation = (read_object(path) if path.is_file() else {}) or config
    heads = generation.get("alignment_heads")
    n_vocab = dimensions.n_vocab
    first = _suppressed(folder, generation, config, "begin_suppress_tokens", n_vocab)
    always = _suppressed(folder, generation, config, "suppress_tokens", n_vocab)
    return StoredModel(
        dimensions=dimensions,
        tensors=under_our_names(tensors, HUGGING_FACE, dimensions, folder),
        vocabulary=vocabulary,
        suppress_ids=usual_suppress_ids(vocabulary) if always is None else always,
        begin_suppress_ids=usual_begin_suppress_ids(vocabulary) if first is None else first,
        alignment_heads=usual_alignment_heads(dimensions)
        if heads is None
        else alignment_heads(heads, path, dimensions),
    )


def _dimensions(config: dict[str, Any], path: Path) -> ModelDimensions:
    found = {}
    for ours, theirs in _DIMENSIONS.items():
        if not is_index(config.get(theirs)):
            raise CheckpointError(
                f"{path} has no whole number {theirs!r}, which every Whisper has, but {config.get(theirs)!r}. "
                "Get the model again."
            )
        found[ours] = config[theirs]
    try:
        return ModelDimensions(**found)
    except ValueError as error:
        raise CheckpointError(f"{path} describes no Whisper: {error}. Get the model again.") from error


def _read_weights(folder: Path) -> dict[str, Array]:
    if (folder / "model.safetensors").is_file():
        tensors = read_safetensors(folder / "model.safetensors")
    else:
        tensors = {}
        for name in _shards(folder):
            tensors |= read_safetensors(folder / name)
    # The model without its head is saved without this in front.
    return {name.removeprefix("model."): values for name, values in tensors.items()}


def _shards(folder: Path) -> list[str]:
    path = folder / "model.safetensors.index.json"
    if not path.is_file():
        raise CheckpointError(
            f"{folder} has no model.safetensors, nor a model.safetensors.index.json. Get a model with safetensors: "
            "weights in pytorch_model.bin are not read."
        )
    weight_map = read_object(path).get("weight_map")
    names = list(weight_map.values()) if isinstance(weight_map, dict) else []
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise CheckpointError(f"{path} names no files of weights in its folder. Get the model again.")
    return sorted(set(names))


def _check_projection(tensors: dict[str, Array], folder: Path) -> None:
    """Whisper reads the next token off with the embedding itself."""
    projection, embedding = tensors.get("proj_out.weight"), tensors.get("decoder.embed_tokens.weight")
    if projection is None or embedding is None:
        return
    same = projection.dtype == embedding.dtype and projection.shape == embedding.shape
    if not same or not np.array_equal(projection.view(np.uint8), embedding.view(np.uint8)):
        raise CheckpointError(
            f"{folder} holds a proj_out.weight that differs from its token embedding, which no Whisper has. "
            "Get a model whose word embeddings are tied."
        )


def _read_vocabulary(folder: Path, n_vocab: int) -> tuple[str, ...]:
    by_id = {i: token for token, i in _token_ids(folder).items()}
    # Older tokenizers leave the times out: they are the last tokens.
    n_untimed = n_vocab - len(timestamps())
    if len(by_id) == n_untimed:
        by_id |= dict(enumerate(timestamps(), n_untimed))
    missing = next((i for i in range(len(by_id)) if i not in by_id), None)
    if missing is not None:
        raise CheckpointError(f"The tokenizer in {folder} has no token of id {missing}. Get the model again.")
    return tuple(by_id[i] for i in range(len(by_id)))


def _token_ids(folder: Path) -> dict[str, int]:
    """The ids of all tokens, text and special: of vocab.json and added_tokens.json, else of tokenizer.json."""
    path, added = folder / "vocab.json", folder / "added_tokens.json"
    whole = folder / "tokenizer.json"
    if path.is_file() and (added.is_file() or not whole.is_file()):
        found = read_object(path) | (read_object(added) if added.is_file() else {})
    elif whole.is_file():
        path = whole
        found = _ids_of_tokenizer(read_object(whole))
    else:
        raise CheckpointError(f"{folder} has no vocab.json, nor a tokenizer.json. Get the model again.")
    if not all(is_index(i) for i in found.values()):
        raise CheckpointError(f"{path} is not a map of tokens to their ids. Get the model again.")
    return found


def _ids_of_tokenizer(tokenizer: dict[str, Any]) -> dict[str, Any]:
    match tokenizer:
        case {"model": {"vocab": dict(vocabulary)}, "added_tokens": list(added)}:
            return vocabulary | {
                a["content"]: a["id"] for a in added if isinstance(a, dict) and a.keys() >= {"content", "id"}
            }
        case _:
            return {"": None}


def _suppressed(
    folder: Path, generation: dict[str, Any], config: dict[str, Any], key: str, n_vocab: int
) -> tuple[int, ...] | None:
    ids = generation.get(key, config.get(key))
    if ids is None:
        return None
    found = token_ids(ids, n_vocab)
    if found is None:
        raise CheckpointError(
            f"{folder} gives {key!r} as {str(ids)[:60]}, which are not ids below {n_vocab}. Get the model again."
        )
    return found
