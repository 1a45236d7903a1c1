"""Deepgram's ``Configure``: other keyterms while the stream runs.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.options import StreamingOptions
from ui.server.protocols.reading import MOST_WORDS, words_field


def configured(options: StreamingOptions, message: Mapping[str, Any]) -> tuple[StreamingOptions, dict[str, Any]]:
    """Return the options from here on, and the answer.

    Raises:
        ValueError: the message is none that Deepgram knows.
    """
    words = message.get("keyterms")
    if words is None:
        return options, {"type": "ConfigureSuccess"}
    if isinstance(words, list) and len(words) > MOST_WORDS:
        description = f"at most {MOST_WORDS} keyterms can be given, got {len(words)}"
        code = "CONFIGURE_KEYTERM_LIMIT_EXCEEDED"
        return options, {"type": "ConfigureFailure", "code": code, "description": description}
    hotwords = words_field(message, "keyterms")
    decoding = replace(options.decoding, hotwords=tuple(hotwords))
    return replace(options, decoding=decoding), {"type": "ConfigureSuccess", "keyterms": hotwords}
