"""``max-whisper models``: its part of the command line; what it does is in ``ui.model_commands``."""

from __future__ import annotations

import argparse

_Commands = argparse._SubParsersAction  # argparse has no public name for it


def add_models_command(commands: _Commands[argparse.ArgumentParser]) -> None:
    """Add ``models`` and what can be done with them."""
    command = commands.add_parser(
        "models",
        help="list, download, verify and remove models",
        description="List, download, verify and remove models.  Those from the Hugging Face hub are kept where its "
        "own programs keep them: HF_HOME names another folder.",
    )
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add(actions, "list", "the models on this machine")
    pull = _add(actions, "pull", "download a model")
    pull.add_argument("name", metavar="NAME", help="as large-v3, or owner/name on the hub; maybe with @revision")
    verify = _add(actions, "verify", "see that models are whole and undamaged")
    verify.add_argument("name", metavar="NAME", nargs="?", help="one model alone")
    remove = _add(actions, "remove", "delete a downloaded model and what was compiled for it")
    remove.add_argument("name", metavar="NAME", help="as the list has it")
    remove.add_argument("--yes", action="store_true", help="do not ask")


def _add(actions: _Commands[argparse.ArgumentParser], name: str, purpose: str) -> argparse.ArgumentParser:
    return actions.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
