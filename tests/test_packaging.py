"""What a checkout promises: the same tasks everywhere, every version pinned, nothing of one machine in it."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import statistics
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parent.parent
PIXI_SCHEMA = REPOSITORY.parent / "shared" / "pixi" / "schema.json"
NOT_PORTABLE = re.compile(r"pypi[.]org|python[h]osted|npmjs[.]|deb[.]debian|(?<![\w.])/(?:home|root|work|tmp/w)/")


def read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / name).read_text(encoding="utf-8"))


def make_recipes() -> dict[str, str]:
    """Each target of the Makefile that runs the program or its tools, as one shell line."""
    recipes = {}
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for name, body in re.findall(r"^([a-z-]+): \$\(READY\).*\n((?:\t.*\n)+)", text, re.MULTILINE):
        lines = [line.strip().removeprefix("@").replace("$(BIN)/", "") for line in body.splitlines()]
        recipes[name] = " && ".join(lines).replace(" $(ARGS)", "").replace('"', "'")
    return recipes


def constraints() -> dict[str, Requirement]:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def declared() -> list[Requirement]:
    project = read_toml("pyproject.toml")["project"]
    return [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["dev"]]


def needed(requirements: list[Requirement]) -> set[str]:
    """The names of ``requirements`` and of everything they need here, as far as it is installed."""
    names: set[str] = set()
    pending = list(requirements)
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        if name in names:
            continue
        names.add(name)
        for line in importlib.metadata.requires(name) or []:
            further = Requirement(line)
            if any(further.marker is None or further.marker.evaluate({"extra": e}) for e in ("", *requirement.extras)):
                pending.append(further)
    return names


def committed_files() -> list[Path]:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [REPOSITORY / name for name in listing.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def functions(paths: list[Path]) -> Iterator[tuple[str, int]]:
    """Each function of ``paths`` and how many lines it has, signature and docstring counted."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_pixi_accepts_its_manifest() -> None:
    if not PIXI_SCHEMA.is_file():
        pytest.skip(f"no schema of pixi.toml in {PIXI_SCHEMA}")

    jsonschema.validate(read_toml("pixi.toml"), json.loads(PIXI_SCHEMA.read_text(encoding="utf-8")))


def test_pixi_and_make_have_the_same_tasks() -> None:
    assert make_recipes() == read_toml("pixi.toml")["tasks"]


def test_pixi_takes_dependencies_from_the_project() -> None:
    pixi = read_toml("pixi.toml")

    assert {"max-whisper": {"path": ".", "editable": True, "extras": ["dev"]}} == pixi["pypi-dependencies"]
    assert {"python"} == pixi["dependencies"].keys()


def test_every_constraint_is_one_exact_version() -> None:
    loose = [str(pin) for pin in constraints().values() if [s.operator for s in pin.specifier] != ["=="]]

    assert [] == loose


def test_constraints_pin_everything_that_is_needed() -> None:
    assert set() == needed(declared()) - constraints().keys()


def test_constraints_satisfy_what_the_project_declares() -> None:
    pins = constraints()
    wrong = [
        str(requirement)
        for requirement in declared()
        for pin in pins[canonicalize_name(requirement.name)].specifier
        if not requirement.specifier.contains(pin.version)
    ]

    assert [] == wrong


def test_ci_runs_the_readmes_command() -> None:
    run = REPOSITORY / ".ci" / "run"

    assert "make test" == run.read_text(encoding="utf-8").splitlines()[-1]
    assert os.access(run, os.X_OK)


def test_nothing_of_one_machine_is_committed() -> None:
    found = []
    for path in committed_files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [f"{path.relative_to(REPOSITORY)}: {match.group()}" for match in NOT_PORTABLE.finditer(text)]

    assert [] == found


@pytest.mark.parametrize("line", ["see https://pypi" + ".org/simple", "cd /ro" + "ot/x", "'/wor" + "k/main'"])
def test_what_is_not_portable_is_seen(line: str) -> None:
    assert NOT_PORTABLE.search(line)


def test_files_and_functions_stay_small() -> None:
    python_files = [path for path in committed_files() if path.suffix == ".py"]
    page_files = [path for path in committed_files() if path.suffix in {".css", ".html", ".js"}]
    written = [*python_files, *page_files]
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in written}
    of_python = list(functions(python_files))
    of_the_house = [n for name, n in of_python if name.startswith(("stream/", "engine/", "ui/"))]

    assert {} == {path: n for path, n in lengths.items() if n > 300}
    assert {} == {name: n for name, n in of_python if n > 60}
    assert statistics.median(of_the_house) <= 10
