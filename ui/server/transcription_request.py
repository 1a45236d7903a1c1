"""What is asked of POST /v1/audio/transcriptions and /translations.  Pure.

openai/openai-python@e43b4224 ``types/audio/transcription_create_params.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from engine.options import DEFAULT_DECODING, FOR_RECORDINGS, DecodingOptions, StreamingOptions
from ui.server.protocols.openai_fields import (
    Fields,
    Read,
    RequestError,
    flag,
    keywords,
    language_of,
    model_of,
    number,
    one_of,
    prompt,
    read_json,
)
from ui.server.protocols.openai_forms import Served, turn_detection_of
from ui.server.protocols.openai_session import TurnDetection

Task = Literal["transcribe", "translate"]

_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
_STREAMED_FORMATS = ("json", "text")
_SPEAKERS = ("known_speaker_names", "known_speaker_references")
_LISTS = {"include", "keywords", "languages", "timestamp_granularities", *_SPEAKERS}
_WRITTEN_AS_JSON = {"chunking_strategy", "stream", "temperature"}
_TRANSCRIPTIONS_ALONE = ("chunking_strategy", "include", "keywords", "language", "languages", "stream")
_TEMPERATURE_STEP = 0.2
"""whisper/transcribe.py: where a text is rejected, the next temperature is tried."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptionRequest:
    """What a client wants to know of a recording.

    Attributes:
        task: "transcribe" or "translate".
        form: of the answer: "json", "text", "srt", "verbose_json" or "vtt".
        is_streamed: whether the text is sent as it comes.
        granularities: what has times in verbose_json: "segment", "word".
        has_logprobs: whether it wants to know how probable each token is.
        options: how the recording is heard.
    """

    task: Task
    form: str
    is_streamed: bool
    granularities: frozenset[str]
    has_logprobs: bool
    options: StreamingOptions


def read_request(
    form: Mapping[str, Sequence[str]], task: Task, served: Served, usual: DecodingOptions
) -> TranscriptionRequest:
    """Return what the fields of ``form`` ask for.

    Args:
        form: name → values, without the file.
        task: which of the two paths was asked.
        served: what there is to choose from.
        usual: how this server decodes where nothing is asked.

    Raises:
        RequestError: it makes no sense.
    """
    fields = Fields(_typed(form))
    for name in (*_SPEAKERS, *(_TRANSCRIPTIONS_ALONE if task == "translate" else ())):
        fields.take(name, _unsupported, None, None)
    fields.need("model", model_of(served.model_name))
    answer = fields.take("response_format", one_of(*_FORMATS), "json", "json")
    is_streamed = fields.take("stream", flag, False, cleared=False)
    granularities = frozenset(fields.take_list("timestamp_granularities", one_of("word", "segment")))
    request = TranscriptionRequest(
        task=task,
        form=answer,
        is_streamed=is_streamed,
        granularities=granularities or frozenset({"segment"}),
        has_logprobs=bool(fields.take_list("include", one_of("logprobs"))),
        options=FOR_RECORDINGS,
    )
    _check(request, granularities, served)
    options = _options(fields, request, served, usual)
    fields.finish()
    return replace(request, options=options)


def _options(fields: Fields, request: TranscriptionRequest, served: Served, usual: DecodingOptions) -> StreamingOptions:
    language, is_verbose = language_of(served.languages), request.form == "verbose_json"
    spoken = fields.take("language", language, None, None)
    heard = fields.take_list("languages", language)
    if spoken and heard:
        raise RequestError("Give either 'language' or 'languages', not both.", "languages")
    decoding = replace(
        usual,
        language=spoken or (None if heard else usual.language),
        languages=heard or (() if spoken else usual.languages),
        translate=request.task == "translate",
        prompt=fields.take("prompt", prompt, usual.prompt, ""),
        hotwords=fields.take("keywords", keywords, usual.hotwords, ()),
        temperatures=_temperatures(fields.take("temperature", number(0, 1), None, None), usual),
        timestamps=is_verbose and "segment" in request.granularities,
        words=request.form in {"srt", "vtt"} or (is_verbose and "word" in request.granularities),
    )
    gate = FOR_RECORDINGS.gate
    cut = TurnDetection(silence_duration_ms=gate.hangover_ms)
    chunking = fields.take("chunking_strategy", _chunking(cut), None, None)
    return replace(FOR_RECORDINGS, decoding=decoding, gate=gate if chunking is None else chunking.gate(gate))


def _temperatures(least: float | None, usual: DecodingOptions) -> tuple[float, ...]:
    """From ``least`` on, up to 1, as whisper/transcribe.py has it."""
    if least is None and usual.temperatures != DEFAULT_DECODING.temperatures:
        return usual.temperatures
    first = least or 0.0
    n_steps = int((1 - first) / _TEMPERATURE_STEP + 1e-6)
    return tuple(round(first + i * _TEMPERATURE_STEP, 6) for i in range(n_steps + 1))


def _check(request: TranscriptionRequest, granularities: frozenset[str], served: Served) -> None:
    """See that what is asked goes together."""
    if granularities and request.form != "verbose_json":
        message = "Timestamp granularities need response_format 'verbose_json'."
        raise RequestError(message, "timestamp_granularities")
    if request.is_streamed and request.form not in _STREAMED_FORMATS:
        raise RequestError("What is streamed is 'json' or 'text': give one of them as response_format.", "stream")
    if request.has_logprobs and request.form != "json":
        raise RequestError("Logprobs need response_format 'json'.", "include")
    if request.task == "translate" and len(served.languages) < 2:
        raise RequestError(f"The model '{served.model_name}' knows one language: it cannot translate.", "model")


def _typed(form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The fields of a form as JSON would have them; what is no number or boolean stays text, to be complained of."""
    fields: dict[str, Any] = {}
    chunking: dict[str, object] = {}
    for name, values in form.items():
        plain, _, inner = name.partition("[")
        if plain in _LISTS:
            fields.setdefault(plain, []).extend(values)
        elif plain == "chunking_strategy" and inner:
            chunking[inner.rstrip("]")] = _value(values[-1])
        else:
            fields[name] = _value(values[-1]) if name in _WRITTEN_AS_JSON else values[-1]
    return fields | ({"chunking_strategy": chunking} if chunking else {})


def _value(written: str) -> object:
    """What ``written`` means in JSON; itself where it means nothing there."""
    try:
        return read_json(written.lower() if written.lower() in {"true", "false"} else written)
    except RequestError:
        return written


def _chunking(usual: TurnDetection) -> Read[TurnDetection | None]:
    """Read how a recording is cut: "auto" as this server does, or at pauses of one's own."""
    read_turn = turn_detection_of(usual)

    def read(value: object, path: str) -> TurnDetection | None:
        return None if value == "auto" else read_turn(value, path)

    return read


def _unsupported(_: object, path: str) -> None:
    raise RequestError(f"'{path}' is not supported here: leave it out.", path, "unsupported_parameter")
