"""Wyoming, the protocol of Home Assistant's voices, as wyoming 1.10 speaks it.  No I/O, no clock.

It is no WebSocket: a message is whatever was read from the TCP connection, empty where no more will come.  A client
says ``transcribe``, sends audio until ``audio-stop``, and reads the ``transcript``.  Before that each final is sent as
a ``transcript-chunk``: what was sent stays, and the chunks put together are the transcript.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any, assert_never

from engine.events import (
    AudioDropped,
    DecodeFailed,
    Discarded,
    Final,
    Flushed,
    Partial,
    SpeechStarted,
    SpeechStopped,
    Status,
    TimedEvent,
)
from stream.raw import SampleEncoding
from ui.formats.verbose_json import VerboseTranscript
from ui.server.protocols.protocol import (
    Audio,
    AudioFormat,
    Close,
    Command,
    Configure,
    End,
    Flush,
    Opening,
    Refusal,
    Send,
)
from ui.server.protocols.reading import language_code, shown, text_field, words_field
from ui.server.protocols.wyoming_frames import Frame, FrameReader, frame_bytes

_STOP = "audio-stop"
_VERSION = version("max-whisper")
_ENCODINGS: Mapping[int, SampleEncoding] = {1: "u8", 2: "s16le"}
_WHISPER = {"name": "OpenAI", "url": "https://github.com/openai/whisper"}


class Wyoming:
    """One connection; it may ask for any number of transcripts, one after another."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._reader = FrameReader()
        self._is_over = False
        self._options = opening.defaults
        self._heard = self._nothing_heard()
        self._language: str | None = None
        self._has_audio = False
        self._last_word: list[str | bytes] = []

    def open(self) -> list[Command]:
        """Return nothing: the client speaks first."""
        return []

    def receive_message(self, message: str | bytes) -> list[Command]:
        """Return what the bytes ask for, as many events as they complete.

        Behind what makes no sense nothing is read; all that was asked before is answered first.
        """
        if self._is_over or not message:
            return [] if self._is_over else [End()]
        commands: list[Command] = []
        try:
            for frame in self._reader.receive(message.encode() if isinstance(message, str) else message):
                commands += self._receive_frame(frame)
        except ValueError as error:
            self._is_over = True
            self._last_word = [_error(str(error), "bad-request")]
            commands.append(End())
        return commands

    def receive_event(self, timed: TimedEvent) -> list[str | bytes]:
        """Return what the client is told about an event."""
        event = timed.event
        match event:
            case Final():
                return self._final(event)
            case Flushed():
                return self._transcript() if event.tag == _STOP else []
            case AudioDropped():
                lost = f"audio was lost, {event.start_s:.3f} s to {event.end_s:.3f} s"
                return [_error(lost, "audio-dropped")]
            case DecodeFailed():
                return [_error(event.reason, "decode-failed")] if event.is_lost else []
            case SpeechStarted() | SpeechStopped() | Partial() | Discarded() | Status():
                return []
            case _:
                assert_never(event)

    def refuse(self, refusal: Refusal) -> list[Command]:
        """Return an error event and the end of the connection."""
        self._is_over = True
        return [Send(_error(refusal.message, refusal.kind)), Close(1008)]

    def last_text(self) -> list[str | bytes]:
        """Return the transcript of a client that stopped sending without ``audio-stop``, and what was wrong, if any."""
        return [*(self._transcript() if self._has_audio else []), *self._last_word]

    def finish(self) -> list[str | bytes]:
        """Return nothing: the transcript was the last word."""
        return []

    def _receive_frame(self, frame: Frame) -> list[Command]:
        match frame.type:
            case "describe":
                return [Send(frame_bytes("info", self._info()))]
            case "ping":
                return [Send(frame_bytes("pong", {"text": frame.data.get("text")}))]
            case "transcribe":
                return self._transcribe(frame.data)
            case "audio-start" | "audio-chunk":
                return self._receive_audio(frame)
            case "audio-stop":
                return self._stop()
            case _:  # a server drops what it does not know: wyoming/info.py, SelectProgram
                return []

    def _transcribe(self, data: Mapping[str, Any]) -> list[Command]:
        """What is asked of the audio that follows; what is not said is as the server has it."""
        tag, defaults = text_field(data, "language"), self._opening.defaults
        hotwords = [*words_field(data, "transcript_names"), *words_field(data, "transcript_terms")]
        decoding = replace(
            defaults.decoding,
            language=language_code(tag, self._opening.languages) if tag else defaults.decoding.language,
            hotwords=(*hotwords, *defaults.decoding.hotwords),
        )
        self._options = replace(defaults, partials=False, decoding=decoding)
        return [Configure(self._options)]

    def _receive_audio(self, frame: Frame) -> list[Command]:
        audio_format = _audio_format(frame.data)
        if frame.type == "audio-chunk":
            self._has_audio = True
            return [Audio(frame.payload, audio_format)]
        return self._stop() if self._has_audio else []  # a client that forgot audio-stop

    def _stop(self) -> list[Command]:
        self._has_audio = False
        return [Flush(_STOP)]

    def _final(self, event: Final) -> list[str | bytes]:
        started = self._start(event.language)
        return [*started, frame_bytes("transcript-chunk", {"text": self._heard.take(event)})]

    def _start(self, language: str | None) -> list[str | bytes]:
        if self._heard.text:
            return []
        self._language = language
        return [frame_bytes("transcript-start", {} if language is None else {"language": language})]

    def _transcript(self) -> list[str | bytes]:
        started = self._start(self._opening.defaults.decoding.language)
        language = {} if self._language is None else {"language": self._language}
        transcript = frame_bytes("transcript", {"text": self._heard.text, **language})
        self._heard = self._nothing_heard()
        return [*started, transcript, frame_bytes("transcript-stop")]

    def _nothing_heard(self) -> VerboseTranscript:
        return VerboseTranscript(task="translate" if self._opening.defaults.decoding.translate else "transcribe")

    def _info(self) -> dict[str, Any]:
        model = {
            "name": self._opening.model_name,
            "attribution": _WHISPER,
            "installed": True,
            "description": f"Whisper {self._opening.model_name}",
            "version": None,
            "languages": list(self._opening.languages),
        }
        program = {
            "name": "max-whisper",
            "attribution": {"name": "max-whisper", "url": ""},
            "installed": True,
            "description": "Whisper on MAX Graph, streaming",
            "version": _VERSION,
            "models": [model],
            "supports_transcript_streaming": True,
            "requires_external_vad": True,
        }
        return {"asr": [program], **{kind: [] for kind in ("tts", "handle", "intent", "wake", "mic", "snd")}}


def _audio_format(data: Mapping[str, Any]) -> AudioFormat:
    rate, width, channels = (data.get(name) for name in ("rate", "width", "channels"))
    if type(rate) is not int or type(channels) is not int:
        raise ValueError(f"rate and channels must be whole numbers, got {shown(rate)} and {shown(channels)}")
    if type(width) is not int or width not in _ENCODINGS:
        raise ValueError(f"width must be 1 or 2 bytes, got {shown(width)}")
    return AudioFormat(_ENCODINGS[width], rate, channels)


def _error(text: str, code: str) -> bytes:
    return frame_bytes("error", {"text": text, "code": code})
