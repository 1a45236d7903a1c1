"""What a client of our own protocol asks of its stream → options, checked field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from engine.options import StreamingOptions
from stream.raw import AudioFormat, SampleEncoding

_LONGEST_TEXT = 2_000
_MOST_WORDS = 500

_Check = Callable[[str, Any], Any]


class BadRequest(Exception):
    """A message that makes no sense; the text says which value, and what would make sense."""


def requested_format(query: Mapping[str, Sequence[str]]) -> AudioFormat:
    """Return the audio format that an address asks for.

    Raises:
        BadRequest: there is no such format.
    """
    given = {name: values[-1] for name, values in query.items() if values}
    try:
        encoding = cast("SampleEncoding", given.get("encoding", "s16le"))
        return AudioFormat(encoding, _whole(given, "rate", 16_000), _whole(given, "channels", 1))
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _whole(given: Mapping[str, str], name: str, usual: int) -> int:
    text = given.get(name, str(usual))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadRequest(f"{name} must be a whole number, got {text[:20]!r}")
    return int(text)


def configured(options: StreamingOptions, fields: Mapping[str, Any], languages: Sequence[str]) -> StreamingOptions:
    """Return ``options`` with what the fields of a ``configure`` ask for; null is as if nothing had been asked.

    Raises:
        BadRequest: a field is unknown, or its value makes no sense.
    """
    unknown = fields.keys() - {"kind"} - _DECODING.keys() - _STREAMING.keys() - _GATE.keys()
    if unknown:
        raise BadRequest(f"configure has no field {min(unknown)!r}")
    try:
        return replace(
            options,
            **_checked(_STREAMING, fields),
            decoding=replace(options.decoding, **_checked(_DECODING, fields, languages)),
            gate=replace(options.gate, **_checked(_GATE, fields)),
        )
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _checked(checks: Mapping[str, _Check], fields: Mapping[str, Any], languages: Sequence[str] = ()) -> dict[str, Any]:
    checked = {name: check(name, fields[name]) for name, check in checks.items() if name in fields}
    for code in (*checked.get("languages", ()), *filter(None, [checked.get("language")])):
        if code not in languages:
            raise BadRequest(f"the model does not know the language {code!r}; it knows {', '.join(languages)}")
    return checked


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false, got {value!r}")
    return value


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise BadRequest(f"{name} must be text of at most {_LONGEST_TEXT} characters")
    return value


def _code(name: str, value: Any) -> str | None:
    return _text(name, value) or None


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MOST_WORDS:
        raise BadRequest(f"{name} must be a list of at most {_MOST_WORDS} texts")
    return tuple(_text(name, item) for item in value)


def _milliseconds(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10_000:
        raise BadRequest(f"{name} must be a whole number of milliseconds from 0 to 10000, got {value!r}")
    return value


_DECODING: dict[str, _Check] = {
    "language": _code,
    "languages": _texts,
    "translate": _boolean,
    "words": _boolean,
    "prompt": _text,
    "hotwords": _texts,
}
_STREAMING: dict[str, _Check] = {"partials": _boolean}
_GATE: dict[str, _Check] = {"hangover_ms": _milliseconds, "pre_roll_ms": _milliseconds}
