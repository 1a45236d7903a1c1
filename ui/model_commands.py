"""What ``max-whisper models`` does."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.errors import CheckpointError
from engine.local_models import (
    LocalModel,
    artifacts,
    is_compiled,
    local_model,
    local_models,
    outline,
    removable_model,
    remove,
    unfinished,
    verify,
)
from engine.model_names import resolve_model
from ui.errors import EXIT_FAILED, EXIT_OK, complain
from ui.formats.text import printable
from ui.loading import in_megabytes, load_with_progress
from ui.stdout import StdoutConsole


def list_models(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # as every action
    """``models list``: a table of what is on this machine."""
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "size", "languages", "compiled"):
        table.add_column(heading, justify="right" if heading == "size" else "left", no_wrap=True)
    table.add_column("where", overflow="fold")
    for model in local_models():
        _add_row(table, model, *_languages_and_compiled(model))
    for model in unfinished():
        _add_row(table, model, "not whole", "no")
    StdoutConsole().print(table)
    return EXIT_OK


def _add_row(table: Table, model: LocalModel, languages: str, compiled: str) -> None:
    cells = (model.name, in_megabytes(model.n_bytes), languages, compiled, str(model.folder))
    table.add_row(*(Text(printable(cell)) for cell in cells))


def _languages_and_compiled(model: LocalModel) -> tuple[str, str]:
    try:
        what = outline(model)
    except CheckpointError:
        return "damaged", "no"
    languages = "English" if len(what.languages) == 1 else str(len(what.languages))
    return languages, "yes" if is_compiled(artifacts(what)) else "no"


def pull_model(arguments: argparse.Namespace) -> int:
    """``models pull``: download it, unless it is here."""
    console = Console(stderr=True)
    folder = load_with_progress(lambda told: resolve_model(arguments.name, on_progress=told), console)
    _say(f"{arguments.name} is in {folder}")
    return EXIT_OK


def verify_models(arguments: argparse.Namespace) -> int:
    """``models verify``: one or all; each that is damaged is told, and costs the exit code."""
    code = EXIT_OK
    for model in local_models() if arguments.name is None else [local_model(arguments.name)]:
        try:
            verify(model)
        except CheckpointError as error:
            complain(error)
            code = EXIT_FAILED
        else:
            _say(f"{model.name} is sound")
    return code


def remove_model(arguments: argparse.Namespace) -> int:
    """``models remove``: on a terminal only after a yes."""
    model = removable_model(arguments.name)
    if model.on_hub is not None and not arguments.yes and sys.stdin is not None and sys.stdin.isatty():
        question = printable(f"Delete {model.name}, {in_megabytes(model.n_bytes)}? [y/N] ")
        answer = Console(stderr=True).input(question, markup=False)
        if answer.strip().lower() not in {"y", "yes"}:
            return EXIT_FAILED
    freed = in_megabytes(remove(model))
    _say(f"{model.name} is removed: {freed} are free again")
    return EXIT_OK


def _say(text: str) -> None:
    StdoutConsole().print(Text(printable(text)), soft_wrap=True)


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": list_models,
    "pull": pull_model,
    "verify": verify_models,
    "remove": remove_model,
}
