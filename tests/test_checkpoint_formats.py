"""One Whisper in three formats is one checkpoint; what is damaged, or made to do harm, is refused."""

from __future__ import annotations

import json
import pickle
import struct
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_files import (
    DIMS,
    hugging_face_config,
    in_half,
    pickled_value,
    same,
    small_checkpoint,
    under_their_names,
    write_ctranslate2,
    write_hugging_face,
    write_openai,
)
from safetensors.numpy import save_file
from test_checkpoint import refusal

from engine.checkpoint import read_checkpoint
from engine.checkpoints.names import HUGGING_FACE, OPENAI
from engine.checkpoints.stored import BFLOAT16
from engine.checkpoints.vocabularies import usual_alignment_heads, usual_suppress_ids, usual_vocabulary
from engine.config import ModelDimensions
from engine.packaged import checkpoint_folder

pytestmark = pytest.mark.slow

SMALL = small_checkpoint()
WRITERS = [write_ctranslate2, write_hugging_face, write_openai]


@pytest.mark.parametrize("n_vocab", [51864, 51865, 51866])
@pytest.mark.parametrize("write", WRITERS)
def test_each_format_holds_the_same(write: Any, n_vocab: int, tmp_path: Path) -> None:
    checkpoint = small_checkpoint(n_vocab)

    same(checkpoint, read_checkpoint(write(checkpoint, tmp_path / "model")))


@pytest.mark.parametrize("write", WRITERS)
def test_each_format_may_hold_float32(write: Any, tmp_path: Path) -> None:
    same(SMALL, read_checkpoint(write(SMALL, tmp_path / "model", SMALL.weights)))


def bfloat16(values: np.ndarray) -> np.ndarray:
    return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16)


CUT = {n: (bfloat16(v).astype(np.uint32) << 16).view(np.float32) for n, v in SMALL.weights.items()}


@pytest.mark.parametrize("write", WRITERS)
def test_each_format_may_hold_bfloat16(write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("test_checkpoint").DTYPE_CODES, "uint16", 5)
    path = write(SMALL, tmp_path / "model", {name: bfloat16(values) for name, values in SMALL.weights.items()})
    if write is write_hugging_face:
        tensors = path / "model.safetensors"
        tensors.write_bytes(with_header(tensors.read_bytes(), lambda text: text.replace(b'"U16"', b'"BF16"')))

    same(replace(SMALL, weights=CUT), read_checkpoint(path))


def with_header(content: bytes, change: Any) -> bytes:
    (n_header,) = struct.unpack_from("<Q", content)
    header = change(content[8 : 8 + n_header])
    return struct.pack("<Q", len(header)) + header + content[8 + n_header :]


@pytest.mark.parametrize(("write", "name"), [(write_hugging_face, "x.pt"), (write_openai, "whisper-folder")])
def test_a_name_tells_nothing(write: Any, name: str, tmp_path: Path) -> None:
    same(SMALL, read_checkpoint(write(SMALL, tmp_path / name)))


def test_weights_may_be_in_several_files(tmp_path: Path) -> None:
    path = write_hugging_face(SMALL, tmp_path / "model")
    theirs = {f"model.{n}": np.ascontiguousarray(v) for n, v in under_their_names(in_half(SMALL), HUGGING_FACE).items()}
    (path / "model.safetensors").unlink()
    names = sorted(theirs)
    files = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, its in files.items():
        save_file({name: theirs[name] for name in its}, path / file)
    where = {name: file for file, its in files.items() for name in its}
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))

    same(SMALL, read_checkpoint(path))


def test_a_folder_may_leave_out_what_every_whisper_has(tmp_path: Path) -> None:
    path = write_hugging_face(SMALL, tmp_path / "model")
    (path / "generation_config.json").unlink()
    ids = {token: i for i, token in enumerate(SMALL.vocabulary[:-1501])}
    added = [{"id": i, "content": token, "special": True} for token, i in ids.items() if i >= 50256]
    text = {token: i for token, i in ids.items() if i < 50256}
    (path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": text}, "added_tokens": added}))
    (path / "vocab.json").unlink()
    (path / "added_tokens.json").unlink()

    same(SMALL, read_checkpoint(path))


@pytest.mark.parametrize("is_tied", [True, False])
def test_the_projection_is_the_embedding(is_tied: bool, tmp_path: Path) -> None:
    path = write_hugging_face(SMALL, tmp_path / "model")
    theirs = {f"model.{n}": np.ascontiguousarray(v) for n, v in under_their_names(in_half(SMALL), HUGGING_FACE).items()}
    embedding = theirs["model.decoder.embed_tokens.weight"]
    save_file(theirs | {"proj_out.weight": embedding + np.float16(not is_tied)}, path / "model.safetensors")

    if is_tied:
        same(SMALL, read_checkpoint(path))
    else:
        assert "differs from its token embedding" in refusal(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "wav2vec2"}, "a model of type 'wav2vec2', not a Whisper"),
        ({"d_model": None}, "no whole number 'd_model'"),
        ({"d_model": True}, "no whole number 'd_model'"),
        ({"encoder_layers": 10**12}, "numbers layers it does not hold"),
        ({"decoder_attention_heads": 3}, "describes no Whisper"),
        ({"num_mel_bins": 128}, "encoder.conv1.weight should be (8, 128, 3) and is of shape (8, 5, 3)"),
        ({"vocab_size": 51865}, "the vocabulary has 51864 tokens"),
        ({"encoder_layers": 3}, "encoder.layers.2.self_attention.norm.weight should be (8,) and is missing"),
    ],
)
def test_refuses_a_config_of_another_model(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = write_hugging_face(SMALL, tmp_path / "model")
    (path / "config.json").write_text(json.dumps(hugging_face_config(SMALL) | change))

    assert message in refusal(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.json", b"[]", "holds no JSON object"),
        ("vocab.json", b'{"a": "b"}', "not a map of tokens"),
        ("vocab.json", b'{"a": 1}', "no token of id 0"),
        ("generation_config.json", b'{"suppress_tokens": [51864]}', "'suppress_tokens' as [51864]"),
        ("generation_config.json", b'{"alignment_heads": [[3, -1]]}', "no list of [layer, head]"),
        ("model.safetensors", b"", "cannot be read"),
        ("model.safetensors", b"\xff" * 100, "damaged or not whole"),
    ],
)
def test_refuses_damaged_files_of_a_folder(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = write_hugging_face(SMALL, tmp_path / "model")
    (path / name).write_bytes(content)

    assert message in refusal(path)


@pytest.mark.parametrize("index", [None, {"weight_map": {"a": "../b"}}, {"weight_map": {}}])
def test_refuses_a_folder_without_safetensors(index: object, tmp_path: Path) -> None:
    path = write_hugging_face(SMALL, tmp_path / "model")
    (path / "model.safetensors").unlink()
    if index is not None:
        (path / "model.safetensors.index.json").write_text(json.dumps(index))

    assert ("no model.safetensors" if index is None else "names no files") in refusal(path)


def test_the_heads_are_those_of_the_size() -> None:
    tiny = ModelDimensions(
        **{**asdict(DIMS), "n_text_layer": 4, "n_text_head": 6, "n_text_state": 384, "n_audio_state": 384}
    )

    assert (1, 0) in usual_alignment_heads(tiny)
    assert (2, 2) in usual_alignment_heads(replace(tiny, n_vocab=51865))
    assert usual_alignment_heads(DIMS) == ()


@pytest.mark.weights
@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_what_is_usual_is_what_packaged_models_say(name: str) -> None:
    packaged = read_checkpoint(checkpoint_folder(name))
    vocabulary = usual_vocabulary(packaged.dimensions.n_vocab)
    assert vocabulary is not None

    other_names = {("<|iw|>", "<|he|>"), ("<|nocaptions|>", "<|nospeech|>")}
    assert other_names >= {(a, b) for a, b in zip(packaged.vocabulary, vocabulary, strict=True) if a != b}
    assert packaged.suppress_ids == usual_suppress_ids(vocabulary)
    assert packaged.alignment_heads == usual_alignment_heads(packaged.dimensions)


@pytest.mark.weights
@pytest.mark.parametrize("write", WRITERS[1:])
def test_a_real_model_is_the_same_in_each_format(write: Any, tmp_path: Path) -> None:
    packaged = read_checkpoint(checkpoint_folder("tiny.en"))
    ignoring = ["vocabulary"] if write is write_openai else []

    same(packaged, read_checkpoint(write(packaged, tmp_path / "model")), ignoring)


def test_the_writer_of_pickles_writes_what_pickle_reads() -> None:
    value = {"a": (1, "b"), "c": {"d": True}}

    assert value == pickle.loads(b"\x80\x02" + pickled_value(value, []) + b".")


def test_no_format_has_a_type_of_its_own() -> None:
    assert BFLOAT16.itemsize == 2
    assert OPENAI.parts("encoder.conv1.weight") == ("encoder.conv1.weight",)
