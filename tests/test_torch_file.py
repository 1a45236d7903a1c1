"""OpenAI's .pt files: nothing in them is run, and what makes no sense is refused at once."""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_files import DIMS, in_half, pickled_value, same, small_checkpoint, torch_zip, write_openai
from test_checkpoint import refusal

from engine.checkpoint import read_checkpoint
from engine.checkpoints.torch_pickle import PickleError, read_pickle

SMALL = small_checkpoint()


class Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["HARM"],)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_a_malicious_pickle_is_refused_and_not_run(
    protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARM", str(tmp_path / "harm"))
    path = tmp_path / "model.pt"
    path.write_bytes(torch_zip({}, pickled=pickle.dumps({"dims": Harm()}, protocol=protocol)))

    assert "which no file of weights does" in refusal(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("name", ["os system", "builtins eval", "torch load", "collections.abc Mapping"])
def test_refuses_every_other_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    module, what = name.split()
    path.write_bytes(torch_zip({}, pickled=f"c{module}\n{what}\n.".encode()))

    assert f"asks for {module}.{what}" in refusal(path)


def nested(n: int) -> bytes:
    return b"}" + b")" + b"\x85" * n + b"Ns."


@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        b".",
        b"}",
        b"t.",
        b"(Nu.",
        b"\x85.",
        b"N\x85",
        b"R.",
        b"Q.",
        b"NQ.",
        b"Nb.",
        b"h\x00.",
        b"Nr\xff\xff\xff\xff0.",
        b"\x96" + b"\xff" * 7 + b"\x7f.",
        b"\x8d" + b"\xff" * 7 + b"\x7f.",
        nested(100_000),
        b")" + b"q\x00h\x00\x86" * 10_000 + b"}h\x00Ns.",
    ],
)
def test_a_senseless_pickle_is_refused_at_once(pickled: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(torch_zip({}, pickled=pickled))

    assert str(path) in refusal(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2), "before version 1.6"),
        (b"hello, world", "is not a PyTorch file"),
        (b"PK\3\4", "damaged or not whole"),
        (torch_zip({"state_dict": {}}), "holds no 'dims' and 'model_state_dict'"),
        (torch_zip({"dims": {}, "model_state_dict": {}}), "no whole number 'n_mels'"),
        (torch_zip({"dims": asdict(DIMS) | {"n_vocab": 9}, "model_state_dict": {}}), "OpenAI's Whispers have 51864"),
        (torch_zip({"dims": asdict(DIMS), "model_state_dict": {}}), "numbers layers it does not hold"),
    ],
)
def test_refuses_what_is_no_whisper_of_openai(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)

    assert message in refusal(path)


def test_strides_are_honoured(tmp_path: Path) -> None:
    weights: dict[str, Any] = in_half(SMALL)
    name = "encoder.layers.0.mlp.up.weight"
    weights[name] = np.asfortranarray(weights[name])
    assert not weights[name].flags.c_contiguous

    same(SMALL, read_checkpoint(write_openai(SMALL, tmp_path / "model.pt", weights)))


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "is_sound"),
    [
        (0, (2, 3), (3, 1), True),
        (2, (2, 2), (2, 1), True),
        (3, (2, 2), (2, 1), False),
        (0, (2, 3), (4, 1), False),
        (0, (2**40,), (0,), False),
        (0, (-1,), (1,), False),
        (0, (1,), (-1,), False),
        (-1, (1,), (1,), False),
        (0, (2,), (1, 1), False),
        (0, (1,) * 40, (1,) * 40, False),
    ],
)
def test_a_tensor_lies_within_its_storage(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], is_sound: bool
) -> None:
    storage = memoryview(np.arange(6, dtype=np.float32).tobytes())
    id = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + b"0X\x03\0\0\0cpuK\x06tQ"
    place = b"".join(number_or_tuple(part) for part in (offset, shape, strides))
    pickled = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + id + place + b"\x89NtR."
    if is_sound:
        found: Any = read_pickle(pickled, {"0": storage})
        assert np.lib.stride_tricks.as_strided(np.arange(6.0)[offset:], shape, [8 * s for s in strides]).tolist() == (
            found.tolist()
        )
    else:
        with pytest.raises(PickleError, match="makes no sense"):
            read_pickle(pickled, {"0": storage})


def number_or_tuple(value: int | tuple[int, ...]) -> bytes:
    if isinstance(value, int):
        return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)
    return b"(" + b"".join(map(number_or_tuple, value)) + b"t"


def test_a_parameter_is_its_tensor() -> None:
    storages: list[bytes] = []
    tensor = pickled_value(np.arange(6, dtype=np.float32).reshape(2, 3), storages)
    hooks = b"ccollections\nOrderedDict\n)R"
    pickled = b"\x80\x02ctorch._utils\n_rebuild_parameter\n" + tensor + b"\x88" + hooks + b"\x87R."

    found: Any = read_pickle(pickled, {"0": memoryview(storages[0])})
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]
