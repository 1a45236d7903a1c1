"""The rules of the house, read off the code's own syntax: who may import whom, and what the core may not touch."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MAY_IMPORT = {"stream": {"stream"}, "engine": {"engine", "stream"}, "ui": {"ui", "engine", "stream"}}

OWNERS: dict[str, tuple[str, ...]] = {
    "av": ("stream/file.py", "ui/bench/peers/audio.py"),
    "ctranslate2": ("ui/bench/peers/faster_whisper_worker.py",),
    "faster_whisper": (
        "ui/bench/peers/faster_whisper_loop.py", "ui/bench/peers/faster_whisper_worker.py",
        "ui/bench/peers/whisper_streaming_worker.py",
    ),
    "huggingface_hub": ("engine/hub.py",),
    "jiwer": ("ui/scoring/words.py",),
    "max._mlir_context": ("engine/compiled.py",),
    "max.driver": (
        "engine/batch_decoder.py", "engine/captured_steps.py", "engine/devices.py", "engine/encoded.py",
        "engine/networks.py", "engine/weights.py",
    ),
    "max.dtype": (
        "engine/alignment_graph.py", "engine/blueprints.py", "engine/captured_steps.py", "engine/devices.py",
        "engine/graph.py", "engine/layers.py", "engine/rearrangement_graph.py", "engine/weights.py",
    ),
    "max.engine": (
        "engine/batch_decoder.py", "engine/captured_steps.py", "engine/compile_process.py", "engine/compiled.py",
        "engine/networks.py",
    ),
    "max.graph": (
        "engine/alignment_graph.py", "engine/blueprints.py", "engine/compiled.py", "engine/convolution.py",
        "engine/devices.py", "engine/graph.py", "engine/layers.py", "engine/rearrangement_graph.py",
    ),
    "max.nn": ("engine/layers.py",),
    "mojo": ("engine/compiled.py",),
    "numpy": ("stream/", "engine/", "ui/bench/"),
    "platformdirs": ("engine/cache.py", "ui/paths.py"),
    "prometheus_client": ("ui/server/meters.py",),
    "psutil": ("ui/bench/peers/server.py",),
    "pywhispercpp": ("ui/bench/peers/whisper_cpp_worker.py",),
    "rich": ("ui/",),
    "safetensors": ("engine/checkpoints/safetensors_file.py",),
    "sounddevice": ("stream/microphone.py",),
    "soxr": ("stream/resample.py",),
    "starlette": ("ui/server/",),
    "tiktoken": ("engine/tokenizer.py",),
    "torch": ("ui/bench/peers/openai_whisper_worker.py", "ui/bench/peers/torch_checkpoint.py"),
    "uvicorn": ("ui/server/transport.py",),
    "webrtcvad": ("stream/detector.py",),
    "websocket": ("ui/bench/peers/whisper_live_worker.py",),
    "websockets": (
        "ui/bench/load/client.py", "ui/bench/peers/whisper_livekit_worker.py", "ui/remote/client.py",
        "ui/server/transport.py",
    ),
    "whisper": ("ui/bench/peers/openai_whisper_worker.py",),
    "whisper_live": ("ui/bench/peers/whisper_live_server.py", "ui/bench/peers/whisper_live_worker.py"),
    "whisperlivekit": ("ui/bench/peers/whisper_livekit_server.py",),
    "whisper_online": ("ui/bench/peers/whisper_streaming_worker.py",),
    "whisper_normalizer": ("ui/scoring/words.py",),
}  # fmt: skip
"""Each vendor library and the files, or folders, that may import it; one that is not here may not be imported."""

CORE = {
    "stream/audio.py", "stream/gate.py", "stream/ring.py",
    "engine/alignment.py", "engine/config.py", "engine/decoding.py", "engine/early_ends.py",
    "engine/events.py", "engine/filters.py",
    "engine/guards.py", "engine/hotwords.py",
    "engine/log_mel.py", "engine/options.py", "engine/rules.py", "engine/search.py", "engine/segments.py",
    "engine/sequential.py", "engine/stability.py",
    "engine/tasks.py", "engine/timings.py",
    "engine/transcriber.py", "engine/utterance.py", "engine/word_edges.py",
    "ui/server/protocols/deepgram.py", "ui/server/protocols/deepgram_audio.py",
    "ui/server/protocols/deepgram_configure.py",
    "ui/server/protocols/deepgram_query.py", "ui/server/protocols/reading.py", "ui/server/protocols/whisper_live.py",
    "ui/server/protocols/whisper_live_options.py", "ui/server/protocols/wyoming.py",
    "ui/server/protocols/wyoming_frames.py", "ui/server/protocols/wav_header.py",
    "ui/server/protocols/openai_conversation.py", "ui/server/protocols/openai_fields.py",
    "ui/server/protocols/openai_forms.py", "ui/server/protocols/openai_items.py",
    "ui/server/protocols/openai_messages.py", "ui/server/protocols/openai_realtime.py",
    "ui/server/protocols/openai_session.py", "ui/server/transcription_answer.py", "ui/server/transcription_request.py",
    "ui/formats/cues.py", "ui/terminal/render.py", "ui/terminal/state.py",
}  # fmt: skip
"""Pure: what these files compute depends on what they are given, and on nothing else."""
IMPURE_MODULES = {"asyncio", "datetime", "logging", "os", "pathlib", "random", "socket", "threading", "time"}
IMPURE_CALLS = {"input", "open", "print"}

Rule = Callable[[str, ast.Module], Iterator[str]]


@cache
def imported_modules(tree: ast.AST) -> list[str]:
    """Every module that ``tree`` imports anywhere; ``from max import engine`` counts as ``max``."""
    modules = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append("." * node.level + (node.module or ""))
    return modules


def against_the_arrows(path: str, tree: ast.Module) -> Iterator[str]:
    house = path.split("/", maxsplit=1)[0]
    for module in imported_modules(tree):
        top = module.split(".")[0]
        if top in MAY_IMPORT and top not in MAY_IMPORT[house]:
            yield f"{path} imports {module}"


def in_foreign_files(path: str, tree: ast.Module) -> Iterator[str]:
    for module in imported_modules(tree):
        if module.split(".")[0] in sys.stdlib_module_names | MAY_IMPORT.keys():
            continue
        owners = [files for name, files in OWNERS.items() if f"{module}.".startswith(f"{name}.")]
        if not any(path.startswith(files) for files in owners):
            yield f"{path} imports {module}"


def impure(path: str, tree: ast.Module) -> Iterator[str]:
    if path not in CORE:
        return
    for module in imported_modules(tree):
        if module.split(".")[0] in IMPURE_MODULES:
            yield f"{path} imports {module}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield f"{path} calls {node.func.id}"


def cycle(trees: dict[str, ast.Module]) -> list[str]:
    """The modules of an import cycle, or nothing."""
    name_of = {path: path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in trees}
    ours = set(name_of.values())
    graph = {name_of[path]: ours.intersection(imported_modules(tree)) for path, tree in trees.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@cache
def source_trees() -> dict[str, ast.Module]:
    """Every file of the house, parsed; once a run, where a test asks for it."""
    paths = [path for house in MAY_IMPORT for path in sorted((REPOSITORY / house).rglob("*.py"))]
    return {path.relative_to(REPOSITORY).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


@pytest.mark.parametrize("rule", [against_the_arrows, in_foreign_files, impure])
def test_the_code_keeps(rule: Rule) -> None:
    assert [] == [violation for path, tree in source_trees().items() for violation in rule(path, tree)]


def test_there_are_no_import_cycles() -> None:
    assert [] == cycle(source_trees())


def test_every_core_file_is_there() -> None:
    assert set() == CORE - source_trees().keys()


def test_every_owner_imports_what_it_owns() -> None:
    """A permission nobody uses is a hole."""
    idle = [
        f"{path} and {library}"
        for library, paths in OWNERS.items()
        for path in paths
        for modules in [
            [m for file, tree in source_trees().items() if file.startswith(path) for m in imported_modules(tree)]
        ]
        if not any(f"{module}.".startswith(f"{library}.") for module in modules)
    ]

    assert [] == idle


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (against_the_arrows, "stream/ring.py", "from engine.events import Token"),
        (against_the_arrows, "engine/model.py", "def load():\n    import ui.cli"),
        (in_foreign_files, "stream/gate.py", "import webrtcvad"),
        (in_foreign_files, "engine/model.py", "from max.driver import CPU"),
        (in_foreign_files, "engine/graph.py", "import max"),
        (in_foreign_files, "engine/graph.py", "from max import engine"),
        (in_foreign_files, "engine/graph.py", "from .layers import linear"),
        (in_foreign_files, "stream/source.py", "import rich.live"),
        (in_foreign_files, "engine/model.py", "import torch"),
        (impure, "stream/gate.py", "import time"),
        (impure, "engine/transcriber.py", "def now():\n    from asyncio import sleep"),
        (in_foreign_files, "engine/networks.py", "from max.nn import Linear"),
        (impure, "ui/terminal/render.py", "print('here')"),
        (impure, "engine/log_mel.py", "def read():\n    return open('filters.npz')"),
    ],
)
def test_a_violation_is_seen(rule: Rule, path: str, source: str) -> None:
    assert 1 == len(list(rule(path, ast.parse(source))))


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (against_the_arrows, "ui/cli.py", "from engine.model import WhisperModel\nfrom stream.file import FileSource"),
        (in_foreign_files, "engine/graph.py", "import numpy as np\nfrom max.graph import Graph, ops\nimport math"),
        (in_foreign_files, "stream/file.py", "from av.audio.stream import AudioStream"),
        (impure, "engine/pipeline.py", "import asyncio\nprint('not the core')"),
    ],
)
def test_what_is_allowed_passes(rule: Rule, path: str, source: str) -> None:
    assert [] == list(rule(path, ast.parse(source)))


def test_a_cycle_is_seen() -> None:
    sources = {"engine/a.py": "import engine.b", "engine/b.py": "def f():\n    from engine.a import x"}

    assert {"engine.a", "engine.b"} == set(cycle({path: ast.parse(text) for path, text in sources.items()}))
