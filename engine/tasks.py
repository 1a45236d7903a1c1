"""What is asked of a window of audio, made into a task for the decoder: prompt, prefix, rules."""

from __future__ import annotations

from dataclasses import dataclass

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
        draft: a guess at the ids behind them.
    """

    options: DecodingOptions
    n_positions: int
    prefix: tuple[int, ...] = ()
    draft: tuple[int, ...] = ()


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
        before = self._before(options, len(sot))
        return DecodingTask(
            prompt=(*before, *sot),
            sot_index=len(before),
            end_id=tokenizer.eot,
            max_tokens=min(options.max_tokens, self._dims.n_text_ctx - len(before) - len(sot)),
            prefix=window.prefix,
            draft=window.draft,
            rules=filters,
        )

    def rules(self, options: DecodingOptions) -> PlainText | TimedText:
        """Return the rules of a text with or without timestamps."""
        return TimedText(self._tokenizer.first_timestamp, self._dims.n_vocab) if options.timestamps else PLAIN_TEXT

    def prefix(self, options: DecodingOptions) -> tuple[int, ...]:
        """Return the ids that the text must begin with by the options (whisper/decoding.py, _get_initial_tokens)."""
        ids = self._tokenizer.encode(" " + options.prefix.strip()) if options.prefix.strip() else []
        return tuple(ids[-self._dims.n_text_ctx // 2 :])

    def _before(self, options: DecodingOptions, n_sot: int) -> tuple[int, ...]:
        """The text that came before: as much of its end as leaves room for the longest text."""
        n_text_ctx = self._dims.n_text_ctx
        n_most = min(n_text_ctx // 2, n_text_ctx - options.max_tokens - n_sot) - 1
        text = options.prompt.strip()
        if not text or n_most < 1:
            return ()
        return (self._tokenizer.sot_prev, *self._tokenizer.encode(" " + text)[-n_most:])
