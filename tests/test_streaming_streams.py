"""The streams that programs are measured with: their sound, their words and when those are said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from speech_set import TONE, write_speech

from ui.bench.streaming import word_times
from ui.bench.streaming.sounds import joined, read_samples, write_wav
from ui.bench.streaming.streams import SETS, StreamMaker
from ui.bench.streaming.word_times import HeardWord, heard_words, joined_script, timed_script
from ui.scoring.scripts import Script, ScriptWord

SCRIPT = Script("good morning", (ScriptWord("good", 0.0, 0.5), ScriptWord("morning", 0.5, 1.0)), 1.0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """See ``write_speech``; what is made of it is kept there too."""
    monkeypatch.setattr("ui.bench.streaming.streams.bench_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(word_times, "bench_folder", lambda: tmp_path / "cache")
    return write_speech(tmp_path)


def test_clips_are_joined_with_silence_behind_each() -> None:
    audio, starts = joined([TONE, TONE[:8000]], 0.5)

    assert [0, 24_000] == starts
    assert (40_000, 24_000) == (len(audio), np.count_nonzero(audio))


def test_a_wav_file_holds_the_samples(tmp_path: Path) -> None:
    write_wav(tmp_path / "deep" / "tone.wav", TONE)

    assert np.array_equal(TONE, read_samples(tmp_path / "deep" / "tone.wav"))


def test_words_have_the_times_of_what_was_heard_in_their_place() -> None:
    heard = [(1.0, 1.4, "the"), (1.4, 2.0, "quack"), (4.0, 5.0, "jumps")]

    script = timed_script("The quick brown – fox jumps again", heard, 9.0)

    assert [ScriptWord("The", 1.0, 1.4), ScriptWord("quick", 1.4, 2.0)] == list(script.words[:2])
    assert [ScriptWord("brown", 2.0, pytest.approx(2.0 + 2 / 3), True)] == list(script.words[2:3])
    assert ScriptWord("fox", pytest.approx(2.0 + 4 / 3), pytest.approx(4.0), True) == script.words[4]
    assert ScriptWord("again", 5.0, pytest.approx(7.0), True) == script.words[6]


def test_what_nobody_heard_is_guessed_throughout() -> None:
    assert all(word.is_guessed for word in timed_script("one two", [], 3.0).words)


def test_word_times_are_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_times, "bench_folder", lambda: tmp_path / "cache")
    path, asked = tmp_path / "talk.flac", []
    path.write_bytes(b"sound")

    def hear(path: Path) -> list[HeardWord]:
        asked.append(path)
        return [(0.5, 0.75, '"well,')]

    assert [(0.5, 0.75, '"well,')] == heard_words(path, hear) == heard_words(path, hear)
    assert 1 == len(asked)
    path.write_bytes(b"other sound")
    heard_words(path, hear)
    assert 2 == len(asked)


def test_scripts_are_joined_where_their_sound_is() -> None:
    both = joined_script([SCRIPT, SCRIPT], [0.0, 2.2], 4.4)

    assert ("good morning good morning", 4.4, 2.7) == (both.text, both.duration_s, both.words[2].end_s)


def hear(_: Path) -> list[HeardWord]:
    return [(0.1, 0.2, "word")]


def test_every_set_is_made_of_its_recordings(folder: Path) -> None:
    maker = StreamMaker(folder, hear, is_quick=False)
    made = {name: make(maker) for name, make in SETS.items()}

    assert {
        "long": ["brief", "long"], "stream": ["mixed"], "timit": ["timit"], "short": ["short"],
        "nonspeech": ["quiet"],
    } == {name: [stream.name for stream in streams] for name, streams in made.items()}  # fmt: skip
    timit, short, quiet = made["timit"][0], made["short"][0], made["nonspeech"][0]
    assert ("word a word b", "by hand", 4.4) == (timit.script.text, timit.times, timit.script.duration_s)
    assert [0.5, 0.75, 2.7, 2.95] == [word.end_s for word in timit.script.words]
    assert ("word c", "by base, 0.07 s early", [False, True]) == (
        short.script.text, short.times, [word.is_guessed for word in short.script.words],
    )  # fmt: skip
    assert (0, "", 1.0) == (len(quiet.script.words), quiet.times, quiet.script.duration_s)
    assert int(4.4 * 16_000) == len(read_samples(timit.path))


def test_quick_sets_are_parts(folder: Path) -> None:
    maker = StreamMaker(folder, hear, is_quick=True)

    assert ["brief"] == [stream.name for stream in SETS["long"](maker)]
    assert "word a" == SETS["timit"](maker)[0].script.text


def test_sets_of_one_name_and_other_sound_have_files_of_their_own(folder: Path) -> None:
    whole, part = (SETS["timit"](StreamMaker(folder, hear, is_quick=is_quick))[0] for is_quick in (False, True))

    assert (len(read_samples(whole.path)), len(read_samples(part.path))) == (70_400, 35_200)
