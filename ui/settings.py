"""A command's flags from a TOML file and from the environment, under the flags' own names."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

_PREFIX = "MAX_WHISPER_"


class SettingsError(Exception):
    """A setting makes no sense; the message says where it stands and what would make sense."""


def with_settings(
    parser: argparse.ArgumentParser, given: Sequence[str], environment: Mapping[str, str]
) -> Sequence[str]:
    """Return the arguments ``given``, where their command has --config behind those of that file and the environment.

    The later ones count: a flag beats the environment, and that the file.

    Args:
        parser: of the program.
        given: its command and that one's arguments.
        environment: MAX_WHISPER_IDLE_S sets --idle-s; names that are no flag's are left alone.

    Raises:
        SettingsError: the file cannot be read, or says what is no flag.
    """
    command = _commands(parser).get(given[0]) if given else None
    flags = {} if command is None else _flags(command)
    if "config" not in flags:
        return given
    path = _config_of(given) or environment.get(f"{_PREFIX}CONFIG")
    settings = _file_settings(flags, Path(path)) if path else {}
    settings |= _environment_settings(flags, environment)
    return [given[0], *(argument for argument in settings.values() if argument is not None), *given[1:]]


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    choices = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return choices[0] if choices else {}


def _flags(command: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    named = {flag: action for action in command._actions for flag in action.option_strings if flag.startswith("--")}
    return {flag.removeprefix("--"): action for flag, action in named.items() if flag != "--help"}


def _config_of(given: Sequence[str]) -> str | None:
    for i, argument in enumerate(given):
        if argument == "--config" and i + 1 < len(given):
            return given[i + 1]
        if argument.startswith("--config="):
            return argument.removeprefix("--config=")
    return None


def _file_settings(flags: Mapping[str, argparse.Action], path: Path) -> dict[str, str | None]:
    """Return by the flags' names what stands for the settings of ``path`` on the command line; None: nothing."""
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{path} is no TOML: {error}") from error
    found = {}
    for key, value in settings.items():
        name = key.replace("_", "-")
        if name not in flags or name == "config":
            raise SettingsError(f"{path} has {key!r}, which is no flag's name: see --help")
        found[name] = _flag(f"{key} in {path}", name, flags[name], value)
    return found


def _environment_settings(
    flags: Mapping[str, argparse.Action], environment: Mapping[str, str]
) -> dict[str, str | None]:
    found = {}
    for name, action in flags.items():
        variable = _PREFIX + name.upper().replace("-", "_")
        if name != "config" and variable in environment:
            text = environment[variable]
            value = {"true": True, "1": True, "false": False, "0": False}.get(text, text) if action.nargs == 0 else text
            found[name] = _flag(variable, name, action, value)
    return found


def _flag(where: str, name: str, action: argparse.Action, value: object) -> str | None:
    """Return a setting as it would stand on the command line; None for a switch that is off."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise SettingsError(f"{where} must be true or false, got {value!r}")
        return f"--{name}" if value else None
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return f"--{name}={','.join(map(str, value))}"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SettingsError(f"{where} must be a text, a number or a list of them, got {value!r}")
    return f"--{name}={value}"
