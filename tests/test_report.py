"""What the demo measures, on events made by hand."""

import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from engine.events import Event, Final, Partial, SpeechStarted, Status, TimedEvent
from ui.report import final_text, print_rows, report_rows
from ui.scoring.delays import Delays, percentile, percentile_of_all, word_delays
from ui.scoring.event_traces import trace_of
from ui.scoring.scripts import Script, ScriptWord, read_script
from ui.scoring.words import word_errors

SCRIPT = Script(
    "Well, the cat sat. The dog ran.",
    (
        ScriptWord("Well,", 0.0, 0.5),
        ScriptWord("the", 0.5, 0.75),
        ScriptWord("cat", 0.75, 1.25),
        ScriptWord("sat.", 1.25, 1.75),
        ScriptWord("The", 4.0, 4.25),
        ScriptWord("dog", 4.25, 4.75),
        ScriptWord("ran.", 4.75, 5.25),
    ),
    5.25,
)


def timed(*events: tuple[float, Event]) -> list[TimedEvent]:
    return [TimedEvent(t_s, event) for t_s, event in events]


RUN = timed(
    (0.5, SpeechStarted(1, 0.0)),
    (1.0, Partial(1, "", "Well, the", 0.0, 0.75)),
    (1.5, Partial(1, "Well", ", the cat", 0.0, 1.25)),
    (2.0, Partial(1, "Well, the", " mat sat", 0.0, 1.75)),
    (3.0, Final(1, "well the cat sat", 0.0, 2.0)),
    (5.5, Partial(2, "", "The dock", 4.0, 5.0)),
    (6.0, Final(2, "The dog ran.", 4.0, 5.25)),
    (6.0, Status(6.0, -60.0, False, 0.0, 0.125, 2.25)),
)


def test_words_are_timed_from_their_end_to_their_first_showing() -> None:
    assert word_delays(SCRIPT, trace_of(RUN)).shown == (0.5, 0.25, 0.25, 0.25, 1.25, 1.25, 0.75)


def test_a_word_is_settled_when_it_is_stable_or_final() -> None:
    assert word_delays(SCRIPT, trace_of(RUN)).settled == (1.0, 1.25, 1.75, 1.25, 1.75, 1.25, 0.75)


def test_a_word_that_was_never_shown_has_no_delay() -> None:
    run = timed((3.0, Final(1, "well a cat sat", 0.0, 2.0)))
    assert word_delays(SCRIPT, trace_of(run)) == Delays(*[(2.5, 1.75, 1.25)] * 3, (1.25,))


def test_a_word_is_not_mistaken_for_the_same_word_elsewhere() -> None:
    run = timed((6.0, Final(2, "The dog ran", 4.0, 5.25)))
    assert word_delays(SCRIPT, trace_of(run)).shown == (1.75, 1.25, 0.75)


def test_errors_are_counted_after_normalising() -> None:
    errors = word_errors("It's twenty-five, Mr. Smith!", "it is 25 mister jones")
    assert (errors.hits, errors.substitutions, errors.deletions, errors.insertions) == (4, 1, 0, 0)
    assert errors.wer == 0.2


def test_finals_are_joined() -> None:
    assert final_text(RUN) == "well the cat sat The dog ran."


@pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (95, 3.8), (5, 0.2)])
def test_percentiles_are_interpolated(percent: int, expected: float) -> None:
    assert percentile([4.0, 0.0, 1.0, 2.0, 3.0], percent) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("n_all", "percent", "expected"),
    [(5, 95, 3.8), (5, 50, 2.0), (5, 100, 4.0), (6, 80, 4.0), (6, 90, math.inf), (20, 95, math.inf), (9, 50, 4.0)],
)
def test_what_never_came_is_later_than_all(n_all: int, percent: int, expected: float) -> None:
    assert percentile_of_all([4.0, 0.0, 1.0, 2.0, 3.0], n_all, percent) == pytest.approx(expected)


def test_where_nothing_came_all_is_late() -> None:
    assert math.inf == percentile_of_all([], 1, 95)


def test_the_rows_of_a_paced_run() -> None:
    assert report_rows(RUN, SCRIPT, "tiny.en", "CPU", is_paced=True) == [
        ("word error rate", "0.0%", "7 of 7 words right"),
        ("word first shown", "0.50 s", "after it was spoken (median; 95 % within 1.25 s)"),
        ("word settled", "1.25 s", "after it was spoken (median; 95 % within 1.75 s)"),
        ("real-time factor", "0.38", "seconds of compute a second of audio, over the whole run"),
        ("ran on", "CPU", "Whisper tiny.en on MAX"),
    ]


def test_delays_mean_nothing_without_pacing() -> None:
    names = [name for name, _, _ in report_rows(RUN, SCRIPT, "tiny.en", "CPU", is_paced=False)]
    assert names == ["word error rate", "real-time factor", "ran on"]


def test_a_run_that_heard_nothing() -> None:
    silence = timed((1.0, Status(1.0, -60.0, False, 0.0, 0.0)))
    assert report_rows(silence, SCRIPT, "tiny.en", "CPU", is_paced=True)[:2] == [
        ("word error rate", "100.0%", "0 of 7 words right"),
        ("word first shown", "–", "too few words were recognised"),
    ]


def console(width: int, *, is_terminal: bool) -> Console:
    return Console(
        file=io.StringIO(), width=width, force_terminal=is_terminal, legacy_windows=False, color_system=None,
        _environ={},
    )  # fmt: skip


ROWS = [("word error rate", "0.0%", "7 of 7 words right"), ("ran on", "[CPU]", "Whisper tiny.en on MAX")]


def test_a_terminal_gets_a_table() -> None:
    terminal = console(60, is_terminal=True)
    print_rows(terminal, ROWS)
    assert isinstance(terminal.file, io.StringIO)
    assert [line.rstrip() for line in terminal.file.getvalue().splitlines()] == [
        "",
        "Measured in this run",
        " word error rate   0.0%  7 of 7 words right",
        " ran on           [CPU]  Whisper tiny.en on MAX",
    ]


def test_a_pipe_gets_plain_lines() -> None:
    pipe = console(20, is_terminal=False)
    print_rows(pipe, ROWS)
    assert isinstance(pipe.file, io.StringIO)
    assert pipe.file.getvalue() == (
        "word error rate: 0.0% (7 of 7 words right)\nran on: [CPU] (Whisper tiny.en on MAX)\n"
    )


def test_a_script_is_read(tmp_path: Path) -> None:
    (tmp_path / "sample.txt").write_text("Good\nmorning.\n", encoding="utf-8")
    (tmp_path / "sample.words.tsv").write_text("0.580\t0.750\tGood\n0.805\t1.160\tmorning.\n", encoding="utf-8")
    words = (ScriptWord("Good", 0.58, 0.75), ScriptWord("morning.", 0.805, 1.16))
    assert read_script(tmp_path) == Script("Good morning.", words, 1.16)
