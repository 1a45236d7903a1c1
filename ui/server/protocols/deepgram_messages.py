"""What Deepgram's answers have in common: words, who transcribed, errors.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from engine.alignment import WordTiming

_JOINED_MARKS = '.,!?;:…"“”„«»()[]。，！？；：、'


def word_fields(word: WordTiming) -> dict[str, Any]:
    """Return a word with its times in seconds of audio, without its marks and with them."""
    text = word.text.strip()
    return {
        "word": text.strip(_JOINED_MARKS).lower() or text,
        "start": round(word.start_s, 3),
        "end": round(word.end_s, 3),
        "confidence": round(word.probability, 4),
        "punctuated_word": text,
    }


def confidence_of(words: Sequence[WordTiming]) -> float:
    """Return how probable ``words`` are on average; 0 where there are none."""
    return round(sum(word.probability for word in words) / len(words), 4) if words else 0.0


def model_info(model_name: str) -> dict[str, str]:
    """Return who transcribes."""
    return {"name": model_name, "version": "max-whisper", "arch": "whisper"}


def model_uuid(model_name: str) -> str:
    """Return what Deepgram calls a model by."""
    return str(uuid5(NAMESPACE_URL, f"max-whisper:{model_name}"))


def metadata_fields(
    model_name: str, *, request_id: str, sha256: str, created: str, duration_s: float, channels: int
) -> dict[str, Any]:
    """Return what is said of audio as a whole."""
    return {
        "transaction_key": "deprecated",
        "request_id": request_id,
        "sha256": sha256,
        "created": created,
        "duration": round(duration_s, 3),
        "channels": channels,
        "models": [model_uuid(model_name)],
        "model_info": {model_uuid(model_name): model_info(model_name)},
    }


def error_fields(title: str, message: str, request_id: str) -> dict[str, str]:
    """Return the body of an answer that is an error of HTTP, whose ``title`` is "Bad Request" for 400."""
    return {"err_code": title, "err_msg": message, "request_id": request_id}
