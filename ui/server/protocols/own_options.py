"""What a client of our own protocol asks of its stream → options, checked field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from engine.options import StreamingOptions
from stream.raw import AudioFormat, SampleEncoding
from ui.server.protocols.reading import LONGEST_TEXT, MOST_WORDS, shown

_Check = Callable[[str, object], Any]


class BadRequestError(Exception):
    """A message that makes no sense; the text says which value, and what would make sense."""


def requested_format(query: Mapping[str, Sequence[str]]) -> AudioFormat:
    """Return the audio format that an address asks for.

    Raises:
        BadRequestError: there is no such format.
    """
    given = {name: values[-1] for name, values in query.items() if values}
    encoding = cast("SampleEncoding", given.get("encoding", "s16le"))
    rate, channels = _whole(given, "rate", 16_000), _whole(given, "channels", 1)
    try:
        return AudioFormat(encoding, rate, channels)
    except ValueError as error:
        raise BadRequestError(str(error)) from error


def _whole(given: Mapping[str, str], name: str, usual: int) -> int:
    text = given.get(name, str(usual))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadRequestError(f"{name} must be a whole number, got {shown(text)}")
    return int(text)


def requested_options(
    options: StreamingOptions, query: Mapping[str, Sequence[str]], languages: Sequence[str]
) -> StreamingOptions:
    """Return ``options`` with what an address asks for: language=CODE; words, translate and partials=true or false.

    Raises:
        BadRequestError: a value makes no sense.
    """
    given: dict[str, object] = {name: query[name][-1] for name in ("language",) if query.get(name)}
    for name in ("words", "translate", "partials"):
        if values := query.get(name):
            given[name] = {"true": True, "false": False}.get(values[-1], values[-1])
    return configured(options, given, languages, options)


def configured(
    options: StreamingOptions, fields: Mapping[str, object], languages: Sequence[str], defaults: StreamingOptions
) -> StreamingOptions:
    """Return ``options`` with what the fields of a ``configure`` ask for; null is as if nothing had been asked.

    Args:
        options: those that held so far.
        fields: what is asked for.
        languages: codes of those the model knows.
        defaults: options of a stream that asks for nothing.

    Raises:
        BadRequestError: a field is unknown, or its value makes no sense.
    """
    unknown = fields.keys() - {"kind"} - _DECODING.keys() - _STREAMING.keys() - _GATE.keys()
    if unknown:
        raise BadRequestError(f"configure has no field {shown(min(unknown))}")
    asked = {name: value for name, value in fields.items() if value is not None or name not in _NULLABLE}
    decoding, streaming, gate = (_checked(checks, asked) for checks in (_DECODING, _STREAMING, _GATE))
    _check_languages(decoding, languages)
    decoding |= {name: getattr(defaults.decoding, name) for name in fields.keys() - asked.keys()}
    try:
        return replace(
            options,
            decoding=replace(options.decoding, **decoding),
            gate=replace(options.gate, **gate),
            **streaming,
        )
    except ValueError as error:
        raise BadRequestError(str(error)) from error


def _checked(checks: Mapping[str, _Check], fields: Mapping[str, object]) -> dict[str, Any]:
    return {name: check(name, fields[name]) for name, check in checks.items() if name in fields}


def _check_languages(decoding: Mapping[str, Any], known: Sequence[str]) -> None:
    for code in (*decoding.get("languages", ()), *filter(None, [decoding.get("language")])):
        if code not in known:
            raise BadRequestError(f"the model does not know the language {shown(code)}; it knows {', '.join(known)}")
    if decoding.get("translate") and len(known) == 1:
        raise BadRequestError("the model knows English alone, and cannot translate")


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadRequestError(f"{name} must be true or false, got {shown(value)}")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise BadRequestError(f"{name} must be text of at most {LONGEST_TEXT} characters")
    return value


def _code(name: str, value: object) -> str | None:
    return _text(name, value) or None


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_WORDS:
        raise BadRequestError(f"{name} must be a list of at most {MOST_WORDS} texts")
    return tuple(_text(name, item) for item in value)


def _milliseconds(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10_000:
        raise BadRequestError(f"{name} must be a whole number of milliseconds from 0 to 10000, got {shown(value)}")
    return value


_DECODING: dict[str, _Check] = {
    "language": _code,
    "languages": _texts,
    "translate": _boolean,
    "words": _boolean,
    "prompt": _text,
    "hotwords": _texts,
}
_NULLABLE = {"language", "languages", "prompt", "hotwords"}
_STREAMING: dict[str, _Check] = {"partials": _boolean, "keeps_stable": _boolean}
_GATE: dict[str, _Check] = {"hangover_ms": _milliseconds, "pre_roll_ms": _milliseconds, "is_manual": _boolean}
