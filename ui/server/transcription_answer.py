"""From a recording's events to the answer that was asked for, in OpenAI's forms.  Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import ceil
from typing import Any

from engine.events import Event, Final, Token
from ui.formats.subtitles import Subtitles
from ui.formats.verbose_json import VerboseTranscript
from ui.server.protocols.openai_messages import logprobs_of
from ui.server.transcription_request import TranscriptionRequest

MEDIA_TYPES = {
    "json": "application/json",
    "verbose_json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}


class Answer:
    """One recording's text, growing."""

    def __init__(self, request: TranscriptionRequest) -> None:
        self._request = request
        self._transcript = VerboseTranscript(task=request.task)
        self._subtitles = Subtitles(is_vtt=request.form == "vtt")
        self._blocks = [self._subtitles.header]
        self._tokens: list[Token] = []

    @property
    def media_type(self) -> str:
        """What ``content`` is."""
        return MEDIA_TYPES[self._request.form]

    def take(self, event: Event) -> list[str]:
        """Take what happened; return the server-sent events that tell of it, for whom the text is streamed to."""
        new = self._transcript.take(event)
        if not isinstance(event, Final):
            return []
        if self._request.form in {"srt", "vtt"}:
            self._blocks.append(self._subtitles.blocks_of(event))
        self._tokens += event.tokens
        more = {"logprobs": logprobs_of(event.tokens)} if self._request.has_logprobs else {}
        return [_sent({"type": "transcript.text.delta", "delta": new} | more)]

    def content(self) -> str:
        """Return the whole answer."""
        match self._request.form:
            case "srt" | "vtt":
                return "".join(self._blocks)
            case "text":
                return self._transcript.text + "\n"
            case "verbose_json":
                return _json(self._verbose())
            case _:
                return _json({"text": self._transcript.text} | self._logprobs() | self._usage())

    def done(self) -> str:
        """Return the server-sent event that ends a stream."""
        return _sent({"type": "transcript.text.done", "text": self._transcript.text} | self._logprobs())

    def _verbose(self) -> dict[str, Any]:
        fields, has = self._transcript.fields(), self._request.granularities
        words = [
            {"word": word["word"].strip(), "start": word["start"], "end": word["end"]}
            for word in fields.pop("words", ())
        ]
        if "segment" not in has:
            fields["segments"] = None
        if self._request.task == "translate":
            fields["language"] = "english"
        return fields | ({"words": words} if "word" in has else {}) | self._usage()

    def _logprobs(self) -> dict[str, Any]:
        return {"logprobs": logprobs_of(self._tokens)} if self._request.has_logprobs else {}

    def _usage(self) -> dict[str, Any]:
        return {"usage": {"type": "duration", "seconds": ceil(self._transcript.duration_s)}}


def failure(error: Mapping[str, Any]) -> str:
    """Return the server-sent event that says why a stream ends early."""
    return _sent({"error": error})


def _sent(fields: Mapping[str, Any]) -> str:
    return f"data: {_json(fields)}\n\n"


def _json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False)
