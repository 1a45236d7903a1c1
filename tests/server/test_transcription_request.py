"""What the form of a transcription asks for, and how it is refused what makes no sense."""

from __future__ import annotations

import contextlib
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.options import FALLBACK_TEMPERATURES, FOR_RECORDINGS, DecodingOptions
from ui.server.protocols.openai_fields import RequestError
from ui.server.protocols.openai_forms import Served
from ui.server.transcription_request import Task, TranscriptionRequest, read_request

SERVED = Served("tiny", ("en", "de"))


def asked(
    *, task: Task = "transcribe", usual: DecodingOptions | None = None, served: Served = SERVED, **form: Any
) -> TranscriptionRequest:
    fields = {"model": ["whisper-1"]} | {
        name.replace("__", "[") + "]" * ("__" in name): value if isinstance(value, list) else [value]
        for name, value in form.items()
    }
    return read_request(fields, task, served, usual or DecodingOptions())


def test_nothing_asked_is_heard_as_a_file_is() -> None:
    assert FOR_RECORDINGS == asked().options


@pytest.mark.parametrize(
    ("form", "decoding"),
    [
        ({"temperature": "0"}, {"temperatures": FALLBACK_TEMPERATURES}),
        ({"temperature": "0.5"}, {"temperatures": (0.5, 0.7, 0.9)}),
        ({"temperature": "1"}, {"temperatures": (1.0,)}),
        ({"language": "de", "prompt": "Neuss."}, {"language": "de", "prompt": "Neuss."}),
        ({"languages__": ["de", "en"]}, {"languages": ("de", "en")}),
        ({"keywords__": ["Loch Crianan", " Oban"]}, {"hotwords": ("Loch Crianan", "Oban")}),
        ({"response_format": "srt"}, {"words": True}),
        ({"response_format": "vtt"}, {"words": True}),
        ({"response_format": "verbose_json"}, {"timestamps": True}),
        ({"response_format": "verbose_json", "timestamp_granularities__": ["word"]}, {"words": True}),
        (
            {"response_format": "verbose_json", "timestamp_granularities__": ["word", "segment"]},
            {"words": True, "timestamps": True},
        ),
    ],
)
def test_what_is_asked_of_decoding(form: dict[str, Any], decoding: dict[str, Any]) -> None:
    usual = DecodingOptions(temperatures=FALLBACK_TEMPERATURES)
    expected = {name: decoding.get(name, getattr(usual, name)) for name in DecodingOptions.__slots__}

    found = asked(**form).options.decoding
    assert expected == {name: getattr(found, name) for name in DecodingOptions.__slots__}


def test_without_a_model_nothing_is_done() -> None:
    with pytest.raises(RequestError, match="Missing required parameter: 'model'"):
        read_request({}, "transcribe", SERVED, DecodingOptions())


def test_a_translation() -> None:
    request = asked(task="translate", response_format="verbose_json", temperature="0")

    assert ("translate", True) == (request.task, request.options.decoding.translate)


def test_what_the_server_was_started_with_stays_unless_the_client_says_otherwise() -> None:
    usual = DecodingOptions(language="de", prompt="Rede.", beam_size=5, temperatures=(0.0, 0.5))

    assert usual == asked(usual=usual).options.decoding
    found = asked(usual=usual, languages__=["en"], prompt="Talk.").options.decoding
    assert (None, ("en",), "Talk.", 5) == (found.language, found.languages, found.prompt, found.beam_size)


@pytest.mark.parametrize(
    ("form", "hangover_ms"),
    [
        ({}, 2000),
        ({"chunking_strategy": "auto"}, 2000),
        ({"chunking_strategy__type": "server_vad", "chunking_strategy__silence_duration_ms": "700"}, 700),
        ({"chunking_strategy": '{"type": "server_vad", "silence_duration_ms": 800}'}, 800),
    ],
)
def test_where_it_is_cut(form: dict[str, Any], hangover_ms: int) -> None:
    assert hangover_ms == asked(**form).options.gate.hangover_ms


@pytest.mark.parametrize(
    ("form", "code", "param", "message"),
    [
        ({"model": "large-v3"}, "model_not_found", "model", "This server has one: 'tiny'"),
        ({"response_format": "diarized_json"}, "invalid_value", "response_format", "'verbose_json', 'vtt'"),
        ({"language": "xx"}, "invalid_language", "language", "It knows: en, de."),
        ({"language": "en", "languages__": ["de"]}, "invalid_value", "languages", "not both"),
        ({"temperature": "1.5"}, "invalid_value", "temperature", "between 0 and 1, got 1.5"),
        ({"temperature": "NaN"}, "invalid_value", "temperature", "got nan"),
        ({"temperature": "1" + 400 * "0"}, "invalid_value", "temperature", "between 0 and 1, got 1000"),
        ({"chunking_strategy": '{"\\ud800": 1}'}, "unknown_parameter", "chunking_strategy.?", "'chunking_strategy.?'"),
        ({"temperature": "hot"}, "invalid_type", "temperature", "expected a decimal, but got a string"),
        ({"keywords__": ["<b>"]}, "invalid_value", "keywords[0]", "keyword"),
        ({"keywords__": ["a", 2001 * "a"]}, "invalid_value", "keywords[1]", "at most 2000 characters, got 2001"),
        ({"keywords__": 501 * ["a"]}, "invalid_value", "keywords", "at most 500 keywords, got 501"),
        ({"prompt": 1_000_000 * " "}, "invalid_value", "prompt", "at most 2000 characters, got 1000000"),
        ({"timestamp_granularities__": ["word"]}, "invalid_value", "timestamp_granularities", "verbose_json"),
        ({"timestamp_granularities__": ["line"]}, "invalid_value", "timestamp_granularities[0]", "'word', 'segment'"),
        ({"stream": "true", "response_format": "srt"}, "invalid_value", "stream", "'json' or 'text'"),
        ({"stream": "perhaps"}, "invalid_type", "stream", "expected a boolean"),
        ({"include__": ["logprobs"], "response_format": "text"}, "invalid_value", "include", "'json'"),
        ({"known_speaker_names__": ["Ada"]}, "unsupported_parameter", "known_speaker_names", "not supported"),
        ({"chunking_strategy": "never"}, "invalid_type", "chunking_strategy", "expected an object"),
        ({"best_of": "3"}, "unknown_parameter", "best_of", "Unknown parameter: 'best_of'."),
        ({"prompt": "\ud800"}, "invalid_value", "prompt", "lone surrogate"),
        ({"task": "translate", "stream": "true"}, "unsupported_parameter", "stream", "not supported"),
        ({"task": "translate", "served": Served("tiny.en", ("en",))}, "invalid_value", "model", "cannot translate"),
    ],
)
def test_what_makes_no_sense_is_named(form: dict[str, Any], code: str, param: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        asked(**form)

    assert (code, param) == (caught.value.code, caught.value.param)
    assert message in str(caught.value)


NAMES = st.sampled_from(
    ["model", "language", "languages[]", "prompt", "keywords[]", "temperature", "stream", "response_format",
     "timestamp_granularities[]", "include[]", "chunking_strategy", "chunking_strategy[type]", "keywords[", "["]
)  # fmt: skip
VALUES = st.text() | st.sampled_from(["en", "1", "true", "verbose_json", "word", "server_vad", '{"type": null}', "[[["])


@settings(max_examples=60)
@given(
    st.dictionaries(NAMES | st.text(), st.lists(VALUES, min_size=1, max_size=3), max_size=6),
    st.sampled_from(get_args(Task)),
)
def test_whatever_comes_is_read_or_refused(form: dict[str, list[str]], task: Task) -> None:
    with contextlib.suppress(RequestError):
        assert task == read_request({"model": ["tiny"]} | form, task, SERVED, DecodingOptions()).task
