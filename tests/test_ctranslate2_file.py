"""The layout of model.bin: files of another kind, cut, or damaged, are refused by what is wrong with them."""

import struct
import tracemalloc
from pathlib import Path

import pytest
from test_checkpoint import Folder, header, refusal, string


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 5}, "is of version 5, not 6"),
        ({"spec": "TransformerSpec"}, "holds a 'TransformerSpec', not a Whisper"),
        ({"aliases": {"a": "b"}}, "calls 'b' also 'a', but does not hold it"),
    ],
)
def test_refuses_another_kind_of_file(change: dict, message: str, tmp_path: Path):
    assert message in refusal(Folder(**change).write(tmp_path / "small"))


def test_refuses_a_file_cut_anywhere(tmp_path: Path):
    folder = Folder()
    content = folder.model_bin()
    path = folder.write(tmp_path / "small")
    for n_bytes in [*range(1, 200), *range(200, len(content), 997), len(content) - 1]:
        (path / "model.bin").write_bytes(content[:n_bytes])
        assert f"ends after {n_bytes} bytes" in refusal(path)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (header("a", (8,), 9, 16) + bytes(16), "stores 'a' with element type 9"),
        (header("a", (8,), 4, 12) + bytes(12), "gives 'a' 12 bytes for shape [8]"),
        (header("a", (2**32 - 1,) * 3, 4, 16) + bytes(16), "gives 'a' 16 bytes"),
        (header("a", (1,) * 255, 4, 2) + bytes(2), "gives 'a' 2 bytes for shape [1, 1, 1, 1, 1, 1, 1, 1]"),
        (header("a", (0, 2**32 - 1, 2**32 - 1, 2**32 - 1), 4, 0), "gives 'a' 0 bytes"),
        (header("a", (2**31 - 1,), 4, 2**32 - 2), "in the middle of its content"),
        (struct.pack("<H", 2) + b"\xff\0", "a name in it is no text"),
    ],
)
def test_refuses_a_damaged_tensor_without_making_room_for_it(tensor: bytes, message: str, tmp_path: Path):
    path = Folder().write(tmp_path / "small")
    start = struct.pack("<I", 6) + string("WhisperSpec") + struct.pack("<I", 3)
    (path / "model.bin").write_bytes(start + struct.pack("<I", 2**32 - 1) + tensor)
    tracemalloc.start()
    try:
        assert message in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
