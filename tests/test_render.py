"""The drawing of the terminal's state, compared as text."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from engine.events import AudioDropped, Final, Partial, Status
from ui.terminal.render import progress_line, render, status_line, transcript_line, wrap
from ui.terminal.state import TranscriptState

STATUS = Status(now_s=83.4, level_dbfs=-23.0, is_speech=True, lag_s=0.4, real_time_factor=0.123)
STATE = TranscriptState("CPU", "tiny.en", status=STATUS)


def styles(text: Text, part: str) -> set[str]:
    begin = text.plain.index(part)
    return {str(span.style) for span in text.spans if span.start <= begin and span.end >= begin + len(part)}


def test_the_status_line_of_a_usual_terminal_holds_everything() -> None:
    assert status_line(STATE, 80).plain == (
        "● speech   ▮▮▮▮▮▯▯▯  -23 dB  01:23  0.4 s behind  RTF 0.12  tiny.en on CPU"
    )


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (70, "● speech   ▮▮▮▮▮▯▯▯  01:23  0.4 s behind  RTF 0.12  tiny.en on CPU"),
        (60, "● speech   ▮▮▮▮▮▯▯▯  01:23  0.4 s behind  RTF 0.12"),
        (40, "● speech   ▮▮▮▮▮▯▯▯  01:23  0.4 s behind"),
        (30, "● speech   01:23  0.4 s behind"),
        (20, "● speech   01:23"),
        (5, "● spe"),
    ],
)
def test_a_narrow_status_line_drops_what_matters_least(width: int, expected: str) -> None:
    assert status_line(STATE, width).plain == expected


def test_names_in_the_status_line_move_no_cursor() -> None:
    assert (
        "my [2J model on GPU [0m"
        in status_line(TranscriptState("GPU\x1b[0m", "my\x1b[2J model", status=STATUS), 99).plain
    )


def test_a_recording_shows_its_progress() -> None:
    line = status_line(replace(STATE, duration_s=199.0), 100)
    assert "01:23 of 03:19 (42%)" in line.plain


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, "talk.mp3  01:23 of 1:00:10 (2%)  42× real time  01:24 left"),
        (50, "talk.mp3  01:23 of 1:00:10 (2%)  01:24 left"),
        (35, "01:23 of 1:00:10 (2%)  01:24 left"),
        (25, "01:23 of 1:00:10 (2%)"),
    ],
)
def test_what_has_its_text_is_done(width: int, expected: str) -> None:
    recording = TranscriptState("CPU", "tiny.en", 3610.0, status=STATUS, name="talk.mp3")
    assert progress_line(recording, 2.0, width).plain == expected


def test_before_anything_is_heard_nobody_knows_how_long_it_takes() -> None:
    assert progress_line(TranscriptState("CPU", "tiny.en", 10.0), 0.0, 80).plain == "00:00 of 00:10 (0%)"


def test_slow_is_said_exactly() -> None:
    assert (
        "0.5× real time  3:08:10 left"
        in progress_line(TranscriptState("CPU", "large-v3", 5728.0, status=STATUS), 166.0, 80).plain
    )


def test_digital_silence_has_an_empty_meter() -> None:
    silence = Status(now_s=4000.0, level_dbfs=float("-inf"), is_speech=False, lag_s=0.0, real_time_factor=0.0)
    line = status_line(TranscriptState("CPU", "tiny.en", status=silence), 80)
    assert line.plain == "○ silence  ▯▯▯▯▯▯▯▯   –∞ dB  1:06:40  0.0 s behind  RTF 0.00  tiny.en on CPU"


def test_a_clipping_microphone_fills_the_meter() -> None:
    assert "▮▮▮▮▮▮▮▮    3 dB" in status_line(replace(STATE, status=replace(STATUS, level_dbfs=3.0)), 80).plain


def test_a_long_delay_warns() -> None:
    late = replace(STATE, status=replace(STATUS, lag_s=2.1))
    assert styles(status_line(late, 80), "2.1 s behind") == {"yellow"}
    assert styles(status_line(STATE, 80), "0.4 s behind") == {"dim"}


def test_before_the_first_sound() -> None:
    assert render(TranscriptState("CPU", "tiny.en"), 80, 4).plain == "Waiting for sound …  Ctrl-C ends"


def test_stable_words_are_bright_and_unstable_ones_dim() -> None:
    state = replace(STATE, partial=Partial(1, "so the stable words", " and the rest", 12.3, 15.0))
    drawn = render(state, 80, 24)
    assert drawn.plain.split("\n") == ["00:12  so the stable words and the rest", "", status_line(STATE, 80).plain]
    assert styles(drawn, "so the stable words") == {"bold"}
    assert styles(drawn, "and the rest") == {"dim"}


def test_a_final_takes_the_place_of_its_partial() -> None:
    text = "words that go on for long enough to need a second line"
    partial = render(replace(STATE, partial=Partial(1, text, "", 5.0, 9.0)), 40, 24).plain.split("\n")
    final = transcript_line(Final(1, text, 5.0, 9.0), 40).plain.split("\n")
    assert partial[:-2] == final
    assert final == ["00:05  words that go on for long enough", "       to need a second line"]


def test_of_a_long_utterance_the_end_is_shown() -> None:
    partial = Partial(1, " ".join(f"word{i}" for i in range(40)), "", 0.0, 9.0)
    lines = render(replace(STATE, partial=partial), 40, 6).plain.split("\n")
    assert lines[:-1] == [
        "       word26 word27 word28 word29",
        "       word30 word31 word32 word33",
        "       word34 word35 word36 word37",
        "       word38 word39",
    ]


def test_lost_audio_is_a_yellow_line() -> None:
    line = transcript_line(AudioDropped(61.0, 62.24), 80)
    assert line.plain == "01:01  [1.2 s of audio lost]"
    assert styles(line, "[1.2 s of audio lost]") == {"yellow"}


def test_a_narrow_final_runs_below_its_time() -> None:
    assert transcript_line(Final(1, "some words here", 61.0, 62.0), 12).plain == "01:01  some\nwords here"


def test_no_text_moves_the_cursor() -> None:
    evil = "\x1b[2Jred\x07 alert\r\n\u202efin"
    assert transcript_line(Final(1, evil, 0.0, 1.0), 80).plain == "00:00   [2Jred  alert  fin"
    assert "\x1b" not in render(replace(STATE, partial=Partial(1, evil, evil, 0.0, 1.0)), 80, 24).plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two three", ["one two", "three"]),
        ("  two spaces", ["  two", "spaces"]),
        ("abcdefghijklmnop", ["abcdefgh", "ijklmnop"]),
        ("a abcdefghijkl b", ["a", "abcdefgh", "ijkl b"]),
        ("日本語の字幕です", ["日本語の", "字幕です"]),
        ("字 日本語の字幕", ["字", "日本語の", "字幕"]),
        ("e\u0301te\u0301 e\u0301te\u0301 ou", ["e\u0301te\u0301 e\u0301te\u0301", "ou"]),
        ("", [""]),
    ],
)
def test_wrapping(text: str, expected: list[str]) -> None:
    assert [line.plain for line in wrap(Text(text), 8)] == expected


WORDS = st.text(st.characters(categories=["Lu", "Ll", "Lo", "So", "Mn", "Zs", "Po"]), max_size=200)


@given(WORDS, st.integers(2, 100))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    lines = [line.plain for line in wrap(Text(text), width)]
    assert max(map(cell_len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(WORDS, WORDS, st.integers(2, 120), st.integers(1, 40))
def test_the_live_region_always_fits(stable: str, unstable: str, width: int, height: int) -> None:
    state = replace(STATE, partial=Partial(1, stable, unstable, 3.0, 4.0))
    lines = render(state, width, height).plain.split("\n")
    assert len(lines) <= max(1, height - 1)
    assert max(map(cell_len, lines)) <= width


def test_who_pauses_sees_it_and_how_to_go_on() -> None:
    state = TranscriptState("CPU", "tiny.en", status=STATUS, can_pause=True)
    assert status_line(state, 120).plain.endswith("tiny.en on CPU  p pauses")
    assert "p pauses" not in status_line(state, 60).plain
    assert status_line(replace(state, is_paused=True), 120).plain.startswith("‖ paused, p goes on  ")
    assert "p pauses, Ctrl-C ends" in status_line(replace(state, status=None), 120).plain
