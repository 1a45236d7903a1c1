"""Checkpoints in all three formats, written here from weights under our names."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache, reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reference_whisper import random_weights
from safetensors.numpy import save
from test_checkpoint import Folder

from engine.checkpoint import Checkpoint
from engine.checkpoints.names import HUGGING_FACE, OPENAI, under_their_names
from engine.checkpoints.vocabularies import usual_begin_suppress_ids, usual_suppress_ids, usual_vocabulary
from engine.config import ModelDimensions

DIMS = ModelDimensions(
    n_mels=5,
    n_audio_ctx=6,
    n_audio_state=8,
    n_audio_head=2,
    n_audio_layer=2,
    n_vocab=51864,
    n_text_ctx=7,
    n_text_state=8,
    n_text_head=4,
    n_text_layer=3,
)
Weights = Mapping[str, NDArray[np.generic]]

_TO_CTRANSLATE2 = [
    (".layers.", "/layer_"),
    ("self_attention.norm", "self_attention/layer_norm"),
    ("self_attention.qkv", "self_attention/linear_0"),
    ("self_attention.out", "self_attention/linear_1"),
    ("cross_attention.norm", "attention/layer_norm"),
    ("cross_attention.query", "attention/linear_0"),
    ("cross_attention.kv", "attention/linear_1"),
    ("cross_attention.out", "attention/linear_2"),
    ("mlp.norm", "ffn/layer_norm"),
    ("mlp.up", "ffn/linear_0"),
    ("mlp.down", "ffn/linear_1"),
    ("coder.norm", "coder/layer_norm"),
    ("layer_norm.weight", "layer_norm/gamma"),
    ("layer_norm.bias", "layer_norm/beta"),
    ("positions", "position_encodings/encodings"),
    ("token_embedding", "embeddings/weight"),
    (".", "/"),
]


@cache
def small_checkpoint(n_vocab: int = 51864) -> Checkpoint:
    """One nobody trained, in half precision; its keys have no bias, as in every Whisper."""
    dims = ModelDimensions(**{**asdict(DIMS), "n_vocab": n_vocab})
    weights = {name: values.astype(np.float16).astype(np.float32) for name, values in random_weights(dims).items()}
    for name, values in weights.items():
        if name.endswith("qkv.bias"):
            values[8:16] = 0
        if name.endswith("kv.bias"):
            values[:8] = 0 if "cross" in name else values[:8]
    vocabulary = usual_vocabulary(n_vocab) or tuple(f"t{i}" for i in range(n_vocab))
    return Checkpoint(
        dims, weights, vocabulary, usual_suppress_ids(vocabulary), usual_begin_suppress_ids(vocabulary), ()
    )


def in_half(checkpoint: Checkpoint) -> dict[str, NDArray[np.float16]]:
    return {name: values.astype(np.float16) for name, values in checkpoint.weights.items()}


def write_ctranslate2(checkpoint: Checkpoint, path: Path, weights: Weights | None = None) -> Path:
    tensors: dict[str, NDArray[np.generic]] = {}
    for name, values in (weights or in_half(checkpoint)).items():
        tensors[reduce(lambda found, pair: found.replace(*pair), _TO_CTRANSLATE2, name)] = values
    dims = checkpoint.dimensions
    heads = {"encoder/num_heads": dims.n_audio_head, "decoder/num_heads": dims.n_text_head}
    config = {
        "suppress_ids": checkpoint.suppress_ids,
        "suppress_ids_begin": checkpoint.begin_suppress_ids,
        "alignment_heads": checkpoint.alignment_heads,
    }
    tensors |= {name: np.array(n, np.int16) for name, n in heads.items()}
    return Folder(tensors, config, list(checkpoint.vocabulary)).write(path)


def hugging_face_config(checkpoint: Checkpoint) -> dict[str, Any]:
    dims = checkpoint.dimensions
    return {
        "model_type": "whisper",
        "num_mel_bins": dims.n_mels,
        "max_source_positions": dims.n_audio_ctx,
        "d_model": dims.n_audio_state,
        "encoder_attention_heads": dims.n_audio_head,
        "encoder_layers": dims.n_audio_layer,
        "vocab_size": dims.n_vocab,
        "max_target_positions": dims.n_text_ctx,
        "decoder_attention_heads": dims.n_text_head,
        "decoder_layers": dims.n_text_layer,
    }


def write_hugging_face(checkpoint: Checkpoint, path: Path, weights: Weights | None = None) -> Path:
    path.mkdir()
    theirs = under_their_names(weights or in_half(checkpoint), HUGGING_FACE)
    (path / "model.safetensors").write_bytes(save({f"model.{n}": np.ascontiguousarray(v) for n, v in theirs.items()}))
    (path / "config.json").write_text(json.dumps(hugging_face_config(checkpoint)))
    generation = {
        "suppress_tokens": checkpoint.suppress_ids,
        "begin_suppress_tokens": checkpoint.begin_suppress_ids,
        "alignment_heads": checkpoint.alignment_heads,
    }
    (path / "generation_config.json").write_text(json.dumps(generation))
    ids = {token: i for i, token in enumerate(checkpoint.vocabulary)}
    first_special = ids["<|endoftext|>"]
    (path / "vocab.json").write_text(json.dumps({token: i for token, i in ids.items() if i <= first_special}))
    (path / "added_tokens.json").write_text(json.dumps({t: i for t, i in ids.items() if i > first_special}))
    return path


def write_openai(checkpoint: Checkpoint, path: Path, weights: Weights | None = None) -> Path:
    state = under_their_names(weights or in_half(checkpoint), OPENAI)
    path.write_bytes(torch_zip({"dims": asdict(checkpoint.dimensions), "model_state_dict": state}))
    return path


def torch_zip(saved: object, *, pickled: bytes | None = None) -> bytes:
    """What ``torch.save`` makes of ``saved``, arrays standing for tensors; or of ``pickled`` itself."""
    storages: list[bytes] = []
    content = b"\x80\x02" + pickled_value(saved, storages) + b"."
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", content if pickled is None else pickled)
        for i, storage in enumerate(storages):
            archive.writestr(f"archive/data/{i}", storage)
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


def pickled_value(value: object, storages: list[bytes]) -> bytes:
    match value:
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return b"J" + struct.pack("<i", value)
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + b"".join(pickled_value(item, storages) for item in value) + b"t"
        case dict():
            items = (pickled_value(part, storages) for item in value.items() for part in item)
            return b"}(" + b"".join(items) + b"u"
        case np.ndarray():
            return pickled_tensor(value, storages)
        case _:
            raise TypeError(f"no way to write {value!r}")


def pickled_tensor(values: NDArray[np.generic], storages: list[bytes], offset: int = 0) -> bytes:
    kind = {"float16": "HalfStorage", "float32": "FloatStorage", "uint16": "BFloat16Storage", "int8": "CharStorage"}
    strides = tuple(stride // values.itemsize for stride in values.strides)
    storages.append(values.tobytes(order="A"))
    id = ("storage", kind[values.dtype.name], str(len(storages) - 1), "cpu", values.size)
    pieces = [pickled_value(part, storages) for part in id]
    pieces[1] = global_name("torch", id[1])
    place = [pickled_value(part, storages) for part in (offset, values.shape, strides, False)]
    hooks = global_name("collections", "OrderedDict") + b")R"
    storage = b"(" + b"".join(pieces) + b"tQ"
    return global_name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + b"".join(place) + hooks + b"tR"


def global_name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def same(expected: Checkpoint, found: Checkpoint, ignoring: Sequence[str] = ()) -> None:
    for name in ("dimensions", "vocabulary", "suppress_ids", "begin_suppress_ids", "alignment_heads"):
        if name not in ignoring:
            assert getattr(expected, name) == getattr(found, name), name
    assert expected.weights.keys() == found.weights.keys()
    for name, values in expected.weights.items():
        assert found.weights[name].dtype in (np.float16, np.float32)
        np.testing.assert_array_equal(values, found.weights[name], err_msg=name)
