"""What clients write, read with care: a ``ValueError`` for people instead of any other error.  Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

MOST_WORDS = 500
"""Hotwords of one client: as many as Deepgram takes."""
LONGEST_TEXT = 2_000
"""Characters of a prompt and of each hotword: many times what Whisper can be told of either."""
_LONGEST_SHOWN = 60
_LONGEST_REASON = 123
"""What RFC 6455 §5.5 leaves of a control frame behind the code, in bytes."""
_OTHER_CODES = {"fil": "tl", "in": "id", "iw": "he", "ji": "yi", "jv": "jw", "nb": "no"}
"""ISO 639 codes for which Whisper has another."""


def read_object(text: str | bytes) -> dict[str, Any]:
    """Return the fields of the JSON object that ``text`` is, all of it valid Unicode.

    Raises:
        ValueError: it is something else; what, is said for people.
    """
    try:
        value = json.loads(text, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except UnicodeError:
        raise ValueError("the text is not valid Unicode") from None
    except ValueError as error:
        raise ValueError(f"this is not JSON: {error}") from None
    fields: dict[str, Any] | None = value if isinstance(value, dict) else None
    if fields is None:
        raise ValueError(f"a JSON object is expected, got {shown(value)}")
    return fields


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def text_field(fields: Mapping[str, Any], name: str) -> str:
    """Return a text of ``fields``; empty where it is left out or null.

    Raises:
        ValueError: it is no text.
    """
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be a text, got {shown(value)}")
    return value or ""


def prompt_field(fields: Mapping[str, Any], name: str) -> str:
    """Return a prompt of ``fields``; empty where it is left out or null.

    Raises:
        ValueError: it is no text, or too long.
    """
    prompt = text_field(fields, name)
    if len(prompt) > LONGEST_TEXT:
        raise ValueError(f"{name} may have {LONGEST_TEXT} characters, got {len(prompt)}")
    return prompt


def words_field(fields: Mapping[str, Any], name: str) -> list[str]:
    """Return a list of words of ``fields``, without blanks around them; empty where it is left out or null.

    Raises:
        ValueError: it is no list of texts, or too long.
    """
    words = fields.get(name)
    if words is not None and not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise ValueError(f"{name} must be a list of words, got {shown(words)}")
    return checked_words(words or [])


def checked_words(words: Sequence[str]) -> list[str]:
    """Return ``words`` without blanks around them and without empty ones.

    Raises:
        ValueError: there are too many, or one is too long.
    """
    if len(words) > MOST_WORDS:
        raise ValueError(f"at most {MOST_WORDS} words can be made likely, got {len(words)}")
    if (longest := max(map(len, words), default=0)) > LONGEST_TEXT:
        raise ValueError(f"a word that is made likely may have {LONGEST_TEXT} characters, got {longest}")
    return [word.strip() for word in words if word.strip()]


def language_code(tag: str, known: Sequence[str]) -> str:
    """Return Whisper's code of a BCP-47 tag or ISO 639 code: "en" of "en-US", "no" of "nb".

    Raises:
        ValueError: the model does not know the language.
    """
    first = tag.replace("_", "-").split("-")[0].lower()
    code = _OTHER_CODES.get(first, first)
    if code not in known:
        raise ValueError(f"language {shown(tag)} is not known to this model; it knows {', '.join(known)}")
    return code


def shown(value: object) -> str:
    """Return ``value`` as an error message shows it: short, and ASCII, so that it may stand in a header."""
    text = ascii(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def close_reason(text: str) -> str:
    """Return as much of ``text`` as a WebSocket's close frame holds."""
    return text.encode()[:_LONGEST_REASON].decode(errors="ignore")
