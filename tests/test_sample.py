"""The demo's sample: the recording, its text and its word times belong together, and are fit to measure with."""

from __future__ import annotations

import asyncio
import itertools
import json

import numpy as np
import pytest
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE
from stream.file import FileSource
from ui.demo import sample_folder
from ui.scoring.scripts import read_script

SCRIPT = read_script(sample_folder())
LINES = json.loads((sample_folder() / "script.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def audio() -> NDArray[np.int16]:
    """int16 (n_samples,), 16 kHz mono."""

    async def read() -> list[NDArray[np.int16]]:
        return [chunk.samples async for chunk in FileSource(sample_folder() / "sample.flac").chunks()]

    return np.concatenate(asyncio.run(read()))


def level_dbfs(samples: NDArray[np.int16]) -> float:
    return float(10 * np.log10(np.mean(np.square(samples / 32768))))


def samples_between(audio: NDArray[np.int16], start_s: float, end_s: float) -> NDArray[np.int16]:
    return audio[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]


def line_spans() -> list[tuple[float, float]]:
    """Start and end of each line of the script, from its first word to its last."""
    words = iter(SCRIPT.words)
    spans = [list(itertools.islice(words, len(line["text"].split()))) for line in LINES]
    return [(span[0].start_s, span[-1].end_s) for span in spans]


def test_the_recording_is_short_and_small(audio: NDArray[np.int16]) -> None:
    assert 30 <= len(audio) / SAMPLE_RATE <= 60
    assert (sample_folder() / "sample.flac").stat().st_size < 1_000_000


def test_nothing_is_clipped(audio: NDArray[np.int16]) -> None:
    assert np.abs(audio.astype(np.int32)).max() < 0.95 * 32768


def test_text_and_word_times_say_the_same() -> None:
    assert SCRIPT.text.split() == [word.text for word in SCRIPT.words]
    assert SCRIPT.text == " ".join(line["text"] for line in LINES)


def test_words_follow_each_other(audio: NDArray[np.int16]) -> None:
    edges_s = [time_s for word in SCRIPT.words for time_s in (word.start_s, word.end_s)]

    assert sorted(edges_s) == edges_s
    assert edges_s[-1] < len(audio) / SAMPLE_RATE


def test_every_word_is_heard_where_it_is_said_to_be(audio: NDArray[np.int16]) -> None:
    levels = {word: level_dbfs(samples_between(audio, word.start_s, word.end_s)) for word in SCRIPT.words}

    assert {} == {word: level for word, level in levels.items() if level < -35}


def test_what_lies_outside_the_lines_is_silence(audio: NDArray[np.int16]) -> None:
    outside = audio.copy()
    for start_s, end_s in line_spans():
        samples_between(outside, start_s - 0.1, end_s + 0.1)[:] = 0

    assert not outside.any()


def test_the_long_pause_is_digital_silence(audio: NDArray[np.int16]) -> None:
    pauses_s = [after[0] - before[1] for before, after in itertools.pairwise(line_spans())]

    assert 1 == sum(pause_s > 1.9 for pause_s in pauses_s)


def test_both_speakers_are_equally_loud(audio: NDArray[np.int16]) -> None:
    levels = [level_dbfs(samples_between(audio, *span)) for span in line_spans()]

    assert {"A", "B"} == {line["speaker"] for line in LINES}
    assert max(levels) - min(levels) < 3
    assert levels == [pytest.approx(-21, abs=2)] * len(levels)
