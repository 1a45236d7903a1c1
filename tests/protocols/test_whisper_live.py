"""WhisperLive's wire format, as whisper_live/client.py 0.10.0 speaks it."""

import json
from typing import Any

import pytest
from openings import WORDS, final, happened, opening, partial

from engine.events import AudioDropped, DecodeFailed, Discarded, Event, Flushed, SpeechStarted, SpeechStopped, Status
from engine.options import DecodingOptions, StreamingOptions
from ui.server.protocols.protocol import Audio, AudioFormat, Close, Configure, End, Refusal
from ui.server.protocols.whisper_live import WhisperLive

FIRST = {
    "uid": "me",
    "language": None,
    "task": "transcribe",
    "model": "tiny",
    "use_vad": True,
    "send_last_n_segments": 10,
    "no_speech_thresh": 0.45,
    "clip_audio": False,
    "same_output_threshold": 10,
    "enable_translation": False,
    "target_language": "fr",
    "hotwords": None,
    "enable_diarization": False,
    "max_speakers": 10,
    "known_speakers": [],
    "word_timestamps": False,
    "initial_prompt": None,
    "vad_parameters": None,
}
"""What the client sends when nothing is asked for."""
READY = {"uid": "me", "message": "SERVER_READY", "backend": "faster_whisper"}


def begun(protocol: WhisperLive, **changes: Any) -> list[Any]:
    return protocol.receive_message(json.dumps({**FIRST, **changes}))


def made(**changes: Any) -> WhisperLive:
    protocol = WhisperLive(opening())
    begun(protocol, **changes)
    return protocol


def told(protocol: WhisperLive, timed: Any) -> list[Any]:
    return [json.loads(message) for message in protocol.receive_event(timed)]


def texts(message: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(segment["text"], segment["completed"]) for segment in message["segments"]]


def test_the_client_speaks_first_and_is_told_that_the_server_is_ready() -> None:
    protocol = WhisperLive(opening())

    assert [] == protocol.open()
    configure, ready = begun(protocol)
    assert isinstance(configure, Configure)
    assert configure.options.partials
    assert READY == json.loads(ready.message)


def test_the_first_message_becomes_options() -> None:
    defaults = StreamingOptions(decoding=DecodingOptions(hotwords=("ours",), language="fr"))
    wanted = {"language": "de", "task": "translate", "hotwords": "Loch Crianan, Ask", "initial_prompt": "A letter."}

    configure, *_ = begun(WhisperLive(opening(defaults=defaults)), **wanted, word_timestamps=True)

    decoding = configure.options.decoding
    assert (decoding.language, decoding.translate, decoding.words) == ("de", True, True)
    assert ("Loch Crianan", "Ask", "ours") == decoding.hotwords
    assert decoding.prompt == "A letter."


def test_what_is_not_asked_for_is_as_the_server_has_it() -> None:
    defaults = StreamingOptions(decoding=DecodingOptions(language="fr", translate=True, prompt="As ever."))

    configure, *_ = begun(WhisperLive(opening(defaults=defaults)))

    assert configure.options.decoding == defaults.decoding


@pytest.mark.parametrize(
    ("name", "encoding"), [(None, "f32le"), ("float32", "f32le"), ("int16", "s16le"), ("uint8", "u8")]
)
def test_binary_messages_are_audio(name: str | None, encoding: Any) -> None:
    assert [Audio(b"\1\2\3\4", AudioFormat(encoding))] == made(audio_format=name).receive_message(b"\1\2\3\4")


@pytest.mark.parametrize("message", ["END_OF_AUDIO", b"END_OF_AUDIO"])
def test_the_end_of_audio_ends_the_stream(message: str | bytes) -> None:
    assert [End()] == made().receive_message(message)


def test_what_the_server_has_not_is_said() -> None:
    protocol = WhisperLive(opening())

    _, *warnings, ready = begun(protocol, model="small", enable_translation=True, enable_diarization=True)

    messages = [json.loads(warning.message) for warning in warnings]
    assert {("me", "WARNING")} == {(message["uid"], message["status"]) for message in messages}
    assert "this server runs tiny, not 'small'" == messages[0]["message"]
    assert ["enable_translation", "enable_diarization"] == [message["message"].split()[0] for message in messages[1:]]
    assert READY == json.loads(ready.message)


def test_segments_are_the_completed_ones_and_the_open_one() -> None:
    protocol = made()

    (shown,) = told(protocol, partial("Ask| no", 1, 1.0, 1.5))
    (last_look, completed) = told(protocol, final("Ask not,", 1, 1.0, 1.75))
    (more,) = told(protocol, partial("what", 2, 2.0, 2.25))

    assert {"start": "1.000", "end": "1.500", "text": " Ask no", "completed": False} == shown["segments"][0]
    assert [(" Ask not,", False)] == texts(last_look)
    assert [(" Ask not,", True)] == texts(completed)
    assert [(" Ask not,", True), (" what", False)] == texts(more)
    assert {"me"} == {message["uid"] for message in (shown, completed, more)}


def test_a_final_that_was_shown_is_not_shown_again() -> None:
    protocol = made()
    told(protocol, partial("Ask not,"))

    (message,) = told(protocol, final("Ask not,"))

    assert [(" Ask not,", True)] == texts(message)


def test_only_the_last_completed_segments_are_repeated() -> None:
    protocol = made(send_last_n_segments=2)

    for number in range(1, 5):
        *_, message = told(protocol, final(f"{number}", number))

    assert [(" 3", True), (" 4", True)] == texts(message)


def test_a_client_that_wants_no_completed_segments_gets_the_open_one() -> None:
    protocol = made(send_last_n_segments=0)

    (last_look,) = told(protocol, final("one", 1))
    assert [(" one", False)] == texts(last_look)
    (message,) = told(protocol, partial("two", 2))
    assert [(" two", False)] == texts(message)


def test_the_final_of_one_utterance_leaves_the_next_one_open() -> None:
    protocol = made()
    told(protocol, partial("two", 2, 2.0, 2.5))

    *_, message = told(protocol, final("one", 1))

    assert [(" one", True), (" two", False)] == texts(message)


def test_what_was_shown_is_taken_back() -> None:
    protocol = made()
    told(protocol, partial("Thanks", 1))

    (message,) = told(protocol, happened(Discarded(1, "noise", 1.0, 2.0)))

    assert [("", False)] == texts(message)
    assert [] == told(protocol, happened(Discarded(2, "noise", 3.0, 4.0)))


def test_words_are_told_where_they_are_asked_for() -> None:
    *_, with_words = told(made(word_timestamps=True), final(words=WORDS))
    *_, without = told(made(), final(words=WORDS))

    assert {"word": " Ask", "start": "1.000", "end": "1.250", "probability": 0.9} == with_words["segments"][0]["words"][
        0
    ]
    assert "words" not in without["segments"][0]


def test_a_language_that_was_heard_is_told_when_it_changes() -> None:
    protocol = made()
    heard = [("en", 0.9), ("en", 0.8), ("de", 0.4), ("de", 0.7)]

    messages = [told(protocol, final("a", language=code, language_prob=prob)) for code, prob in heard]

    languages = [(i, message) for i, many in enumerate(messages) for message in many if "language" in message]
    assert [
        (0, {"uid": "me", "language": "en", "language_prob": 0.9}),
        (3, {"uid": "me", "language": "de", "language_prob": 0.7}),
    ] == languages


def test_a_language_that_was_given_is_not_told() -> None:
    assert ["segments", "segments"] == [
        next(key for key in message if key != "uid")
        for message in told(made(), final("a", language="en", language_prob=None))
    ]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (AudioDropped(1.0, 2.5), ["WARNING: audio was lost, 1.000 s to 2.500 s"]),
        (DecodeFailed(1, "out of memory", True, 1.0, 2.0), ["WARNING: out of memory"]),
        (DecodeFailed(1, "once", False, 1.0, 2.0), []),
        (Flushed("stalled", 2.0), []),
        (SpeechStarted(1, 1.0), []),
        (SpeechStopped(1, 1.0), []),
        (Status(1.0, -30.0, True, 0.0, 0.1), []),
    ],
)
def test_other_events(event: Event, expected: list[str]) -> None:
    messages = told(made(), happened(event))

    assert expected == [f"{message['status']}: {message['message']}" for message in messages]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"uid": None}, "uid must be a text of 1 to 200 characters, got None"),
        ({"uid": 201 * "a"}, "uid must be"),
        ({"audio_format": "mp3"}, "audio_format must be float32, int16 or uint8, got 'mp3'"),
        ({"send_last_n_segments": 101}, "send_last_n_segments must be 0 to 100"),
        ({"send_last_n_segments": True}, "send_last_n_segments must be 0 to 100"),
        ({"language": "tlh"}, "language 'tlh' is not known"),
        ({"language": 3}, "language must be a text"),
        ({"model": ["tiny"]}, "model must be a text"),
        ({"task": "sing"}, "task must be transcribe or translate"),
        ({"hotwords": ["a"]}, "hotwords must be a text"),
        ({"hotwords": 2001 * " "}, "a word that is made likely may have 2000 characters, got 2001"),
        ({"initial_prompt": 1_000_000 * " "}, "initial_prompt may have 2000 characters, got 1000000"),
    ],
)
def test_what_cannot_be_served_is_an_error_and_a_close(changes: dict[str, Any], why: str) -> None:
    answer, close = begun(WhisperLive(opening()), **changes)

    message = json.loads(answer.message)
    assert message["status"] == "ERROR"
    assert why in message["message"]
    assert close.code == 1008
    assert why in close.reason


def test_a_model_of_english_does_not_translate() -> None:
    answer, _ = begun(WhisperLive(opening(languages=("en",))), task="translate")

    assert "knows English alone" in json.loads(answer.message)["message"]


def test_text_behind_the_first_message_is_an_error() -> None:
    answer, close = made().receive_message("hello")

    assert "binary audio is expected" in json.loads(answer.message)["message"]
    assert close.code == 1008


def test_who_is_refused_before_speaking_is_told_in_answer_to_the_first_message() -> None:
    protocol = WhisperLive(opening())

    assert [] == protocol.refuse(Refusal("busy", "all 4 streams are taken", 30.0))
    wait, close = begun(protocol)
    assert {"uid": "me", "status": "WAIT", "message": 0.5} == json.loads(wait.message)
    assert Close(1000, "all 4 streams are taken") == close


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("too_long", {"uid": "me", "message": "DISCONNECT"}),
        ("internal", {"uid": "me", "status": "ERROR", "message": "why"}),
    ],
)
def test_who_is_refused_later_is_told_at_once(kind: Any, expected: dict[str, Any]) -> None:
    message, close = made().refuse(Refusal(kind, "why"))

    assert expected == json.loads(message.message)
    assert isinstance(close, Close)


def test_nothing_is_said_behind_the_last_final() -> None:
    assert [] == [*made().last_text(), *made().finish()]
