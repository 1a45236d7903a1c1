"""What several test files share."""

from __future__ import annotations

import contextlib
import gc
import os
import pty
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

with contextlib.suppress(ImportError):  # bench/gpu.sh takes no Hypothesis along, and no test that needs it
    from hypothesis import settings

    # No test asserts how fast anything is; a machine that does something else meanwhile is slow.
    settings.register_profile("house", deadline=None)
    settings.load_profile("house")


gc.disable()  # all that collecting tests imports and makes is kept: looking for garbage in it takes half of the time


def pytest_collection_finish() -> None:
    """Look for garbage again, but not among the tests themselves."""
    gc.freeze()
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Give each of several workers processors of its own, and to the servers it starts.

    MAX's threads wait for one another by spinning: two models on the same two cores take longer than one by one.
    """
    worker = getattr(config, "workerinput", None)
    if worker is not None and hasattr(os, "sched_setaffinity"):
        place, n_workers = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
        own = sorted(os.sched_getaffinity(0))[place % n_workers :: n_workers]
        os.sched_setaffinity(0, own or os.sched_getaffinity(0))


@pytest.fixture(scope="session")
def audio_folder() -> Path:
    """The folder of real speech, ``dev`` of the set; tests that need it skip where it is missing."""
    folder = Path(os.environ.get("MAX_WHISPER_AUDIO", REPOSITORY.parent / "shared" / "audio" / "dev"))
    if not (folder / "manifest.csv").is_file():
        pytest.skip(f"no real speech in {folder}; MAX_WHISPER_AUDIO names a folder that has it")
    return folder


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's modules as Node takes them; tests that need it skip where there is no Node."""
    from node import page_modules

    return page_modules(tmp_path_factory.mktemp("web"))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """The two ends of a terminal, whose second is this program's stdin: what is written to the first is typed."""
    typing, keys = pty.openpty()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(fileno=lambda: keys, isatty=lambda: True))
    monkeypatch.setattr("ui.terminal.keyboard._is_ours", lambda: True)
    yield typing, keys
    for descriptor in (typing, keys):
        os.close(descriptor)


@pytest.fixture(scope="session")
def model() -> object:
    """tiny.en on the CPU, compiled at most once for the whole run, and kept in the user's cache."""
    from engine.model import WhisperModel
    from engine.options import DecodingOptions

    return WhisperModel.load(device="cpu", options=DecodingOptions(words=True))


@pytest.fixture(scope="session")
def base_model() -> object:
    """The multilingual base, as ``model``."""
    from engine.model import WhisperModel

    return WhisperModel.load("base", device="cpu")


@pytest.fixture(scope="session")
def kernels_built_once() -> Iterator[None]:
    """For tests that build graphs: MAX builds our kernels anew for each, 2 s; from here on once."""
    from max.graph import graph

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph, "_build_mojo_source_package", cache(graph._build_mojo_source_package))
        yield


@pytest.fixture(scope="session")
def networks() -> object:
    """The networks of the small random model, compiled at most once for the whole run."""
    from small_model import small_networks

    return small_networks()


@pytest.fixture(scope="session")
def features() -> object:
    """What its encoder makes of its audio, by NumPy."""
    from small_model import true_features

    return true_features()


@pytest.fixture(scope="session")
def logits() -> object:
    """What its decoder makes of that and its text, by NumPy."""
    from small_model import true_logits

    return true_logits()
