"""What is asked of the model about an utterance: its audio, what was said before it, what is known of its text.

Pure.  The lead-in is docs/decisions/0013-lead-in.md.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from engine.events import NO_LEAD_IN, DecodeJob, Discarded, Final, LeadIn
from engine.options import DecodingOptions, StreamingOptions
from engine.utterance import Utterance
from stream.audio import AudioChunk, n_samples, seconds

_FEWEST_TOKENS = 20
_MOST_TOKENS_PER_S = 20.0
"""Nobody speaks so fast: real speech took up to 5.3 tokens a second (tiny.en and base, eight languages)."""
_TEXT_TOKENS = 220
"""So many fit behind the longest prompt, lead-in and all.  English takes 4 or 5 a second, Hindi some 14."""
_SPARE = 1.25
_MOST_LEAD_INS = 64
"""Half a second each: no more fit into a window."""


@dataclass(frozen=True, slots=True)
class Due:
    """Work that waits for the model.

    Attributes:
        utterance: whose.
        end_sample: where its audio ends.
        is_final: whether the outcome may become the utterance's final text.
        is_late: whether so much audio came meanwhile that it could have been done twice: the model is busy.
    """

    utterance: Utterance
    end_sample: int
    is_final: bool
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class _Said:
    """What a final leaves for the utterances behind it, to be their lead-in."""

    start_sample: int
    end_sample: int
    ids: tuple[int, ...]
    language: str


class JobMaker:
    """Makes the jobs of one stream; it remembers what was said.

    Attributes:
        options: how what is open is decoded.
        usual_language: what was spoken last.
    """

    def __init__(self, options: StreamingOptions) -> None:
        self.options = options
        self._said: deque[_Said] = deque(maxlen=_MOST_LEAD_INS)
        self.usual_language = ""

    @property
    def reach_samples(self) -> int:
        """How far back from its end the audio of a job may begin."""
        return n_samples(max(self.options.partial_lead_in_s, self.options.final_lead_in_s))

    def receive_ending(self, event: Final | Discarded) -> None:
        """Remember what was said last; behind what was no speech, nothing was."""
        if isinstance(event, Discarded):
            self._said.clear()
            return
        self.usual_language = event.language
        ids = tuple(token.id for token in event.tokens)
        self._said.append(_Said(n_samples(event.start_s), n_samples(event.end_s), ids, event.language))

    def job(self, due: Due, held: AudioChunk) -> DecodeJob:
        """Return the job of ``due``; ``held`` is the audio there is, from before the utterance to its end."""
        utterance, options = due.utterance, self._options_of(due)
        lead_in, start = self._lead_in(due, held.start_sample)
        audio = held.samples[start - held.start_sample : due.end_sample - held.start_sample]
        is_free = due.is_final and not options.keeps_stable
        prefix = () if is_free else tuple(token.id for token in utterance.prefix.tokens)
        partial_context = options.busy_context if due.is_late else options.partial_context
        context = options.final_context if due.is_final else partial_context
        return DecodeJob(
            utterance.id,
            audio,
            start,
            due.is_final,
            self._decoding(due, seconds(len(audio)), len(lead_in.ids) + len(prefix)),
            context.needed_s(seconds(len(audio))),
            prefix,
            utterance.draft[len(prefix) :] if utterance.draft[: len(prefix)] == prefix else (),
            self.usual_language,
            lead_in,
            wants_attention=utterance.end_sample is None,
            pauses=self._pauses(due, start) if not lead_in.ids else (),
        )

    def _pauses(self, due: Due, start: int) -> tuple[tuple[int, int], ...]:
        """Where its text may end, in samples from ``start``."""
        if not self._options_of(due).cuts_at_languages or due.utterance.end_sample != due.end_sample:
            return ()
        pauses = (pause for pause in due.utterance.pauses if pause[1] <= due.end_sample)
        return tuple((first - start, last - start) for first, last in pauses)

    def _options_of(self, due: Due) -> StreamingOptions:
        return due.utterance.options or self.options

    def _lead_in(self, due: Due, held_from: int) -> tuple[LeadIn, int]:
        """What was said just before in one language, as much as fits, and where it begins.

        That is the utterance's own language where it is known.  It fits as long as there is room for an utterance that
        has as many tokens a second.
        """
        utterance, start = due.utterance, due.utterance.start_sample
        ids: tuple[int, ...] = ()
        earliest, spoken = max(held_from, due.end_sample - self._room(due)), 0
        language = self._language_of(due) or self.usual_language
        for said in reversed(self._said):
            if said.start_sample < earliest or said.language != language:
                break
            spoken += said.end_sample - said.start_sample
            own = utterance.length_to(due.end_sample) / spoken * (len(said.ids) + len(ids))
            if len(said.ids) + len(ids) + _FEWEST_TOKENS + _SPARE * own > _TEXT_TOKENS:
                break
            start, ids = said.start_sample, said.ids + ids
        return (LeadIn(utterance.start_sample - start, ids, language) if ids else NO_LEAD_IN), start

    def _room(self, due: Due) -> int:
        """How many samples a job may have, lead-in and all."""
        options = self._options_of(due)
        if options.decoding.timestamps or due.utterance.alone_end == due.end_sample:
            return 0
        partial_s = options.partial_lead_in_s
        if due.is_late:
            partial_s = min(partial_s, options.busy_lead_in_s)
        return n_samples(options.final_lead_in_s if due.is_final else partial_s)

    def _decoding(self, due: Due, audio_s: float, n_given: int) -> DecodingOptions:
        """The options of a job: partials are greedy, and know the language once enough was heard of it."""
        decoding = self._options_of(due).decoding
        if due.utterance.id > 1:
            decoding = replace(decoding, prefix="")
        most = n_given + _FEWEST_TOKENS + int(_MOST_TOKENS_PER_S * audio_s)
        decoding = replace(decoding, max_tokens=min(decoding.max_tokens, most))
        if due.is_final:
            return decoding
        language = self._language_of(due) or None
        return replace(decoding, beam_size=1, temperatures=(0.0,), words=False, language=language)

    def _language_of(self, due: Due) -> str:
        """What is spoken in its utterance as far as it is known: given, or heard for partials; else empty."""
        return self._options_of(due).decoding.language or ("" if due.is_final else due.utterance.language)
