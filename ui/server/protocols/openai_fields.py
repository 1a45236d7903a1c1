"""What a client of OpenAI's protocols sends, read field by field: what makes no sense is refused in OpenAI's words.

Pure.  The codes and most wordings are those that api.openai.com answers with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from ui.server.protocols.reading import LONGEST_TEXT, MOST_WORDS

T = TypeVar("T")
Read = Callable[[object, str], T]
"""Makes a value of what was sent; told where it stood, for the complaint."""

OTHERS_MODELS = ("gpt-", "whisper-1")
"""OpenAI's own models begin with these: clients name them out of habit, and get the one model there is."""


@dataclass(eq=False)
class RequestError(Exception):
    """What was sent makes no sense.

    Attributes:
        message: what, which value, what to do; for people.
        param: which field, as "session.audio.input"; None where it is no single one.
        code: of the kind of mistake, as OpenAI names it.
    """

    message: str
    param: str | None = None
    code: str = "invalid_value"

    def __post_init__(self) -> None:
        """Let both be written down whatever they quote: half a character has no encoding."""
        self.message = self.message.encode(errors="replace").decode()
        self.param = self.param and self.param.encode(errors="replace").decode()

    def __str__(self) -> str:
        return self.message


class Fields:
    """Takes the fields of one JSON object; those nobody took are refused by ``finish``."""

    def __init__(self, value: object, path: str = "") -> None:
        """``path`` is where the object stood: "" for a message itself.

        Raises:
            RequestError: ``value`` is no object.
        """
        if not isinstance(value, dict):
            raise wrong_type(path or "message", "an object", value)
        self._rest: dict[str, Any] = dict(value)
        self._path = path

    def path_of(self, name: str) -> str:
        """Return how the field ``name`` is called in complaints."""
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str, read: Read[T], otherwise: T, cleared: T) -> T:
        """Return the field; ``otherwise`` where it was left out, ``cleared`` where it is null.

        Raises:
            RequestError: what was sent makes no sense.
        """
        if name not in self._rest:
            return otherwise
        value = self._rest.pop(name)
        return cleared if value is None else read(value, self.path_of(name))

    def take_list(self, name: str, read_each: Read[T]) -> tuple[T, ...]:
        """Return the array ``name``, empty where it was left out or is null.

        Raises:
            RequestError: what was sent makes no sense.
        """
        nothing: tuple[T, ...] = ()
        return self.take(name, several(read_each), nothing, nothing)

    def need(self, name: str, read: Read[T]) -> T:
        """Return a field that may not be left out.

        Raises:
            RequestError: it was, or makes no sense.
        """
        if self._rest.get(name) is None:
            path = self.path_of(name)
            raise RequestError(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")
        return read(self._rest.pop(name), self.path_of(name))

    def inner(self, name: str) -> Fields:
        """Return the object ``name``, empty where it was left out or is null.

        Raises:
            RequestError: it is no object.
        """
        value = self._rest.pop(name, None)
        return Fields({} if value is None else value, self.path_of(name))

    def ignore(self, *names: str) -> None:
        """Take fields that change nothing."""
        for name in names:
            self._rest.pop(name, None)

    def finish(self) -> None:
        """See that nothing is left.

        Raises:
            RequestError: there is a field that nobody knows.
        """
        for name in self._rest:
            path = self.path_of(name[:100])
            raise RequestError(f"Unknown parameter: '{path}'.", path, "unknown_parameter")


def read_json(message: str | bytes) -> object:
    """Return what the JSON text ``message`` holds.

    Raises:
        RequestError: it is no text, or no JSON.
    """
    if isinstance(message, bytes):
        raise RequestError("Binary messages are not supported: send JSON text.", code="invalid_message")
    try:
        return json.loads(message)
    except (ValueError, RecursionError) as error:
        raise RequestError("The message is not valid JSON: send one JSON object.", code="invalid_json") from error


def wrong_type(path: str, wanted: str, value: object) -> RequestError:
    """Return the complaint that ``value`` is none of what is ``wanted``."""
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal", list: "an array"}
    got = names.get(type(value), "null" if value is None else "an object")
    return RequestError(f"Invalid type for '{path}': expected {wanted}, but got {got} instead.", path, "invalid_type")


def text(value: object, path: str) -> str:
    """Read a string that has an encoding."""
    if not isinstance(value, str):
        raise wrong_type(path, "a string", value)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RequestError(f"Invalid '{path}': it holds half a character (a lone surrogate).", path) from error
    return value


def flag(value: object, path: str) -> bool:
    """Read a boolean."""
    if not isinstance(value, bool):
        raise wrong_type(path, "a boolean", value)
    return value


def number(low: float, high: float) -> Read[float]:
    """Read a number between ``low`` and ``high``."""

    def read(value: object, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(path, "a decimal", value)
        if not low <= value <= high:  # NaN neither
            raise RequestError(f"Invalid '{path}': must be between {low:g} and {high:g}, got {value!r:.20}.", path)
        return float(value)

    return read


def whole(low: int, high: int) -> Read[int]:
    """Read a whole number between ``low`` and ``high``."""

    def read(value: object, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(path, "an integer", value)
        return int(number(low, high)(value, path))

    return read


def one_of(*values: str) -> Read[str]:
    """Read one of some words."""

    def read(value: object, path: str) -> str:
        word = text(value, path)
        if word not in values:
            raise unsupported(word, path, values)
        return word

    return read


def several(read_each: Read[T]) -> Read[tuple[T, ...]]:
    """Read an array of what ``read_each`` reads."""

    def read(value: object, path: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise wrong_type(path, "an array", value)
        return tuple(read_each(one, f"{path}[{i}]") for i, one in enumerate(value))

    return read


def prompt(value: object, path: str) -> str:
    """Read text that came before, names, a style."""
    said = text(value, path)
    if len(said) > LONGEST_TEXT:
        raise RequestError(f"Invalid '{path}': at most {LONGEST_TEXT} characters, got {len(said)}.", path)
    return said


def keywords(value: object, path: str) -> tuple[str, ...]:
    """Read the words and phrases that are likely to be said."""
    words = several(keyword)(value, path)
    if len(words) > MOST_WORDS:
        raise RequestError(f"Invalid '{path}': at most {MOST_WORDS} keywords, got {len(words)}.", path)
    return words


def keyword(value: object, path: str) -> str:
    """Read one of them."""
    word = prompt(value, path).strip()
    if not word or any(character in word for character in "<>\r\n"):
        raise RequestError(f"Invalid '{path}': a keyword may not be empty or hold <, > or line breaks.", path)
    return word


def unsupported(value: str, path: str, values: Collection[str]) -> RequestError:
    """Return the complaint that ``value`` is none of ``values``."""
    known = ", ".join(f"'{one}'" for one in values)
    return RequestError(f"Invalid value: '{value[:100]}'. Supported values are: {known}.", path)


def language_of(known: Collection[str]) -> Read[str]:
    """Read the code of a language among the ``known`` ones."""

    def read(value: object, path: str) -> str:
        code = text(value, path).lower()
        if code not in known:
            raise RequestError(
                f"Invalid '{path}': the model does not know the language '{code[:100]}'. It knows: {', '.join(known)}.",
                path,
                "invalid_language",
            )
        return code

    return read


def model_of(served: str) -> Read[str]:
    """Read the name of the ``served`` model, or one of OpenAI's."""

    def read(value: object, path: str) -> str:
        name = text(value, path)
        if "diarize" in name:
            raise RequestError(f"The model '{name[:100]}' names speakers, which '{served}' cannot do.", path)
        if name != served and not name.startswith(OTHERS_MODELS):
            raise RequestError(
                f"The model '{name[:100]}' does not exist here. This server has one: '{served}'.",
                path,
                "model_not_found",
            )
        return name

    return read
