"""OpenAI's audio formats, its older form, and how limits are told."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from openai_client import Talk, events_of, final, kinds, opening, started

from engine.events import SpeechStopped
from stream.raw import AudioFormat
from ui.server.protocols.protocol import Audio, Close, Configure, Refusal, Send

BETA = {"headers": {"openai-beta": "realtime=v1"}}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"type": "audio/pcm", "rate": 24000}, AudioFormat("s16le", 24_000)),
        ({"type": "audio/pcmu"}, AudioFormat("mulaw", 8_000)),
        ({"type": "audio/pcma"}, AudioFormat("alaw", 8_000)),
        (None, AudioFormat("s16le", 24_000)),
    ],
)
def test_audio_formats(asked: object, expected: AudioFormat) -> None:
    talk = Talk(opening())
    talk.update(format=asked)

    [audio] = talk.send("input_audio_buffer.append", audio=base64.b64encode(b"\0\1").decode())
    assert Audio(b"\0\1", expected) == audio


class TestBeta:
    @pytest.mark.parametrize("how", [BETA, {"subprotocols": ("realtime", "openai-beta.realtime-v1")}])
    def test_header_or_subprotocol_choose_it(self, how: dict[str, Any]) -> None:
        talk = Talk(opening(**how))
        [created] = events_of(talk.opened)

        assert created["type"] == "transcription_session.created"
        assert created["session"]["input_audio_format"] == "pcm16"
        assert created["session"]["turn_detection"]["silence_duration_ms"] == 500

    def test_an_update_and_an_utterance(self) -> None:
        talk = Talk(opening(**BETA))
        settings = {
            "input_audio_format": "g711_alaw",
            "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "de", "prompt": "Neuss"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 800},
            "input_audio_noise_reduction": {"type": "near_field"},
        }
        configure, updated = talk.send("transcription_session.update", session=settings)
        events = talk.hear(started(), SpeechStopped(1, 3.0), final("Hallo."))

        assert isinstance(configure, Configure)
        assert ("de", "Neuss", 800) == (
            configure.options.decoding.language,
            configure.options.decoding.prompt,
            configure.options.gate.hangover_ms,
        )
        assert "g711_alaw" == events_of([updated])[0]["session"]["input_audio_format"]
        assert "conversation.item.created" in kinds(events)
        assert not {"conversation.item.added", "conversation.item.done"} & set(kinds(events))

    def test_the_first_update_may_show_it(self) -> None:
        talk = Talk(opening())

        [updated] = talk.ask("transcription_session.update", session={"input_audio_format": "g711_ulaw"})
        assert "transcription_session.updated" == updated["type"]

    def test_a_later_one_may_not(self) -> None:
        talk = Talk(opening())
        talk.update(turn_detection=None)

        [error] = talk.ask("transcription_session.update", session={})
        assert error["error"]["message"] == (
            "Passing a transcription session update event to a realtime session is not allowed."
        )

    def test_a_conversations_update_is_answered_as_one(self) -> None:
        talk = Talk(opening(query={"model": ["gpt-4o-realtime-preview"]}, **BETA))

        assert ["session.created"] == kinds(events_of(talk.opened))
        [updated] = talk.ask("session.update", session={"modalities": ["text"], "turn_detection": None})
        assert ("session.updated", None) == (updated["type"], updated["session"]["turn_detection"])


def test_another_model_is_refused_at_once() -> None:
    send, close = Talk(opening(query={"model": ["large-v3"]})).opened

    [error] = events_of([send])
    assert "model_not_found" == error["error"]["code"]
    assert "The model 'large-v3' does not exist here. This server has one: 'tiny.en'." == error["error"]["message"]
    assert isinstance(close, Close)
    assert 1008 == close.code


@pytest.mark.parametrize(
    ("refusal", "code", "close"),
    [
        (Refusal("busy", "32 streams are open.", 5.2), "rate_limit_exceeded", 1013),
        (Refusal("too_large", "Too large."), "message_too_large", 1009),
        (Refusal("too_long", "One hour is over."), "session_expired", 1001),
        (Refusal("draining", "The server ends."), "server_shutting_down", 1012),
        (Refusal("unauthorized", "Who are you?"), "invalid_api_key", 1008),
    ],
)
def test_limits_are_told_as_errors(refusal: Refusal, code: str, close: int) -> None:
    told, closed = Talk(opening()).protocol.refuse(refusal)

    assert isinstance(told, Send)
    [event] = events_of([told])
    assert (code, Close(close, code)) == (event["error"]["code"], closed)
    assert event["error"]["message"].startswith(refusal.message)
    assert ("Try again in 5 s." in event["error"]["message"]) == (refusal.retry_after_s is not None)
