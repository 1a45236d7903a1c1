"""Which graphs are compiled, and where: those that were never compiled here, together; a damaged one by itself."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from max.dtype import DType
from small_model import DIMS, IDS, MEL, small_checkpoint_and_compute

from engine import networks as module
from engine.blueprints import Blueprint, blueprints_of, possible_blueprints, usual_heads
from engine.cache import cache_folder
from engine.compiled import read_artifact
from engine.layers import Target
from engine.networks import Networks
from engine.progress import LoadProgress

pytestmark = pytest.mark.max


class Compilers:
    """Takes artifacts from where they are, in place of compiling, and notes which were asked for and how."""

    def __init__(self, compiled: Path) -> None:
        self._compiled = compiled
        self.elsewhere: list[str] = []
        self.here: list[str] = []

    def compile_elsewhere(self, places: Mapping[Blueprint, Path]) -> None:
        for blueprint, path in places.items():
            self.elsewhere.append(blueprint.name)
            path.parent.mkdir(exist_ok=True)
            shutil.copy(self._compiled / path.name, path)

    def compile_and_keep(self, path: Path, *_: Any) -> object:
        self.here.append(path.name.split("-")[0])
        return read_artifact(self._compiled / path.name)


@pytest.fixture
def compilers(networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compilers:
    found = Compilers(cache_folder())
    monkeypatch.setenv("MAX_WHISPER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "compile_elsewhere", found.compile_elsewhere)
    monkeypatch.setattr(module, "compile_and_keep", found.compile_and_keep)
    return found


def loaded() -> tuple[Networks, list[LoadProgress]]:
    told: list[LoadProgress] = []
    checkpoint, compute = small_checkpoint_and_compute()
    return Networks(checkpoint, IDS, compute, told.append), told


def test_what_was_never_compiled_is_compiled_together(compilers: Compilers, networks: Networks) -> None:
    found, told = loaded()
    loaded()

    assert ["encoder", "decoder"] == compilers.elsewhere
    assert [] == compilers.here
    assert "Compiling the encoder, decoder" == told[0].stage
    assert told[0].is_compiling
    assert ["Loading the encoder", "Loading the decoder"] == [progress.stage for progress in told[1:]]
    assert [2, 2, 3] == [progress.step for progress in told]
    np.testing.assert_array_equal(networks.features(MEL), found.features(MEL))


def test_what_is_damaged_is_compiled_here(compilers: Compilers, tmp_path: Path) -> None:
    loaded()
    (encoder,) = (tmp_path / "cache").glob("encoder-*.mef")
    encoder.write_bytes(b"damaged")
    loaded()

    assert (["encoder", "decoder"], ["encoder"]) == (compilers.elsewhere, compilers.here)


def test_what_is_compiled_for_a_model_is_found_without_its_weights() -> None:
    _, compute = small_checkpoint_and_compute()
    heads = usual_heads(DIMS)
    possible = possible_blueprints(DIMS, IDS, heads, compute)
    for dtype in (DType.float16, DType.float32):
        few_rows = replace(compute.target, matrix_dtype=dtype)
        assert set(blueprints_of(DIMS, IDS, heads, compute.target, few_rows).values()) <= set(possible)


def test_a_gpu_rearranges_too() -> None:
    from max.graph import DeviceRef

    gpu = Target(DeviceRef.GPU(), DType.float16)

    assert "rearrangement" in blueprints_of(DIMS, IDS, usual_heads(DIMS), gpu, gpu)
