"""CTranslate2's Whisper folders: model.bin, config.json and vocabulary.txt or vocabulary.json."""

from __future__ import annotations

from pathlib import Path

from engine.checkpoints.config_file import alignment_heads, read_json, read_text, token_ids
from engine.checkpoints.ctranslate2_file import read_tensors
from engine.checkpoints.ctranslate2_names import dimensions_of, our_name
from engine.checkpoints.stored import StoredModel
from engine.errors import CheckpointError


def read_ctranslate2(folder: Path) -> StoredModel:
    """Read the CTranslate2 Whisper in ``folder``.

    Raises:
        CheckpointError: something is missing or damaged.
    """
    path = _existing(folder, "config.json")
    config = read_json(path)
    vocabulary = _read_vocabulary(folder)
    tensors = read_tensors(_existing(folder, "model.bin"))
    dimensions = dimensions_of(tensors, folder)
    suppressed = {}
    for key in ("suppress_ids", "suppress_ids_begin"):
        ids = token_ids(config.get(key) if isinstance(config, dict) else None, dimensions.n_vocab)
        if ids is None:
            raise CheckpointError(
                f"{path} has no list of token ids named {key!r}, which every CTranslate2 Whisper has. "
                "Get the model again."
            )
        suppressed[key] = ids
    return StoredModel(
        dimensions=dimensions,
        tensors={our_name(name): (values,) for name, values in tensors.items()},
        vocabulary=vocabulary,
        suppress_ids=suppressed["suppress_ids"],
        begin_suppress_ids=suppressed["suppress_ids_begin"],
        alignment_heads=alignment_heads(config.get("alignment_heads", []), path, dimensions),
    )


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise CheckpointError(
            f"{folder} has no {name}, so it is not a CTranslate2 Whisper model. "
            "Such a folder holds model.bin, config.json and vocabulary.txt or vocabulary.json."
        )
    return path


def _read_vocabulary(folder: Path) -> tuple[str, ...]:
    path = folder / "vocabulary.json"
    if path.is_file():
        tokens = read_json(path)
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise CheckpointError(f"{path} is not a list of tokens. Get the model again.")
        return tuple(tokens)
    lines = read_text(_existing(folder, "vocabulary.txt")).split("\n")
    return tuple(lines[:-1] if lines[-1] == "" else lines)
