"""What is made of weights and kept: the same as when it was made, made again in doubt, and in nobody's way."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
from checkpoint_files import small_checkpoint, write_hugging_face
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from engine.cache import cache_folder, forget_unused
from engine.checkpoint import identity_of, open_checkpoint, read_checkpoint
from engine.errors import CheckpointError
from engine.kept_arrays import Arrays, kept_arrays, kept_files
from engine.packaged import checkpoint_folder

SHAPES = st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple)
SOME = st.sampled_from([np.float32, np.float16, np.int16]).flatmap(
    lambda dtype: arrays(dtype, SHAPES, elements={"allow_nan": False} if dtype != np.int16 else None)
)
LINE_BYTES = 64


def made() -> Arrays:
    return {"a": np.arange(96, dtype=np.int16).reshape(3, 32), "b": np.array([1.5, -2], np.float16)}


def must_not_be_made() -> NoReturn:
    raise AssertionError("made again")


def same(expected: Arrays, found: Arrays) -> None:
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        assert (values.dtype, values.shape) == (found[name].dtype, found[name].shape)
        np.testing.assert_array_equal(values, found[name])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAX_WHISPER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_cache_is_where_the_variable_says(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv("MAX_WHISPER_CACHE")
    assert cache_folder().name == "max-whisper"


@given(st.dictionaries(st.text(), SOME, max_size=6))
@settings(max_examples=25)  # each is written through to the disk
def test_what_is_kept_is_what_was_made(given: dict[str, NDArray[np.generic]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAX_WHISPER_CACHE", folder)
        same(given, kept_arrays("place-content", "", [], lambda: given))
        kept = kept_arrays("place-content", "", [], must_not_be_made)
        same(given, kept)
        for values in kept.values():
            alignment = LINE_BYTES if values.nbytes % LINE_BYTES == 0 else values.itemsize
            assert values.ctypes.data % alignment == 0


@pytest.mark.parametrize("damage", ["cut off", "longer", "empty", "another file", "no header"])
def test_what_is_damaged_is_made_again(damage: str) -> None:
    kept_arrays("place-content", "", [], made)
    (path,) = kept_files("place-content")
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut off": whole[:-1],
            "longer": whole + b"\0",
            "empty": b"",
            "another file": b"#!/bin/sh\n" * 1000,
            "no header": b"\xff" * 64 + whole[64:],
        }[damage]
    )

    same(made(), kept_arrays("place-content", "", [], made))
    assert whole == path.read_bytes()


def test_the_last_of_each_place_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "shapes.py"
    source.write_text("a = 1")
    kept_arrays("here-1", "", [source], made)
    kept_arrays("there-1", "", [source], made)
    (first,) = kept_files("here-1")
    kept_arrays("here-2", "", [source], made)
    (second,) = kept_files("here-2")
    source.write_text("a = 2")
    kept_arrays("here-2", "", [source], made)
    (third,) = kept_files("here-2")

    assert 3 == len({first, second, third})
    assert 1 == len(kept_files("there-1"))
    same(made(), kept_arrays("there-1", "", [source], made))


def aged(path: Path, days: float) -> Path:
    os.utime(path, (time.time() - days * 86_400,) * 2)
    return path


def test_what_nobody_used_for_two_months_goes(cache: Path) -> None:
    cache.mkdir()
    ours = (f"encoder-{24 * 'a'}.mef", f"decoder-{24 * '1'}.lock", f"weights-{16 * 'b'}-{16 * '2'}.safetensors")
    others = ("poetry.lock", "weights-00001-of-00002.safetensors", "notes.txt", f"weights-{16 * 'b'}-x.safetensors")
    for name in (*ours, *others):
        (cache / name).write_bytes(b"old")
        aged(cache / name, 61)
    used = f"encoder-{24 * 'b'}.mef"
    (cache / used).write_bytes(b"in use")
    aged(cache / used, 59)
    forget_unused()

    assert {*others, used} == {file.name for file in cache.iterdir()}


def test_what_was_never_finished_goes_after_a_day(cache: Path) -> None:
    for name, days in (("unfinished-1", 2.0), ("unfinished-2", 0.5), ("finished", 2.0)):
        (cache / name).mkdir(parents=True)
        (cache / name / "weights").write_bytes(b"half")
        aged(cache / name, days)
    forget_unused()

    assert {"unfinished-2", "finished"} == {file.name for file in cache.iterdir()}


def test_without_a_cache_nothing_is_to_forget(cache: Path) -> None:
    forget_unused()

    assert not cache.exists()


def test_what_is_used_is_not_old() -> None:
    kept_arrays("place-content", "", [], made)
    (path,) = kept_files("place-content")
    os.utime(path, (0, 0))
    kept_arrays("place-content", "", [], must_not_be_made)

    assert path.stat().st_mtime > time.time() - 3600


def test_it_does_without_room(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=300))  # of 2 × 196 bytes

    same(made(), kept_arrays("place-content", "", [], made))
    assert [] == list(cache.iterdir())


def test_it_does_without_a_folder(cache: Path) -> None:
    cache.write_text("in the way")

    same(made(), kept_arrays("place-content", "", [], made))


def test_nothing_stays_of_what_cannot_be_finished(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> NoReturn:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    same(made(), kept_arrays("place-content", "", [], made))
    assert [] == list(cache.iterdir())


def test_another_model_has_another_identity(tmp_path: Path) -> None:
    here, there = (write_hugging_face(small_checkpoint(), tmp_path / name) for name in ("here", "there"))
    before, elsewhere = identity_of(here), identity_of(there)
    assert before == identity_of(tmp_path / "there" / ".." / "here")
    (here / "notes.txt").write_text("no part of it")
    assert before == identity_of(here)
    weights = here / "model.safetensors"
    os.utime(weights, ns=(0, 1))
    retouched = identity_of(here)
    weights.write_bytes(b"")
    os.utime(weights, ns=(0, 1))

    assert 4 == len({before, elsewhere, retouched, identity_of(here)})
    assert 1 == len({identity.partition("-")[0] for identity in (before, retouched, identity_of(here))})


def test_weights_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    checkpoint = small_checkpoint()
    weights = {name: values.copy() for name, values in checkpoint.weights.items()}
    weights["decoder.norm.bias"][0] = np.nan
    folder = write_hugging_face(checkpoint, tmp_path / "small", weights)
    opened = open_checkpoint(folder)

    assert checkpoint.weights.keys() == opened.weights.keys()
    np.testing.assert_array_equal(weights["encoder.norm.bias"], opened.weights["encoder.norm.bias"])
    with pytest.raises(CheckpointError, match=r"small: weight decoder\.norm\.bias holds numbers that are none"):
        opened.weights["decoder.norm.bias"]
    with pytest.raises(CheckpointError, match=r"decoder\.norm\.bias"):
        read_checkpoint(folder)


@pytest.mark.max
@pytest.mark.parametrize("source", ["checkpoint.py", "int16.py", "weights.py", "checkpoints/hugging_face.py"])
def test_a_change_of_what_shapes_weights_is_seen(source: str, tmp_path: Path) -> None:
    from engine import weights

    engine = Path(weights.__file__).parent
    assert engine / source in weights._shaping_sources(engine)
    assert all(path.is_file() for path in weights._shaping_sources(engine))


@pytest.mark.max
@pytest.mark.weights
def test_what_shapes_weights_is_in_the_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from engine import weights
    from engine.devices import choose_compute

    compute = choose_compute("cpu")
    if not compute.target.is_int16:
        pytest.skip("no VNNI: this processor multiplies floats, which take no time to make")
    checkpoint, source = open_checkpoint(checkpoint_folder("tiny.en")), tmp_path / "source.py"
    source.write_text("# more of it")
    other = replace(compute, target=replace(compute.target, cross_dtype=None))
    names = set()
    for sources, where in (([], compute), ([source], compute), ([source], other)):
        monkeypatch.setattr(weights, "_shaping_sources", lambda engine, sources=sources: sources)
        weights.placed_weights(checkpoint, where)
        names |= {path.name for path in kept_files(checkpoint.identity)}

    assert 3 == len(names)


@pytest.mark.max
@pytest.mark.weights
def test_loading_forgets_what_is_not_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.model import WhisperModel

    monkeypatch.delenv("MAX_WHISPER_CACHE")  # the graphs are there
    forgotten: list[str] = []
    monkeypatch.setattr("engine.model.forget_unused", lambda: forgotten.append("once"))
    WhisperModel.load(device="cpu")

    assert ["once"] == forgotten


@pytest.mark.max
@pytest.mark.weights
def test_weights_that_come_from_no_file_are_not_kept(cache: Path) -> None:
    from engine.devices import choose_compute
    from engine.weights import placed_weights

    checkpoint = read_checkpoint(checkpoint_folder("tiny.en"))
    weights = {name: np.zeros_like(values) for name, values in checkpoint.weights.items()}
    placed = placed_weights(replace(checkpoint, weights=weights), choose_compute("cpu"))

    assert not cache.exists()
    assert not placed.decoder["decoder.norm.bias"].to_numpy().any()


@pytest.mark.max
@pytest.mark.weights
def test_the_networks_get_the_same_weights_from_the_disk() -> None:
    """And the very memory that is mapped: no copy."""
    from engine.devices import choose_compute
    from engine.weights import placed_weights

    compute = choose_compute("cpu")
    if not compute.target.is_int16:
        pytest.skip("no VNNI: this processor multiplies floats, which take no time to make")
    checkpoint = open_checkpoint(checkpoint_folder("tiny.en"))
    made_now = placed_weights(checkpoint, compute)
    mapped = placed_weights(replace(checkpoint, weights={}), compute)

    assert made_now.few_rows == mapped.few_rows
    for expected, found in ((made_now.encoder, mapped.encoder), (made_now.decoder, mapped.decoder)):
        same(in_numpy(expected), in_numpy(found))
    (path,) = kept_files(checkpoint.identity)
    begins = [values.ctypes.data for values in in_numpy(mapped.decoder).values()]
    assert all(any(begin <= at < end for begin, end in places_of(path)) for at in begins)


def in_numpy(buffers: Mapping[str, Any]) -> Arrays:
    return {name: buffer.to_numpy() for name, buffer in buffers.items()}


def places_of(path: Path) -> list[tuple[int, int]]:
    """Where in memory ``path`` is mapped."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    spans = [line.split()[0].split("-") for line in lines if line.endswith(str(path))]
    return [(int(begin, 16), int(end, 16)) for begin, end in spans]
