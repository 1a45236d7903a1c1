"""``--vary``: one run for each combination of values of the options of a stream."""

from __future__ import annotations

import argparse
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from engine.options import FOR_LIVE, AudioContext, DecodingOptions, StabilityOptions, StreamingOptions
from stream.gate import GateOptions
from ui.flag_values import listed

Setting = Mapping[str, str]
"""Values as they were written, by dotted names of fields of ``StreamingOptions``."""

_OF_RECORDINGS = {"cuts_at_languages", "sequential", "condition_on_previous_text", "patience_s"}
_NESTED = (AudioContext, DecodingOptions, StabilityOptions, GateOptions)
_Options = TypeVar("_Options", StreamingOptions, AudioContext, DecodingOptions, StabilityOptions, GateOptions)


def varied(setting: Setting, options: StreamingOptions = FOR_LIVE) -> StreamingOptions:
    """Return ``options`` with the values of ``setting``.

    Raises:
        ValueError: there is no such option, or it cannot have that value beside the others.
    """
    names = list(option_names(FOR_LIVE))
    unknown = [name for name in setting if name not in names]
    if unknown:
        raise ValueError(f"{unknown[0]} is none of {', '.join(names)}")
    return _replaced(options, setting)


def settings_of(varies: Sequence[tuple[str, tuple[str, ...]]]) -> list[dict[str, str]]:
    """Return every combination of the values; an empty setting where nothing varies."""
    names = [name for name, _ in varies]
    return [dict(zip(names, values, strict=True)) for values in product(*(values for _, values in varies))]


def parse_vary(text: str) -> tuple[str, tuple[str, ...]]:
    """Read "step_s=0.2,0.5" as a name and its values."""
    name, _, values = text.partition("=")
    found = listed(values)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} must be OPTION=VALUE,…, for example step_s=0.2,0.5")
    return name, found


def option_names(options: object, path: str = "") -> Iterator[str]:
    """Yield the dotted names of all that says how a live stream is heard and has a value of its own."""
    for name in (name for name in get_type_hints(type(options)) if name not in _OF_RECORDINGS):
        value = getattr(options, name)
        if isinstance(value, _NESTED):
            yield from option_names(value, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def name_of(setting: Setting) -> str:
    """Return what tables call ``setting``."""
    return ", ".join(f"{name}={value}" for name, value in setting.items()) or "as it is"


def _replaced(options: _Options, setting: Setting) -> _Options:
    kinds, new = get_type_hints(type(options)), {}
    for name in (field.name for field in fields(options)):
        within = {key.removeprefix(f"{name}."): text for key, text in setting.items() if key.startswith(f"{name}.")}
        if within:
            new[name] = _replaced(getattr(options, name), within)
        elif name in setting:
            new[name] = _value(kinds[name], setting[name], name)
    return replace(options, **new)


def _value(kind: object, text: str, name: str) -> Any:  # noqa: ANN401  # whatever the option wants
    """Read ``text`` as a value of ``kind``; those of a tuple are parted by "+"."""
    if get_origin(kind) in {Union, types.UnionType}:
        if text == "none":
            return None
        (kind,) = (one for one in get_args(kind) if one is not types.NoneType)
    if get_origin(kind) is tuple:
        return tuple(_value(get_args(kind)[0], part, name) for part in text.split("+"))
    if get_origin(kind) is Literal:
        kind = str
    try:
        return _READERS[kind](text)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{name} must be {_KINDS[kind]}, got {text}") from error


_READERS: Mapping[object, Callable[[str], object]] = {
    int: int,
    float: float,
    str: str,
    bool: {"true": True, "false": False}.__getitem__,
}
_KINDS: Mapping[object, str] = {int: "a whole number", float: "a number", bool: "true or false"}
