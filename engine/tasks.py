"""What is asked of a window of audio, made into a task for the decoder: prompt, prefix, rules."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, takewhile

from engine.config import ModelDimensions
from engine.decoding import DecodingTask
from engine.options import DecodingOptions
from engine.rules import PLAIN_TEXT, FilteredText, PlainText, TimedText
from engine.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked of one window of encoded audio.

    Attributes:
        options: how it becomes text.
        n_positions: how many of the encoder's positions hold audio.
        prefix: ids the text must begin with.
        n_lead_in: how many of those are of what was said before: words are told of what follows them.
        wants_all: whether an end that the model doubts is to be looked behind.
        draft: a guess at the ids behind them.
        previous: ids of the text before, timestamps included.
        usual_language: what was spoken before; heard where it is not clear that it is another.
        wants_attention: whether it is to be told where the model looked for each token.
        is_heard_again: whether a text that becomes a loop is heard again in a longer context: it ends there then, and
            none is drawn instead.
    """

    options: DecodingOptions
    n_positions: int
    prefix: tuple[int, ...] = ()
    draft: tuple[int, ...] = ()
    previous: tuple[int, ...] = ()
    usual_language: str = ""
    wants_attention: bool = False
    n_lead_in: int = 0
    wants_all: bool = False
    is_heard_again: bool = False


class TaskMaker:
    """Makes the tasks of one model.

    Args:
        tokenizer: of the model.
        dims: of the model.
    """

    def __init__(self, tokenizer: Tokenizer, dims: ModelDimensions) -> None:
        self._tokenizer, self._dims = tokenizer, dims

    def task(self, window: Window, language: str, filters: FilteredText) -> DecodingTask:
        """Return the task of writing down ``window``, in which ``language`` is spoken."""
        options, tokenizer = window.options, self._tokenizer
        sot = tokenizer.sot_sequence(language, translate=options.translate, timestamps=options.timestamps)
        before = self._before(options, window.previous)
        return DecodingTask(
            prompt=(*before, *sot),
            sot_index=len(before),
            end_id=tokenizer.eot,
            # The end is a token too, which tells when the last word was said.
            max_tokens=min(options.max_tokens, self._dims.n_text_ctx - len(before) - len(sot) - 1),
            prefix=window.prefix,
            draft=window.draft,
            rules=filters,
            ends_loops=window.is_heard_again,
        )

    def rules(self, options: DecodingOptions) -> PlainText | TimedText:
        """Return the rules of a text with or without timestamps."""
        return TimedText(self._tokenizer.first_timestamp, self._dims.n_vocab) if options.timestamps else PLAIN_TEXT

    def prefix(self, options: DecodingOptions) -> tuple[int, ...]:
        """Return the ids that the text must begin with by the options (whisper/decoding.py, _get_initial_tokens)."""
        return tuple(self._encode(options.prefix)[: self._dims.n_text_ctx // 2])

    def n_prompted(self, options: DecodingOptions) -> int:
        """Return how many of the hotwords fit into half of the room for the prompt, all of it where that is empty."""
        room = self._room(options)
        room = room // 2 if options.prompt.strip() else room
        needed = accumulate(len(self._encode(word)) + 1 for word in options.hotwords)  # each with its comma
        return sum(1 for _ in takewhile(lambda n_tokens: n_tokens - 1 <= room, needed))

    def _before(self, options: DecodingOptions, previous: tuple[int, ...]) -> tuple[int, ...]:
        """What stands before the text: hotwords, the end of the prompt, and as much of the text before as fits.

        As faster-whisper has it, but that hotwords are never cut in two, and that the prompt stays where the text
        before fills all the room: whisper/transcribe.py calls that ``carry_initial_prompt``.
        """
        before = self._encode(", ".join(options.hotwords[: self.n_prompted(options)]))
        for ids in (self._encode(options.prompt), previous):
            before += ids[max(0, len(ids) - self._room(options) + len(before)) :]
        return (self._tokenizer.sot_prev, *before) if before else ()

    def _room(self, options: DecodingOptions) -> int:
        """How many tokens may stand before the SOT sequence, so that the usual text fits behind it."""
        n_sot = len(self._tokenizer.sot_sequence(timestamps=options.timestamps))
        half = self._dims.n_text_ctx // 2
        return max(0, min(half, self._dims.n_text_ctx - min(options.max_tokens, half) - n_sot) - 1)

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(" " + text.strip()) if text.strip() else []
