"""What is measured of a trace, on traces made by hand: every figure is known before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Discarded, Final, Partial, SpeechStarted, TimedEvent
from ui.scoring.corrections import ShownText, Steadiness, steadiness_of
from ui.scoring.delays import word_delays
from ui.scoring.event_traces import trace_of
from ui.scoring.placement import placed_pieces
from ui.scoring.scores import score_of
from ui.scoring.scripts import Script, ScriptWord
from ui.scoring.traces import Trace, View, trace_as_json, trace_from_json
from ui.scoring.words import paired_words, shown_words

TEXT = "the quick brown fox jumps over the lazy dog"
SCRIPT = Script(TEXT, tuple(ScriptWord(word, float(i), i + 0.5) for i, word in enumerate(TEXT.split())), 10.0)
"""A word a second, each half a second long."""
SILENCE = Script("", (), 8.0)

words = st.lists(st.sampled_from(["the", "quick", "brown", "fox", "dog"]), max_size=8)


def view(t_s: float, piece: int, text: str, stable: str = "", *, is_closed: bool = False) -> View:
    return View(t_s=t_s, piece=piece, text=text, stable=stable, is_closed=is_closed)


def closed(t_s: float, piece: int, text: str, span_s: tuple[float, float] | None = None) -> View:
    return View(t_s=t_s, piece=piece, text=text, is_closed=True, span_s=span_s)


TWO_PIECES: Trace = [
    view(1.0, 0, "The quack"),
    view(2.0, 0, "The quick", "The"),
    view(3.0, 0, "the quick brown,", "The quick"),
    closed(4.5, 0, "The quick brown fox."),
    view(5.0, 1, "jumps"),
    view(6.0, 1, "jumps over", "jumps"),
    closed(9.5, 1, "Jumped over the lazy dog."),
]


def test_a_trace_is_the_same_behind_json() -> None:
    assert TWO_PIECES == trace_from_json(trace_as_json(TWO_PIECES))
    spanned = [closed(1.0, 0, "a", (0.5, 1.0))]
    assert spanned == trace_from_json(trace_as_json(spanned))


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ([view(2.0, 0, "a"), view(1.0, 0, "a b")], "order of time, got 1.0 s behind 2.0 s"),
        ([closed(1.0, 3, "a"), view(2.0, 3, "a b")], "piece 3 was closed before 2.0 s"),
    ],
)
def test_a_trace_that_cannot_be_is_refused(trace: Trace, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trace_from_json(trace_as_json(trace))


def test_our_events_become_a_trace() -> None:
    events = [
        TimedEvent(0.5, SpeechStarted(1, 0.0)),
        TimedEvent(1.0, Partial(1, "the", " quick", 0.0, 1.0)),
        TimedEvent(2.0, Final(1, "The quick.", 0.0, 1.5)),
        TimedEvent(3.0, Discarded(2, "no words were heard", 2.0, 2.5)),
    ]

    assert trace_of(events) == [
        View(t_s=1.0, piece=0, text="the quick", stable="the", span_s=(0.0, 1.0)),
        closed(2.0, 0, "The quick.", (0.0, 1.5)),
        closed(3.0, 1, "", (2.0, 2.5)),
    ]


def test_a_dash_is_no_word() -> None:
    assert ["well,", "no."] == shown_words("well, – no.")


def test_words_are_paired_with_the_fewest_errors() -> None:
    assert [(0, 0), (1, 1), (2, 2)] == paired_words(["a", "b", "c", "d"], ["a", "x", "c"])
    assert [] == paired_words([], ["a"])
    assert [] == paired_words(["a"], [])


def test_pieces_lie_between_their_neighbours() -> None:
    first, second = placed_pieces(SCRIPT, TWO_PIECES)

    assert (range(4), (0, 1, 2, 3)) == (first.spoken, first.paired)
    assert (range(4, 9), (4, 5, 6, 7, 8)) == (second.spoken, second.paired)


def test_delays_run_from_the_end_of_each_word() -> None:
    delays = word_delays(SCRIPT, TWO_PIECES)

    # "jumps" was never in the final and is not late for it: it was shown at 5.0 s, half a second behind its end.
    assert delays.shown == (0.5, 0.5, 0.5, 1.0, 0.5, 0.5, 3.0, 2.0, 1.0)
    assert delays.settled == (1.5, 1.5, 2.0, 1.0, 1.5, 4.0, 3.0, 2.0, 1.0)
    assert delays.final == (1.0, 1.0)
    # "fox" and what follows came once and stayed; "jumps" is not in the last text, so it never did.
    assert delays.stays == (0.5, 0.5, 0.5, 1.0, 0.5, 3.0, 2.0, 1.0)


def test_a_word_stays_from_when_it_is_no_more_changed_whatever_is_called_stable() -> None:
    taken_away = [
        view(1.0, 0, "the quick"),
        view(2.5, 0, "the brown"),
        view(3.0, 0, "the quick brown"),
        view(4.0, 0, ""),
        view(5.0, 0, "the quick brown"),
        view(6.0, 0, "the quick brown fox"),
        closed(9.0, 0, "The quick, brown fox!"),
    ]
    called_stable = [view(one.t_s, 0, one.text, one.text) for one in taken_away[:-1]]

    delays = word_delays(SCRIPT, taken_away)
    assert (delays.stays, delays.settled) == ((4.5, 3.5, 2.5, 2.5), (8.5, 7.5, 6.5, 5.5))
    assert delays.stays == word_delays(SCRIPT, called_stable).stays


def test_a_word_that_is_taken_away_for_good_never_stays() -> None:
    assert () == word_delays(SCRIPT, [view(1.0, 0, "the quick"), closed(2.0, 0, "")]).stays


def test_a_word_is_not_shown_before_it_is_begun() -> None:
    trace = [view(2.5, 0, "the quick brown the"), closed(9.5, 0, TEXT)]

    assert word_delays(SCRIPT, trace).shown[6] == 9.5 - 6.5


def test_a_word_without_a_time_has_no_delay() -> None:
    known = SCRIPT.words
    guessed = Script(TEXT, (known[0], ScriptWord("quick", 1.0, 1.5, is_guessed=True), *known[2:]), 10.0)

    assert len(word_delays(guessed, TWO_PIECES).shown) == 8


def test_how_the_text_is_cut_into_pieces_changes_no_delay() -> None:
    """A program without utterances shows the same text at the same moments as one piece."""
    whole = [
        view(1.0, 0, "The quack"),
        view(2.0, 0, "The quick", "The"),
        view(3.0, 0, "the quick brown,", "The quick"),
        view(4.5, 0, "The quick brown fox.", "The quick brown fox."),
        view(5.0, 0, "The quick brown fox. jumps", "The quick brown fox."),
        view(6.0, 0, "The quick brown fox. jumps over", "The quick brown fox. jumps"),
        closed(9.5, 0, "The quick brown fox. Jumped over the lazy dog."),
    ]

    one, two = word_delays(SCRIPT, whole), word_delays(SCRIPT, TWO_PIECES)
    assert (one.shown, one.settled, one.stays) == (two.shown, two.settled, two.stays)
    assert steadiness_of(whole).n_changed == sum(
        steadiness_of(piece.views).n_changed for piece in placed_pieces(SCRIPT, TWO_PIECES)
    )


@pytest.mark.parametrize(
    ("texts", "n_changed", "first_text"),
    [
        (["the", "the quick", "the quick fox"], 0, "the quick fox"),
        (["the qui", "The quick."], 1, "the qui"),
        (["a b", "A, b!"], 0, "a b"),
        (["a b c", "a c", "a b c"], 1, "a b c"),
        (["a b c", "x c d"], 2, "a b c d"),
        (["thank you", "and"], 2, "thank you"),
        (["a b c", "a", ""], 3, "a b c"),
        (["thank you", "", "and so on"], 2, "thank you on"),
    ],
)
def test_changes_are_counted_place_by_place(texts: list[str], n_changed: int, first_text: str) -> None:
    shown = ShownText()
    for text in texts:
        shown.receive(text)

    assert (n_changed, first_text) == (shown.n_changed, shown.first_text)


@given(st.lists(words, min_size=1, max_size=5))
def test_a_text_that_only_grows_is_never_changed(parts: list[list[str]]) -> None:
    shown, text = ShownText(), ""
    for part in parts:
        text = " ".join([*text.split(), *part])
        shown.receive(text)

    assert (0, text, len(text.split())) == (shown.n_changed, shown.first_text, shown.n_places)


@given(st.lists(words, min_size=1, max_size=5))
def test_what_is_shown_last_is_among_the_places(texts: list[list[str]]) -> None:
    shown = ShownText()
    for text in texts:
        shown.receive(" ".join(text))

    assert shown.n_places >= max(len(text) for text in texts)


def test_what_a_final_corrects_is_told_from_what_was_taken_back() -> None:
    views = [
        view(1.0, 0, "a b c", "a b"),
        view(2.0, 0, "a x c", "a x"),
        view(3.0, 0, "a x c d", "a x c"),
        closed(4.0, 0, "a x y d e"),
    ]

    assert steadiness_of(views) == Steadiness(
        first_text="a b c d e",
        stable_text="a b c d e",
        n_changed=2,
        n_stable_changed=1,
        n_taken_back=1,
        n_completed=0,
        n_shown=5,
    )


def test_a_stable_word_that_grows_is_not_taken_back() -> None:
    views = [
        view(1.0, 0, "for dinner, turn", "for dinner, turn"),
        view(2.0, 0, "For dinner turnips and", "For dinner turnips"),
    ]

    steady = steadiness_of([*views, closed(3.0, 0, "for dinner, turnips and")])

    assert (1, 0, 0) == (steady.n_completed, steady.n_taken_back, steady.n_stable_changed)
    assert "for dinner, turn and" == steady.stable_text


def test_a_program_that_never_closes_is_held_to_what_it_showed_last() -> None:
    views = [view(1.0, 0, "a b c", "a b"), view(2.0, 0, "a d c", "a d")]

    assert (1, 0, "a b") == (
        steadiness_of(views).n_taken_back,
        steadiness_of(views).n_stable_changed,
        steadiness_of(views).stable_text,
    )


def test_a_score_holds_every_count() -> None:
    score = score_of(SCRIPT, TWO_PIECES)

    assert (10.0, 9, 9) == (score.audio_s, score.n_words, score.n_timed)
    # "Jumped"; the stable text had "jumps"; "quack" stood first where "quick" came, and "jumps" was right at first.
    assert (1, 0, 1) == (score.n_final_errors, score.n_stable_errors, score.n_first_errors)
    assert (2, 1, 0) == (score.n_changed, score.n_stable_changed, score.n_taken_back)
    assert (9, 9) == (score.n_last, score.n_shown)
    assert (0, 0, 0) == (score.n_lost, score.n_false, score.n_false_shown)


def test_words_of_a_piece_that_was_taken_off_are_lost() -> None:
    trace = [closed(4.0, 0, "the quick brown fox"), view(6.0, 1, "jumps"), closed(7.0, 1, "", (2.8, 5.9)),
             closed(9.5, 2, "the lazy dog")]  # fmt: skip

    score = score_of(SCRIPT, trace)

    assert (2, 2, 1) == (score.n_lost, score.n_final_errors, score.n_changed)


def test_every_word_where_nothing_is_said_is_made_up() -> None:
    trace = [view(1.0, 0, "thank you"), closed(2.0, 0, ""), closed(5.0, 1, "you")]

    score = score_of(SILENCE, trace)

    assert (0, 1, 3, 1) == (score.n_words, score.n_false, score.n_false_shown, score.n_final_errors)


def test_scores_add_up() -> None:
    both = score_of(SCRIPT, TWO_PIECES) + score_of(SILENCE, [closed(5.0, 0, "you")])

    assert (18.0, 9, 1, 2) == (both.audio_s, both.n_words, both.n_false, both.n_final_errors)
    assert len(both.shown_s) == 9


def test_a_stream_without_text_is_all_left_out() -> None:
    score = score_of(SCRIPT, [])

    assert (9, 9, 9) == (score.n_final_errors, score.n_stable_errors, score.n_first_errors)
    assert () == score.shown_s == score.final_s
