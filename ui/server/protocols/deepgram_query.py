"""What the query of Deepgram's live endpoint asks for.  Pure.

Names and meanings are those of the reference of ``/v1/listen`` and of deepgram-sdk 7.17.  What would make the answer
another one is refused; what only changes how the text is written (numerals, smart_format, …) is not, and has no effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.options import StreamingOptions
from stream.gate import GateOptions
from ui.server.protocols.protocol import AudioFormat, Opening
from ui.server.protocols.reading import checked_words, language_code, shown

_ENCODINGS = {"linear16": "s16le", "linear32": "f32le", "mulaw": "mulaw", "alaw": "alaw"}
_SWITCHES = {"true": True, "1": True, "false": False, "0": False}
NOT_HERE = (
    "callback", "detect_entities", "diarize", "diarize_model", "multichannel", "profanity_filter", "redact", "replace",
    "search",
)  # fmt: skip
"""What would make the answer another one."""
_LONGEST_PAUSE_MS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Listening:
    """How one client wants to be served.

    Attributes:
        format: of its audio; None where it is a WAV file, which says so itself.
        options: of its stream.
        shows_interim: whether it is told the text of an open utterance.
        tells_ends: whether a result says that the speaker stopped (``speech_final``).
        tells_starts: whether it is told that somebody began to speak.
        utterance_end_s: silence after the last word until it is told so, in seconds; None where it is not.
    """

    format: AudioFormat | None
    options: StreamingOptions
    shows_interim: bool
    tells_ends: bool
    tells_starts: bool
    utterance_end_s: float | None


def read_query(opening: Opening) -> Listening:
    """Return what the client wants.

    Raises:
        ValueError: it makes no sense, or is not to be had here; which value, and what to do, is said for people.
    """
    query = Query(opening.query)
    query.refuse(NOT_HERE)
    shows_interim = query.switch("interim_results")
    defaults = opening.defaults
    gate, tells_ends = _endpointing(query, defaults.gate)
    decoding = replace(
        defaults.decoding,
        language=language_of(query, opening.languages, defaults.decoding.language),
        words=True,
        hotwords=(*hotwords_of(query), *defaults.decoding.hotwords),
    )
    return Listening(
        format=_audio_format(query),
        options=replace(defaults, partials=shows_interim, gate=gate, decoding=decoding),
        shows_interim=shows_interim,
        tells_ends=tells_ends,
        tells_starts=query.switch("vad_events"),
        utterance_end_s=_utterance_end_s(query, shows_interim=shows_interim),
    )


class Query:
    """The parameters of a request, each read as what it should be."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def all(self, name: str) -> Sequence[str]:
        return self._values.get(name, ())

    def text(self, name: str, default: str = "") -> str:
        values = self.all(name)
        return values[-1] if values else default

    def switch(self, name: str) -> bool:
        value = self.text(name, "false").lower()
        if value not in _SWITCHES:
            raise ValueError(f"{name} must be true or false, got {shown(value)}")
        return _SWITCHES[value]

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.text(name)
        if not value and default is not None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise ValueError(f"{name} must be a whole number, got {shown(value)}")
        return int(value)

    def refuse(self, names: Sequence[str]) -> None:
        """Raise a ValueError where one of ``names`` is asked for: this server has none of them."""
        for name in names:
            if self.text(name, "false").lower() not in {"", "false", "0"}:
                raise ValueError(f"{name} is not supported by this server; leave it out")


def _audio_format(query: Query) -> AudioFormat | None:
    encoding = query.text("encoding")
    if not encoding:
        return None
    if encoding not in _ENCODINGS:
        known = ", ".join(_ENCODINGS)
        raise ValueError(f"encoding must be one of {known}, or left out for a WAV file; got {shown(encoding)}")
    channels = query.integer("channels", 1)
    if channels not in {1, 2}:
        raise ValueError(f"channels must be 1 or 2, got {channels}; two are mixed")
    return AudioFormat(_ENCODINGS[encoding], query.integer("sample_rate"), channels)  # type: ignore[arg-type]


def language_of(query: Query, known: Sequence[str], usual: str | None) -> str | None:
    """Return what is spoken, None where it is to be heard, as with "multi"; ``usual`` where nothing is said.

    Raises:
        ValueError: the model does not know it.
    """
    tag = query.text("language")
    if not tag:
        return usual
    return None if tag == "multi" else language_code(tag, known)


def _endpointing(query: Query, gate: GateOptions) -> tuple[GateOptions, bool]:
    """The gate, and whether the client is told that the speaker stopped."""
    value = query.text("endpointing", "true").lower()
    if value in _SWITCHES and value not in {"0", "1"}:
        return gate, _SWITCHES[value]
    pause_ms = query.integer("endpointing")
    if pause_ms > _LONGEST_PAUSE_MS:
        raise ValueError(f"endpointing must be false or 0 to {_LONGEST_PAUSE_MS} ms, got {pause_ms}")
    # Deepgram may say 10 ms; Whisper needs to hear that a word is over.
    return replace(gate, hangover_ms=max(pause_ms, gate.pause_ms)), True


def _utterance_end_s(query: Query, *, shows_interim: bool) -> float | None:
    if not query.text("utterance_end_ms") or query.text("utterance_end_ms").lower() == "false":
        return None
    silence_ms = query.integer("utterance_end_ms")
    if not 1000 <= silence_ms <= _LONGEST_PAUSE_MS:
        raise ValueError(f"utterance_end_ms must be 1000 to {_LONGEST_PAUSE_MS}, got {silence_ms}")
    if not shows_interim:
        raise ValueError("utterance_end_ms needs interim_results=true")
    return silence_ms / 1000


def hotwords_of(query: Query) -> list[str]:
    """Return what is likely to be said.

    Raises:
        ValueError: it is too much, or to be unlikely.
    """
    return checked_words([*query.all("keyterm"), *_keywords(query.all("keywords"))])


def _keywords(values: Sequence[str]) -> Iterator[str]:
    """The words of ``keywords=word:boost``; how much each is boosted has no counterpart here."""
    for value in values:
        word, _, boost = value.partition(":")
        if boost.startswith("-"):
            raise ValueError(f"keywords cannot make a word less likely here, got {shown(value)}; leave it out")
        yield word
