"""Whatever happens to a file's bytes: a CheckpointError or a checkpoint, and of a .pt file the very same one."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from checkpoint_files import same, small_checkpoint, torch_zip, write_ctranslate2, write_hugging_face, write_openai
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.checkpoint import read_checkpoint
from engine.errors import CheckpointError

pytestmark = pytest.mark.slow

Write = Callable[..., Path]
SMALL = small_checkpoint()
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=9)), min_size=1, max_size=3)
ENDS = st.lists(st.tuples(st.floats(0, 0.004), st.binary(min_size=1, max_size=9)), min_size=1, max_size=3)


@cache
def small_pt_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_openai(SMALL, Path(folder) / "model.pt").read_bytes()


@pytest.fixture(scope="module")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Write], Path]:
    """Writes the small model with each writer once."""
    return cache(lambda write: write(SMALL, tmp_path_factory.mktemp(write.__name__) / "model"))


def damaged(content: bytes, damage: list[tuple[float, bytes]], keep: float, *, at_end: bool = False) -> bytes:
    """``content`` with pieces overwritten at shares of its length, and only a share ``keep`` of it left."""
    changed = bytearray(content)
    for share, piece in damage:
        at = int(share * (len(changed) - 1))
        at = len(changed) - 1 - at if at_end else at
        changed[at : at + len(piece)] = piece
    return bytes(changed[: int(keep * len(changed))])


KEEP = st.one_of(st.just(1.0), st.floats(0, 1))


@pytest.mark.parametrize("at_end", [False, True])
@given(damage=st.one_of(DAMAGE, ENDS), keep=KEEP)
@settings(max_examples=60)
def test_a_damaged_pt_file_is_refused_or_the_same(at_end: bool, damage: list[tuple[float, bytes]], keep: float) -> None:
    content = damaged(small_pt_file(), damage, keep, at_end=at_end)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        path.write_bytes(content)
        try:
            found = read_checkpoint(path)
        except CheckpointError:
            return
        same(SMALL, found)


@given(damage=DAMAGE, keep=KEEP)
@example(damage=[(0.0137, b"\\")], keep=1.0)
@settings(max_examples=150)
def test_a_damaged_pickle_is_refused_or_some_model(damage: list[tuple[float, bytes]], keep: float) -> None:
    """With a checksum that fits: made by whoever damaged it."""
    whole = small_pt_file()
    begin = whole.index(b"\x80\x02")
    pickled = whole[begin : whole.index(b"PK\3\4", begin)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        path.write_bytes(torch_zip({}, pickled=damaged(pickled, damage, keep)))
        with pytest.raises(CheckpointError):  # it has no storages
            read_checkpoint(path)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (write_hugging_face, "model.safetensors"),
        (write_hugging_face, "config.json"),
        (write_hugging_face, "generation_config.json"),
        (write_hugging_face, "added_tokens.json"),
        (write_ctranslate2, "model.bin"),
        (write_ctranslate2, "config.json"),
    ],
)
@given(damage=st.one_of(DAMAGE, ENDS), keep=KEEP)
@settings(max_examples=25)
def test_a_damaged_folder_is_refused_or_some_model(
    small_folder: Callable[[Write], Path], write: Write, name: str, damage: list[tuple[float, bytes]], keep: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        for other in small_folder(write).iterdir():
            (path / other.name).symlink_to(other)
        (path / name).unlink()
        (path / name).write_bytes(damaged((small_folder(write) / name).read_bytes(), damage, keep))
        try:
            read_checkpoint(path)
        except CheckpointError as error:
            assert folder in str(error)  # noqa: PT017  # either is right


def test_no_damage_asked_for_much_memory() -> None:
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 << 20  # KiB
