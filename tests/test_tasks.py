"""What stands before a text: hotwords, the prompt, and as much of the text before as fits."""

from __future__ import annotations

from test_tokenizer import SMALL_TOKENIZER as TOKENIZER
from whisper_sizes import SIZES

from engine.options import DecodingOptions
from engine.rules import PLAIN_TEXT, FilteredText
from engine.tasks import TaskMaker, Window

ROOM = 221
"""Tokens before the SOT sequence: 448 hold it, the longest text, 224, and <|startofprev|>."""
(HELLO,) = TOKENIZER.encode(" hello")
COMMA = TOKENIZER.encode(",")
PREV = TOKENIZER.sot_prev
TEXT_BEFORE = tuple(range(100)) * 10


def before(previous: tuple[int, ...] = (), **options: object) -> tuple[int, ...]:
    """What stands before the SOT sequence."""
    window = Window(DecodingOptions(**options), 1500, previous=previous)  # type: ignore[arg-type]
    task = TaskMaker(TOKENIZER, SIZES["tiny.en"]).task(window, "en", FilteredText(PLAIN_TEXT, 0))
    assert task.prompt[task.sot_index] == TOKENIZER.sot
    return task.prompt[: task.sot_index]


def test_nothing_before() -> None:
    assert () == before()


def test_all_that_fits() -> None:
    assert (PREV, HELLO, *COMMA, HELLO, HELLO, 1, 2) == before((1, 2), prompt="hello", hotwords=("hello", "hello"))


def test_the_text_before_is_cut_in_front() -> None:
    assert (PREV, *TEXT_BEFORE[-ROOM:]) == before(TEXT_BEFORE)


def test_the_prompt_stays_where_the_text_before_is_long() -> None:
    assert (PREV, HELLO, HELLO, *TEXT_BEFORE[2 - ROOM :]) == before(TEXT_BEFORE, prompt="hello hello")


def test_a_long_prompt_is_cut_in_front_and_leaves_no_room() -> None:
    prompted = before(TEXT_BEFORE, prompt="he " + "hello " * 500, hotwords=("hello",))

    assert (PREV, *[HELLO] * ROOM) == prompted


def test_the_longest_text_and_its_end_fit_behind_the_prompt() -> None:
    dims = SIZES["tiny.en"]
    window = Window(DecodingOptions(max_tokens=dims.n_text_ctx), 1500, previous=TEXT_BEFORE)
    task = TaskMaker(TOKENIZER, dims).task(window, "en", FilteredText(PLAIN_TEXT, 0))

    assert dims.n_text_ctx == len(task.prompt) + task.max_tokens + 1
