"""The scripts of bench/, most of which need more than the tests have, use only names that the project still has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "bench").glob("*.py"))
OURS = ("stream", "engine", "ui")

pytestmark = pytest.mark.max


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_uses_names_that_are_there(script: Path) -> None:
    assert [name for name in used(ast.parse(script.read_text(encoding="utf-8"))) if not is_there(name)] == []


def test_a_name_that_is_gone_is_found() -> None:
    tree = ast.parse(
        "from engine import graph as graphs\nfrom engine.layers import Scope, Gone\ngraphs.encoder_graph\ngraphs.gone"
    )

    assert [name for name in used(tree) if not is_there(name)] == ["engine.layers.Gone", "engine.graph.gone"]


def used(tree: ast.Module) -> Iterator[str]:
    """Dotted names that are imported from the project, and attributes of its modules."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OURS:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                modules |= {alias.asname or alias.name: name} if is_module(name) else {}
                yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield f"{modules[node.value.id]}.{node.attr}"


def is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is none
        return False


def is_there(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    return is_module(name) or hasattr(import_module(module), attribute)
