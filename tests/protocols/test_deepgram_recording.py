"""Deepgram's answer to a recording: what its query asks for, and what becomes of the finals."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from engine.alignment import WordTiming
from engine.events import Final, Status
from engine.options import DecodingOptions
from ui.server.protocols.deepgram_recording import (
    RecordingAnswer,
    RecordingRequest,
    read_recording_query,
    sentences_of,
)


def asked(query: str, **usual: Any) -> RecordingRequest:
    return read_recording_query(parse_qs(query), ("en", "de", "ja"), DecodingOptions(**usual))


def final(id: int, text: str, at_s: float = 0.0, language: str = "en", probability: float = 0.5) -> Final:
    words = tuple(WordTiming(f" {word}", at_s + i, at_s + i + 0.5, probability) for i, word in enumerate(text.split()))
    return Final(id, text, at_s - 0.3, at_s + len(words), language, words, language_prob=0.75)


def results(query: str, *finals: Final) -> dict[str, Any]:
    answer = RecordingAnswer(asked(query), "r")
    for one in finals:
        answer.take(one)
    answer.take(Status(60.0, -20.0, is_speech=False, lag_s=0.0, real_time_factor=0.1, compute_s=1.0))
    assert 60.0 == answer.duration_s
    return answer.results()


def test_a_recording_is_one_channel_with_one_text() -> None:
    found = results("smart_format=true", final(1, "Hello there."), final(2, "Goodbye!", 9.0, probability=0.8))

    (channel,) = found["channels"]
    (alternative,) = channel["alternatives"]
    assert ("Hello there. Goodbye!", 0.6) == (alternative["transcript"], alternative["confidence"])
    assert ["hello", "there", "goodbye"] == [word["word"] for word in alternative["words"]]
    assert {"start": 9.0, "end": 9.5, "punctuated_word": "Goodbye!"}.items() <= alternative["words"][-1].items()
    assert {"channels"} == found.keys()
    assert {"alternatives"} == channel.keys()


def test_nothing_said_is_an_empty_text() -> None:
    found = results("detect_language=true&paragraphs=true&utterances=true")

    (channel,) = found["channels"]
    assert ("", 0.0, []) == tuple(channel["alternatives"][0][name] for name in ("transcript", "confidence", "words"))
    assert [] == found["utterances"]


def test_utterances_are_what_was_said_between_pauses() -> None:
    one, other = results("utterances=true", final(1, "Hello there."), final(2, "Goodbye!", 9.0))["utterances"]

    assert {"transcript": "Hello there.", "start": 0.0, "end": 1.5, "id": "r-1", "channel": 0}.items() <= one.items()
    assert (["goodbye"], 9.0) == ([word["word"] for word in other["words"]], other["start"])


def test_paragraphs_have_sentences() -> None:
    alternative = results("paragraphs=true", final(1, "Hello there. And so"), final(2, "Why?", 9.0))["channels"][0]
    paragraphs = alternative["alternatives"][0]["paragraphs"]

    assert "\nHello there. And so\n\nWhy?\n" == paragraphs["transcript"]
    first, second = paragraphs["paragraphs"]
    assert (4, 0.0, 3.5) == (first["num_words"], first["start"], first["end"])
    assert [("Hello there.", 0.0, 1.5), ("And so", 2.0, 3.5)] == [tuple(one.values()) for one in first["sentences"]]
    assert ["Why?"] == [one["text"] for one in second["sentences"]]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([" He", ' said: "No."', " Yes"], [' He said: "No."', " Yes"]),
        (["はい。", "いいえ"], ["はい。", "いいえ"]),
        ([" 3.5", " grams"], [" 3.5 grams"]),
        ([], []),
    ],
)
def test_a_sentence_ends_behind_its_mark(texts: list[str], expected: list[str]) -> None:
    words = [WordTiming(text, 0.0, 0.1, 1.0) for text in texts]

    assert expected == ["".join(word.text for word in sentence) for sentence in sentences_of(words)]


def test_the_language_is_the_one_spoken_for_longest() -> None:
    finals = [final(1, "One two.", language="de"), final(2, "One two three.", 9.0), final(3, "One.", 20.0, "de")]
    (channel,) = results("detect_language=true", *finals)["channels"]

    assert ("de", 0.75) == (channel["detected_language"], channel["language_confidence"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"language": "ja", "hotwords": ("ours",)}),
        ("language=en-US&keyterm=Crianan", {"language": "en", "hotwords": ("Crianan", "ours")}),
        ("language=multi", {"language": None}),
        ("detect_language=true", {"language": None}),
    ],
)
def test_how_it_is_heard(query: str, expected: dict[str, Any]) -> None:
    decoding = asked(query, language="ja", hotwords=("ours",)).options.decoding

    assert decoding.words
    assert expected == {name: getattr(decoding, name) for name in expected}


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("diarize=true", "diarize is not supported by this server; leave it out"),
        ("summarize=v2", "summarize is not supported"),
        ("callback=https://example.org", "callback is not supported"),
        ("encoding=linear16", "encoding is not supported"),
        ("language=xx", "language 'xx' is not known to this model; it knows en, de, ja"),
        ("language=de&detect_language=true", "either language or detect_language"),
        ("utterances=perhaps", "utterances must be true or false, got 'perhaps'"),
    ],
)
def test_what_cannot_be_had_is_refused(query: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        asked(query)
