"""OpenAI's ``.pt`` files: dimensions and weights; the vocabulary and the rest belong to the model's size."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from engine.checkpoints.config_file import is_index
from engine.checkpoints.names import OPENAI, under_our_names
from engine.checkpoints.stored import Array, StoredModel
from engine.checkpoints.torch_file import read_torch
from engine.checkpoints.vocabularies import (
    usual_alignment_heads,
    usual_begin_suppress_ids,
    usual_suppress_ids,
    usual_vocabulary,
)
from engine.config import ModelDimensions
from engine.errors import CheckpointError


def read_openai(path: Path) -> StoredModel:
    """Read the Whisper in the file ``path``.

    Raises:
        CheckpointError: it is damaged, or was not saved as OpenAI's are.
    """
    saved = read_torch(path)
    match saved:
        case {"dims": dict(dims), "model_state_dict": dict(state)}:
            dimensions = _dimensions(dims, path)
        case _:
            raise CheckpointError(
                f"{path} holds no 'dims' and 'model_state_dict', as OpenAI's Whispers do. "
                "Give one of those, or the folder of a CTranslate2 or Hugging Face model."
            )
    vocabulary = usual_vocabulary(dimensions.n_vocab)
    if vocabulary is None:
        raise CheckpointError(
            f"{path} has {dimensions.n_vocab} tokens: OpenAI's Whispers have 51864, 51865 or 51866. "
            "Give the model as a folder that holds its vocabulary."
        )
    tensors: dict[str, Array] = {name: tensor for name, tensor in state.items() if hasattr(tensor, "dtype")}
    return StoredModel(
        dimensions=dimensions,
        tensors=under_our_names(tensors, OPENAI, dimensions, path),
        vocabulary=vocabulary,
        suppress_ids=usual_suppress_ids(vocabulary),
        begin_suppress_ids=usual_begin_suppress_ids(vocabulary),
        alignment_heads=usual_alignment_heads(dimensions),
    )


def _dimensions(dims: dict[object, object], path: Path) -> ModelDimensions:
    names = [field.name for field in fields(ModelDimensions)]
    wrong = [name for name in names if not is_index(dims.get(name))]
    if wrong:
        raise CheckpointError(f"{path} has no whole number {wrong[0]!r} among its dims. Get the model again.")
    try:
        return ModelDimensions(**{name: dims[name] for name in names})  # type: ignore[arg-type]  # checked above
    except ValueError as error:
        raise CheckpointError(f"{path} describes no Whisper: {error}. Get the model again.") from error
