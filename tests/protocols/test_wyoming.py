"""Wyoming's wire format, as wyoming 1.10 speaks it."""

import io
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openings import final, happened, opening, partial
from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, read_event, write_event
from wyoming.info import Describe, Info, SelectProgram
from wyoming.ping import Ping, Pong

from engine.events import AudioDropped, DecodeFailed, Discarded, Flushed, SpeechStarted, SpeechStopped, Status
from engine.events import Event as EngineEvent
from engine.options import DecodingOptions, StreamingOptions
from ui.server.protocols.protocol import Audio, AudioFormat, Close, Command, Configure, End, Flush, Refusal, Send
from ui.server.protocols.wyoming import Wyoming
from ui.server.protocols.wyoming_frames import LONGEST_DATA, LONGEST_HEADER, LONGEST_PAYLOAD, FrameReader

SOUND = bytes(range(200))
STOPPED = happened(Flushed("audio-stop", 3.0))


def written(*events: Eventable | Event) -> bytes:
    """The bytes that the real library writes."""
    out = io.BytesIO()
    for event in events:
        write_event(event if isinstance(event, Event) else event.event(), out)
    return out.getvalue()


def read(messages: list[str | bytes]) -> list[Event]:
    """What the real library reads."""
    stream = io.BytesIO(b"".join(m if isinstance(m, bytes) else m.encode() for m in messages))
    return [event for event in iter(lambda: read_event(stream), None) if event is not None]


def answered(commands: list[Command]) -> list[Event]:
    return read([command.message for command in commands if isinstance(command, Send)])


def chunk(rate: int = 16_000, width: int = 2, channels: int = 1) -> AudioChunk:
    return AudioChunk(rate=rate, width=width, channels=channels, audio=SOUND, timestamp=0)


def test_who_asks_is_told_of_the_model_and_its_languages() -> None:
    (event,) = answered(Wyoming(opening()).receive_message(written(Describe())))

    (program,) = Info.from_event(event).asr
    (model,) = program.models
    assert (model.name, model.languages) == ("tiny", ["en", "de", "fr", "no", "zh"])
    assert (program.installed, program.supports_transcript_streaming) == (True, True)
    assert model.attribution.name == "OpenAI"


def test_a_ping_is_answered() -> None:
    (event,) = answered(Wyoming(opening()).receive_message(written(Ping("hello"))))

    assert Pong.from_event(event).text == "hello"


def test_a_request_is_options_audio_and_a_flush() -> None:
    start, stop = AudioStart(rate=16_000, width=2, channels=1), AudioStop()
    request = written(Transcribe(language="en-US", transcript_names=["Crianan"]), start, chunk(), chunk(), stop)

    configure, *rest = Wyoming(opening()).receive_message(request)

    assert isinstance(configure, Configure)
    assert configure.options.decoding.language == "en"
    assert ("Crianan",) == configure.options.decoding.hotwords
    assert not configure.options.partials
    assert [*2 * [Audio(SOUND, AudioFormat())], Flush("audio-stop")] == rest


def test_names_come_before_terms_and_both_before_the_server_s() -> None:
    defaults = StreamingOptions(decoding=DecodingOptions(hotwords=("ours",)))
    request = Transcribe(transcript_names=["one", " "], transcript_terms=["two"])

    (configure,) = Wyoming(opening(defaults=defaults)).receive_message(written(request))

    assert isinstance(configure, Configure)
    assert ("one", "two", "ours") == configure.options.decoding.hotwords


def test_each_request_begins_with_what_the_server_has() -> None:
    protocol = Wyoming(opening())
    protocol.receive_message(written(Transcribe(language="de", transcript_names=["one"])))

    (configure,) = protocol.receive_message(written(Transcribe()))

    assert isinstance(configure, Configure)
    assert configure.options.decoding == DecodingOptions()


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (chunk(rate=22_050, channels=2), AudioFormat("s16le", 22_050, 2)),
        (chunk(rate=8000, width=1), AudioFormat("u8", 8000)),
    ],
)
def test_audio_is_taken_as_each_chunk_says_it_is(made: AudioChunk, expected: AudioFormat) -> None:
    assert [Audio(SOUND, expected)] == Wyoming(opening()).receive_message(written(made))


@given(st.lists(st.integers(0, 10_000)), st.integers(1, 4))
def test_bytes_may_be_cut_anywhere(cuts: list[int], n_chunks: int) -> None:
    request = written(Transcribe(), *n_chunks * [chunk()], AudioStop(), Ping())
    edges = sorted({0, len(request), *(cut % len(request) for cut in cuts)})
    protocol = Wyoming(opening())

    commands = [c for begin, end in pairwise(edges) for c in protocol.receive_message(request[begin:end])]

    assert Wyoming(opening()).receive_message(request) == commands
    assert n_chunks + 3 == len(commands)


def test_finals_are_chunks_and_all_of_them_the_transcript() -> None:
    protocol = Wyoming(opening())

    first, second, last = (
        read(protocol.receive_event(timed))
        for timed in (final("Turn on the lamp.", 1), final("And the fan.", 2, language="de"), STOPPED)
    )

    start, one = first
    (two,) = second
    transcript, stop = last
    assert TranscriptStart.from_event(start).language == "en"
    chunks = [TranscriptChunk.from_event(event).text for event in (one, two)]
    assert ["Turn on the lamp.", " And the fan."] == chunks
    assert Transcript.from_event(transcript).text == "".join(chunks)
    assert Transcript.from_event(transcript).language == "en"
    assert TranscriptStop.is_type(stop.type)


@pytest.mark.parametrize(("is_translated", "whole"), [(False, "一。二。 Three. 四。"), (True, "一。 二。 Three. 四。")])
def test_there_are_spaces_where_a_language_has_them(is_translated: bool, whole: str) -> None:
    protocol = Wyoming(opening(defaults=StreamingOptions(decoding=DecodingOptions(translate=is_translated))))
    for i, (text, language) in enumerate([("一。", "ja"), ("二。", "ja"), ("Three.", "en"), ("四。", "ja")], 1):
        protocol.receive_event(final(text, i, language=language))

    transcript, _ = read(protocol.receive_event(STOPPED))
    assert whole == Transcript.from_event(transcript).text


def test_each_request_has_its_own_transcript() -> None:
    protocol = Wyoming(opening())
    for text in ("one", "two"):
        protocol.receive_event(final(text))
        _, transcript, _ = [None, *read(protocol.receive_event(STOPPED))]

        assert transcript is not None
        assert Transcript.from_event(transcript).text == text


def test_silence_has_an_empty_transcript() -> None:
    start, transcript, stop = read(Wyoming(opening()).receive_event(STOPPED))

    assert TranscriptStart.is_type(start.type)
    assert Transcript.from_event(transcript).text == ""
    assert TranscriptStop.is_type(stop.type)


def test_a_client_that_forgets_to_stop_gets_its_transcript_when_it_starts_anew() -> None:
    protocol = Wyoming(opening())
    start = AudioStart(rate=16_000, width=2, channels=1)

    assert [] == protocol.receive_message(written(start))
    protocol.receive_message(written(chunk()))
    assert [Flush("audio-stop")] == protocol.receive_message(written(start))


def test_a_client_that_stops_sending_gets_its_transcript() -> None:
    protocol = Wyoming(opening())
    protocol.receive_message(written(chunk()))
    protocol.receive_event(final("one"))

    transcript, _ = read(protocol.last_text())

    assert Transcript.from_event(transcript).text == "one"
    assert [] == Wyoming(opening()).last_text()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (AudioDropped(1.0, 2.5), [("audio-dropped", "audio was lost, 1.000 s to 2.500 s")]),
        (DecodeFailed(1, "out of memory", True, 1.0, 2.0), [("decode-failed", "out of memory")]),
        (DecodeFailed(1, "once", False, 1.0, 2.0), []),
        (Flushed("stalled", 2.0), []),
        (Discarded(1, "noise", 1.0, 2.0), []),
        (partial("a").event, []),
        (SpeechStarted(1, 1.0), []),
        (SpeechStopped(1, 1.0), []),
        (Status(1.0, -30.0, True, 0.0, 0.1), []),
    ],
)
def test_other_events(event: EngineEvent, expected: list[tuple[str, str]]) -> None:
    errors = [Error.from_event(one) for one in read(Wyoming(opening()).receive_event(happened(event)))]

    assert expected == [(error.code, error.text) for error in errors]


def test_what_a_server_does_not_know_is_dropped() -> None:
    protocol = Wyoming(opening())

    assert [] == protocol.receive_message(written(SelectProgram("other"), Event("synthesize", {"text": "hello"})))


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"GET / HTTP/1.1\r\n", "this is not JSON"),
        (b"\n", "this is not JSON"),
        (b"[]\n", "a JSON object is expected"),
        (b"{}\n", "an event must have a type"),
        (b'{"type": 3}\n', "type must be a text"),
        (b'{"type": "ping", "data": []}\n', None),
        (b'{"type": "ping", "data": [1]}\n', "data must be a JSON object"),
        (b'{"type": "ping", "data_length": -1}\n', "data_length must be 0 to"),
        (b'{"type": "ping", "data_length": true}\n', "data_length must be 0 to"),
        (b'{"type": "ping", "data_length": %d}\n' % (LONGEST_DATA + 1), "data_length must be 0 to"),
        (b'{"type": "ping", "payload_length": %d}\n' % (LONGEST_PAYLOAD + 1), "payload_length must be 0 to"),
        (b'{"type": "ping", "data_length": 4}\nnull', "a JSON object is expected"),
        (b"{" * (LONGEST_HEADER + 1), "there is no line end"),
        (b" " * (LONGEST_HEADER + 1) + b"\n", "there is no line end"),
        (100_000 * b"[", "there is no line end"),
        (60_000 * b"[" + b"\n", "nested too deeply"),
        (b'{"type": "\xff"}\n', "not valid Unicode"),
        (written(Transcribe(language="tlh")), "language 'tlh' is not known"),
        (written(Event("transcribe", {"language": 3})), "language must be a text"),
        (written(Event("transcribe", {"transcript_names": "a"})), "transcript_names must be a list of words"),
        (written(Event("transcribe", {"transcript_terms": [2001 * "a"]})), "may have 2000 characters, got 2001"),
        (written(chunk(width=4)), "width must be 1 or 2 bytes, got 4"),
        (written(chunk(rate=1)), "rate must be between"),
        (written(Event("audio-start", {"rate": "16000"})), "rate and channels must be whole numbers"),
    ],
)
def test_what_makes_no_sense_ends_the_connection(sent: bytes, why: str | None) -> None:
    protocol = Wyoming(opening())

    commands = protocol.receive_message(written(Ping()) + sent + written(Ping()))

    if why is None:
        assert 3 == len(commands)
        return
    (pong,) = answered(commands)
    (error,) = read(protocol.last_text())
    assert Pong.is_type(pong.type)
    assert (True, "bad-request") == (why in Error.from_event(error).text, Error.from_event(error).code)
    assert isinstance(commands[-1], End)
    assert [] == protocol.receive_message(written(Ping()))


def test_a_refusal_is_an_error_and_the_end() -> None:
    told, close = Wyoming(opening()).refuse(Refusal("busy", "all 4 streams are taken"))

    (error,) = answered([told])
    assert Error("all 4 streams are taken", "busy") == Error.from_event(error)
    assert isinstance(close, Close)


def test_what_is_kept_is_bounded() -> None:
    reader = FrameReader()
    header = json.dumps({"type": "a", "data_length": LONGEST_DATA, "payload_length": LONGEST_PAYLOAD}).encode() + b"\n"

    frames = list(reader.receive(header + bytes(LONGEST_DATA + LONGEST_PAYLOAD - 1)))

    assert [] == frames
    assert LONGEST_DATA + LONGEST_PAYLOAD - 1 == len(reader._received)
