"""Finals as subtitles: nothing is lost, nothing overlaps, all of it can be read."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.alignment import WordTiming
from engine.events import Final
from engine.segments import Segment
from ui.formats.cues import LONGEST_S, SHORTEST_S, Cue, cues_of
from ui.formats.output import USUAL, Shape
from ui.formats.text import printable


def final_of(words: list[tuple[str, float, float]]) -> Final:
    timings = tuple(WordTiming(text, start_s, end_s, 0.9) for text, start_s, end_s in words)
    return Final(1, "".join(text for text, _, _ in words).strip(), words[0][1], words[-1][2], words=timings)


def spoken(text: str, word_s: float = 0.3, start_s: float = 0.0, pauses: dict[str, float] | None = None) -> Final:
    """A final whose words follow each other, but for silence behind those in ``pauses``."""
    words, at_s = [], start_s
    for word in text.split():
        words.append((f" {word}", at_s, at_s + word_s))
        at_s += word_s + (pauses or {}).get(word, 0.0)
    return final_of(words)


def texts(cues: list[Cue]) -> list[str]:
    return [" | ".join(cue.lines) for cue in cues]


words = st.lists(
    st.tuples(
        st.text(st.sampled_from("abcABC.,!?'é語日\u0301 \n\x1b"), min_size=1, max_size=60),
        st.floats(0, 4),
        st.floats(0, 9),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)

shapes = st.builds(Shape, st.integers(10, 100), st.integers(1, 3))


@settings(max_examples=40)
@example(
    words=[("?" * 31 + "日日日日日", 0.0, 1.0, False), ("\u0301abc", 0.0, 1.0, False)],
    start_s=0.0,
    not_before_s=0.0,
    shape=USUAL,
)
@given(words=words, start_s=st.floats(0, 100), not_before_s=st.floats(0, 110), shape=shapes)
def test_whatever_is_said(
    words: list[tuple[str, float, float, bool]], start_s: float, not_before_s: float, shape: Shape
) -> None:
    at_s, said = start_s, []
    for text, pause_s, word_s, has_space in words:
        said.append((" " * has_space + text, at_s + pause_s, at_s + pause_s + word_s))
        at_s = said[-1][2]

    cues = cues_of(final_of(said), not_before_s, shape)

    letters = "".join(text for text, _, _ in said).replace("\x1b", "")
    assert "".join(letters.split()) == "".join("".join(line for line in cue.lines).replace(" ", "") for cue in cues)
    assert all(cue.start_s >= not_before_s for cue in cues)
    assert all(cue.start_s < cue.end_s for cue in cues)
    assert all(one.end_s <= following.start_s for one, following in pairwise(cues))
    # What begins with a combining mark belongs to the word before, however long both are.
    whole: list[str] = []
    for text, *_ in said:
        if whole and unicodedata.combining(text[0]):
            whole[-1] += text
        else:
            whole.append(text)
    widest = max(cell_len(printable(text)) for text in whole)
    assert all(cell_len(line) <= max(shape.columns, widest + 1) for cue in cues for line in cue.lines)
    assert all(1 <= len(cue.lines) <= shape.n_lines for cue in cues)


def test_a_short_final_is_one_line() -> None:
    assert [Cue(1.0, 2.2, ("Ask not what your",))] == cues_of(spoken("Ask not what your", start_s=1.0))


def test_two_lines_are_much_alike() -> None:
    text = "And so my fellow Americans ask not what your country can do for you"

    assert ["And so my fellow Americans ask not | what your country can do for you"] == texts(cues_of(spoken(text)))


@pytest.mark.parametrize(
    ("text", "pauses", "first"),
    [
        ("One two three four five six seven. Eight, nine ten eleven twelve", {}, "One two three four five six seven."),
        ("One two three four five six seven, eight nine ten eleven twelve", {}, "One two three four five six seven,"),
        ("One two three four five seven eight nine ten eleven", {"seven": 0.4}, "One two three four five seven"),
        ("One. Two three four five six seven eight nine ten", {"One.": 2.1}, "One."),
    ],
)
def test_cuts_where_the_speech_is(text: str, pauses: dict[str, float], first: str) -> None:
    """At 0.8 s a word nine words do not fit into one cue."""
    cues = cues_of(spoken(text, 0.8, pauses=pauses))

    assert first == " ".join(cues[0].lines)
    assert all(cue.end_s - cue.start_s <= LONGEST_S for cue in cues)


@pytest.mark.parametrize(
    ("columns", "n_lines", "first"),
    [
        (42, 1, "One day the three of us went down to the"),
        (20, 2, "One day the three of | us went down to the"),
        (20, 3, "One day the three | of us went down to | the river again,"),
        (100, 3, "One day the three of us went down to the river again, and nobody spoke on the way."),
    ],
)
def test_other_shapes(columns: int, n_lines: int, first: str) -> None:
    said = spoken("One day the three of us went down to the river again, and nobody spoke on the way.")
    cues = cues_of(said, 0.0, Shape(columns, n_lines))
    assert first == texts(cues)[0]


def test_no_cue_is_longer_than_it_may_be() -> None:
    cues = cues_of(spoken("so " * 200, 0.5))

    assert all(cue.end_s - cue.start_s <= LONGEST_S for cue in cues)
    assert 200 == sum(line.count("so") for cue in cues for line in cue.lines)


def test_a_short_cue_stays_a_while_but_not_into_the_next() -> None:
    alone = cues_of(Final(1, "Yes.", 0.0, 3.0, words=(WordTiming(" Yes.", 0.5, 0.7, 1.0),)))
    assert [(0.5, 0.5 + SHORTEST_S)] == [(cue.start_s, cue.end_s) for cue in alone]

    ended = cues_of(Final(1, "Yes.", 0.0, 0.9, words=(WordTiming(" Yes.", 0.5, 0.7, 1.0),)))
    assert [(0.5, 0.9)] == [(cue.start_s, cue.end_s) for cue in ended]


def test_a_script_without_spaces_is_cut_by_its_width() -> None:
    said = final_of([(character, 0.2 * i, 0.2 * i + 0.2) for i, character in enumerate("日本語の字幕は幅で切る。" * 4)])

    cues = cues_of(said)

    assert "日本語の字幕は幅で切る。" * 4 == "".join(line for cue in cues for line in cue.lines)
    assert "。" == cues[0].lines[-1][-1]


def test_a_vowel_stays_with_its_consonant() -> None:
    """Thai: the mark above would begin a line by itself."""
    said = final_of([(part, 0.1 * i, 0.1 * i + 0.1) for i, part in enumerate(["ก", "\u0e35"] * 100)])

    lines = [line for cue in cues_of(said) for line in cue.lines]
    assert "ก\u0e35" * 100 == "".join(lines)
    assert all(line.startswith("ก") for line in lines)


@pytest.mark.parametrize("joined", ["dell'albero", "well-known", "3.5", "50%", "aujourd’hui"])
def test_what_is_one_word_to_a_reader_stays_together(joined: str) -> None:
    """Whisper's words end before a mark; a cue may not, wherever in it the word stands."""
    (mark,) = set(joined) & set("'-.%’")
    first, second = joined.split(mark)
    for n in range(20):
        said = [*["word"] * n, f"{first}", f"{mark}{second}", *["word"] * 20]
        spaced = [
            (text if text.startswith(mark) else f" {text}", 0.2 * i, 0.2 * i + 0.2) for i, text in enumerate(said)
        ]

        assert joined in " ".join(line for cue in cues_of(final_of(spaced)) for line in cue.lines)


def test_words_without_end_are_cut_by_their_width() -> None:
    said = final_of([(" ha", 0.0, 0.1), *[("-ha", 0.1 * i, 0.1 * i + 0.1) for i in range(1, 99)]])

    assert all(cell_len(line) <= USUAL.columns for cue in cues_of(said) for line in cue.lines)


def test_without_word_times_a_script_without_spaces_is_cut_by_its_width() -> None:
    cues = cues_of(Final(1, "日本語の字幕は幅で切る。" * 11, 10.0, 30.0))

    assert "日本語の字幕は幅で切る。" * 11 == "".join(line for cue in cues for line in cue.lines)
    assert all(cell_len(line) <= USUAL.columns for cue in cues for line in cue.lines)
    assert (10.0, 30.0) == (cues[0].start_s, pytest.approx(cues[-1].end_s))


def test_a_word_that_lasts_too_long_goes_before_it_ends() -> None:
    assert [LONGEST_S] == [cue.end_s - cue.start_s for cue in cues_of(final_of([(" So", 1.0, 13.0)]))]


@pytest.mark.parametrize("text", ["", " ", "\u200b"])
def test_what_cannot_be_seen_is_no_cue(text: str) -> None:
    assert [] == cues_of(Final(1, text, 0.0, 1.0))
    assert [] == cues_of(final_of([(text, 0.0, 1.0)]))


def test_without_word_times_the_words_share_the_time_of_their_segment() -> None:
    segments = tuple(
        Segment(
            start_s=start_s,
            end_s=start_s + 8.0,
            text="four by four " * 4,
            tokens=(),
            temperature=0.0,
            avg_logprob=0.0,
            compression_ratio=1.0,
            no_speech_prob=0.0,
        )
        for start_s in (10.0, 20.5)
    )
    cues = cues_of(Final(1, "", 10.0, 28.5, segments=segments))

    assert (10.0, 28.5) == (cues[0].start_s, pytest.approx(cues[-1].end_s))
    assert 20.5 in [cue.start_s for cue in cues]
    assert "four by four " * 8 == "".join(f"{line} " for cue in cues for line in cue.lines)
