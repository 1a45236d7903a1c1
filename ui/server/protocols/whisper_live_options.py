"""What the first message of a WhisperLive client asks for.  Pure.

The names are those of whisper_live/client.py, 0.10.0.  What this server has no counterpart of (a model of the client's
choice, speakers, translation into other languages than English) is answered by a warning, not by silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.options import DecodingOptions, StreamingOptions
from stream.raw import SampleEncoding
from ui.server.protocols.protocol import AudioFormat, Opening
from ui.server.protocols.reading import checked_words, language_code, prompt_field, shown, text_field

_ENCODINGS: dict[str, SampleEncoding] = {"float32": "f32le", "int16": "s16le", "uint8": "u8"}
_MOST_SEGMENTS = 100
_LONGEST_UID = 200
_DEFAULT_SEGMENTS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """How one client wants to be served.

    Attributes:
        format: of its audio.
        options: of its stream.
        n_segments: how many completed segments each message repeats.
        warnings: what it asked for and does not get.
    """

    format: AudioFormat
    options: StreamingOptions
    n_segments: int
    warnings: tuple[str, ...]


def read_uid(message: Mapping[str, Any]) -> str:
    """Return the name that the client gave the connection.

    Raises:
        ValueError: there is none, or it is too long.
    """
    uid = message.get("uid")
    if not isinstance(uid, str) or not 0 < len(uid) <= _LONGEST_UID:
        raise ValueError(f"uid must be a text of 1 to {_LONGEST_UID} characters, got {shown(uid)}")
    return uid


def read_wanted(message: Mapping[str, Any], opening: Opening) -> Wanted:
    """Return what the client wants.

    Raises:
        ValueError: it makes no sense, or is not to be had here; which value, is said for people.
    """
    encoding = text_field(message, "audio_format") or "float32"
    if encoding not in _ENCODINGS:
        raise ValueError(f"audio_format must be float32, int16 or uint8, got {shown(encoding)}")
    n_segments = message.get("send_last_n_segments", _DEFAULT_SEGMENTS)
    if type(n_segments) is not int or not 0 <= n_segments <= _MOST_SEGMENTS:
        raise ValueError(f"send_last_n_segments must be 0 to {_MOST_SEGMENTS}, got {shown(n_segments)}")
    return Wanted(
        format=AudioFormat(_ENCODINGS[encoding]),
        options=replace(opening.defaults, partials=True, decoding=_decoding(message, opening)),
        n_segments=n_segments,
        warnings=tuple(_warnings(message, opening)),
    )


def _decoding(message: Mapping[str, Any], opening: Opening) -> DecodingOptions:
    defaults = opening.defaults.decoding
    language, task = text_field(message, "language"), text_field(message, "task")
    if task not in {"", "transcribe", "translate"}:
        raise ValueError(f"task must be transcribe or translate, got {shown(task)}")
    if task == "translate" and tuple(opening.languages) == ("en",):
        raise ValueError(f"this server's model, {opening.model_name}, knows English alone and cannot translate")
    hotwords = checked_words(text_field(message, "hotwords").split(","))
    return replace(
        defaults,
        language=language_code(language, opening.languages) if language else defaults.language,
        translate=task == "translate" or defaults.translate,
        words=defaults.words or message.get("word_timestamps") is True,
        prompt=prompt_field(message, "initial_prompt") or defaults.prompt,
        hotwords=(*hotwords, *defaults.hotwords),
    )


def _warnings(message: Mapping[str, Any], opening: Opening) -> list[str]:
    model = text_field(message, "model")
    reasons = {
        f"this server runs {opening.model_name}, not {shown(model)}": model not in {"", opening.model_name},
        "enable_translation is not supported; task translate writes English": message.get("enable_translation"),
        "enable_diarization is not supported: segments have no speaker": message.get("enable_diarization"),
    }
    return [reason for reason, applies in reasons.items() if applies]
