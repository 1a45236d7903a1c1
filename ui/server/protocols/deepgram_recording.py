"""Deepgram's transcription of recordings (POST ``/v1/listen``), as deepgram-sdk 7.17 speaks it.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from engine.alignment import WordTiming
from engine.events import Event, Final
from engine.options import FOR_RECORDINGS, DecodingOptions, StreamingOptions
from ui.formats.verbose_json import VerboseTranscript
from ui.server.protocols.deepgram_messages import confidence_of, word_fields
from ui.server.protocols.deepgram_query import NOT_HERE, Query, hotwords_of, language_of

_NOT_OF_RECORDINGS = (*NOT_HERE, "encoding", "intents", "sentiment", "summarize", "topics")
_SENTENCE_ENDS = ".!?。！？…"
_CLOSING_MARKS = "\"'”’»)）」』"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingRequest:
    """What a client wants to know of a recording.

    Attributes:
        options: how it is heard.
        tells_language: whether the answer says what is spoken.
        has_paragraphs: whether the text is also given by paragraphs and sentences.
        has_utterances: whether it is also given by what was said between two pauses.
    """

    options: StreamingOptions
    tells_language: bool
    has_paragraphs: bool
    has_utterances: bool


def read_recording_query(
    values: Mapping[str, Sequence[str]], languages: Sequence[str], usual: DecodingOptions
) -> RecordingRequest:
    """Return what the query asks for.

    Args:
        values: name → values.
        languages: those that the model knows.
        usual: how this server decodes where nothing is asked.

    Raises:
        ValueError: it makes no sense, or is not to be had here; which value, and what to do, is said for people.
    """
    query = Query(values)
    query.refuse(_NOT_OF_RECORDINGS)
    tells_language = query.switch("detect_language")
    if tells_language and query.text("language"):
        raise ValueError("give either language or detect_language, not both")
    decoding = replace(
        usual,
        language=None if tells_language else language_of(query, languages, usual.language),
        hotwords=(*hotwords_of(query), *usual.hotwords),
        words=True,
    )
    return RecordingRequest(
        options=replace(FOR_RECORDINGS, decoding=decoding),
        tells_language=tells_language,
        has_paragraphs=query.switch("paragraphs"),
        has_utterances=query.switch("utterances"),
    )


class RecordingAnswer:
    """One recording's text, growing."""

    def __init__(self, request: RecordingRequest, request_id: str) -> None:
        self._request = request
        self._request_id = request_id
        is_translated = request.options.decoding.translate
        self._transcript = VerboseTranscript(task="translate" if is_translated else "transcribe")
        self._finals: list[Final] = []

    @property
    def duration_s(self) -> float:
        """Seconds of audio heard."""
        return self._transcript.duration_s

    def take(self, event: Event) -> None:
        """Take what happened."""
        self._transcript.take(event)
        if isinstance(event, Final):
            self._finals.append(event)

    def results(self) -> dict[str, Any]:
        """Return the field ``results`` of the answer."""
        words = [word for final in self._finals for word in final.words]
        alternative = _alternative(self._transcript.text, words)
        if self._request.has_paragraphs:
            alternative["paragraphs"] = self._paragraphs()
        channel = {"alternatives": [alternative]} | (self._language() if self._request.tells_language else {})
        utterances = {"utterances": [*self._utterances()]} if self._request.has_utterances else {}
        return {"channels": [channel]} | utterances

    def _language(self) -> dict[str, Any]:
        """What is spoken for longest, and how probable that is."""
        if not self._finals:
            return {}
        spoken_s: dict[str, float] = defaultdict(float)
        for final in self._finals:
            spoken_s[final.language] += final.end_s - final.start_s
        language = max(spoken_s, key=lambda code: spoken_s[code])
        # A model of one language does not ask.
        chances = [final.language_prob or 1.0 for final in self._finals if final.language == language]
        return {"detected_language": language, "language_confidence": round(fmean(chances), 4)}

    def _utterances(self) -> Iterator[dict[str, Any]]:
        for final in self._finals:
            start_s, end_s = _span(final)
            yield {
                "start": round(start_s, 3),
                "end": round(end_s, 3),
                "channel": 0,
                "id": f"{self._request_id}-{final.utterance_id}",
            } | _alternative(final.text, final.words)

    def _paragraphs(self) -> dict[str, Any]:
        """A paragraph for each final, with its sentences."""
        return {
            "transcript": "".join(f"\n{final.text}\n" for final in self._finals),
            "paragraphs": [
                {
                    "sentences": [*map(_sentence, sentences_of(final.words))],
                    "num_words": len(final.words),
                    "start": round(_span(final)[0], 3),
                    "end": round(_span(final)[1], 3),
                }
                for final in self._finals
            ],
        }


def sentences_of(words: Sequence[WordTiming]) -> Iterator[list[WordTiming]]:
    """Cut ``words`` behind those that end a sentence."""
    sentence: list[WordTiming] = []
    for word in words:
        sentence.append(word)
        if word.text.rstrip().rstrip(_CLOSING_MARKS).endswith(tuple(_SENTENCE_ENDS)):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _alternative(text: str, words: Sequence[WordTiming]) -> dict[str, Any]:
    return {"transcript": text, "confidence": confidence_of(words), "words": [*map(word_fields, words)]}


def _sentence(words: Sequence[WordTiming]) -> dict[str, Any]:
    text = "".join(word.text for word in words).strip()
    return {"text": text, "start": round(words[0].start_s, 3), "end": round(words[-1].end_s, 3)}


def _span(final: Final) -> tuple[float, float]:
    """From its first word to its last, in seconds of audio."""
    return (final.words[0].start_s, final.words[-1].end_s) if final.words else (final.start_s, final.end_s)
