"""Artifacts: kept once, checked before they are trusted, and nobody's undoing."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from max.driver import CPU
from max.dtype import DType
from max.engine import InferenceSession
from max.graph import DeviceRef, Graph, TensorType
from small_model import DIMS

from engine import compiled
from engine.blueprints import Blueprint
from engine.compiled import artifact_path, compile_and_keep, read_artifact
from engine.devices import choose_compute
from engine.errors import ModelLoadError
from engine.graph import SpecialIds

pytestmark = pytest.mark.max

SESSION = InferenceSession(devices=[CPU()])


def doubling_graph() -> Graph:
    with Graph("doubling", input_types=[TensorType(DType.float32, ["n"], DeviceRef.CPU())]) as graph:
        graph.output(graph.inputs[0].tensor * 2)
    return graph


def must_not_be_built() -> Graph:
    raise AssertionError("compiled again")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAX_WHISPER_CACHE", str(tmp_path / "cache"))
    return artifact_path("doubling", "float32")


def doubles(artifact: object) -> bool:
    model = SESSION.init(artifact)
    return model.execute(np.array([1.5, 4.0], np.float32))[0].to_numpy().tolist() == [3.0, 8.0]


def test_an_artifact_is_compiled_once(path: Path) -> None:
    assert read_artifact(path) is None
    assert doubles(compile_and_keep(path, SESSION, doubling_graph))
    assert doubles(read_artifact(path))
    assert doubles(compile_and_keep(path, SESSION, must_not_be_built))
    assert {path.name, path.with_suffix(".lock").name} == {file.name for file in path.parent.iterdir()}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A whole one, compiled once for all tests that damage a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAX_WHISPER_CACHE", str(tmp_path_factory.mktemp("whole")))
        path = artifact_path("doubling", "float32")
    compile_and_keep(path, SESSION, doubling_graph)
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["cut off", "a flipped bit", "empty", "another file", "an older layout"])
def test_a_damaged_artifact_is_compiled_again(path: Path, artifact: bytes, damage: str) -> None:
    path.parent.mkdir()
    path.write_bytes(artifact)
    assert doubles(read_artifact(path))
    whole, middle = artifact, len(artifact) // 2
    path.write_bytes(
        {
            "cut off": whole[:middle],
            "a flipped bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "empty": b"",
            "another file": b"#!/bin/sh\n" * 1000,
            "an older layout": whole.replace(b"artifact 1", b"artifact 0", 1),
        }[damage]
    )

    assert read_artifact(path) is None
    assert doubles(compile_and_keep(path, SESSION, doubling_graph))
    assert whole[:16] == path.read_bytes()[:16]


def test_all_that_shapes_the_code_is_in_the_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert artifact_path("doubling", "float32") == path
    assert artifact_path("doubling", "bfloat16") != path
    assert artifact_path("doubling", "float", "32") != artifact_path("doubling", "float3", "2")
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99.9")
    assert artifact_path("doubling", "float32") != path


def test_what_is_read_is_of_use(path: Path, artifact: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(artifact)
    os.utime(path, (0, 0))
    read_artifact(path)

    assert path.stat().st_mtime > time.time() - 3600


def test_all_of_a_blueprint_is_in_the_name() -> None:
    compute = choose_compute("cpu")
    ids, other = SpecialIds(7, 260), replace(compute, identity="another processor")
    blueprint = Blueprint("decoder", DIMS, compute.target, ids=ids)
    changed = [
        replace(blueprint, name="encoder"),
        replace(blueprint, dims=replace(DIMS, n_text_layer=3)),
        replace(blueprint, target=replace(compute.target, is_int16=not compute.target.is_int16)),
        replace(blueprint, ids=replace(ids, no_speech=8)),
        replace(blueprint, heads=((0, 1),)),
    ]

    assert 7 == len({blueprint.path(compute), blueprint.path(other), *(one.path(compute) for one in changed)})
    assert blueprint.path(compute) == replace(blueprint).path(choose_compute("cpu"))


def test_the_graphs_source_is_in_the_name(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = shutil.copytree(Path(compiled.__file__).parent, tmp_path / "engine")
    monkeypatch.setattr(compiled, "__file__", str(engine / "compiled.py"))
    assert artifact_path("doubling", "float32") == path
    (engine / "errors.py").write_text("")
    assert artifact_path("doubling", "float32") == path


@pytest.mark.parametrize("source", ["graph.py", "alignment_graph.py", "layers.py", "int16.py", "kernels/linear.mojo"])
def test_a_change_of_the_graphs_source_is_in_the_name(
    path: Path, tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = shutil.copytree(Path(compiled.__file__).parent, tmp_path / "engine")
    monkeypatch.setattr(compiled, "__file__", str(engine / "compiled.py"))
    with (engine / source).open("a") as file:
        file.write("# changed\n")
    assert artifact_path("doubling", "float32") != path


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MAX_WHISPER_CACHE", str(tmp_path / "file" / "cache"))

    with pytest.raises(ModelLoadError, match=r"cannot be kept in .*file/cache: .*MAX_WHISPER_CACHE"):
        compile_and_keep(artifact_path("doubling"), SESSION, must_not_be_built)


def test_a_disk_that_is_full(path: Path) -> None:
    with files_no_larger_than(1000), pytest.raises(ModelLoadError, match=r"cannot be kept in .*Make room"):
        compile_and_keep(path, SESSION, doubling_graph)

    assert read_artifact(path) is None
    assert [path.with_suffix(".lock").name] == [file.name for file in path.parent.iterdir()]
    assert doubles(compile_and_keep(path, SESSION, doubling_graph))


@contextmanager
def files_no_larger_than(n_bytes: int) -> Iterator[None]:
    """Every write beyond ``n_bytes`` of a file fails, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_two_processes_do_not_harm_each_other(path: Path) -> None:
    program = (
        "from test_compiled import *; assert doubles(compile_and_keep(Path(sys.argv[1]), SESSION, doubling_graph))"
    )
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{here.parent}{os.pathsep}{here}"}
    both = [subprocess.Popen([sys.executable, "-c", program, str(path)], env=environment) for _ in range(2)]

    assert [0, 0] == [process.wait(timeout=300) for process in both]
    assert doubles(read_artifact(path))
