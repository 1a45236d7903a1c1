"""The streams that programs are measured with, in sets."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE, seconds
from ui.bench.streaming.sounds import joined, read_samples, write_wav
from ui.bench.streaming.word_times import Hear, heard_words, joined_script, read_words, timed_script
from ui.demo import sample_folder
from ui.paths import bench_folder
from ui.scoring.scripts import Script, read_script

_PAUSE_S = 1.2
"""Silence between joined recordings: longer than any hangover that is fit for talk."""

Rows = Sequence[Mapping[str, str]]
"""Of the manifest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """Sound, what is said in it, and where its word times come from.

    Attributes:
        path: a WAV file, 16 kHz mono 16-bit.
        times: how they were found: "exactly", "by hand", or "by base, 0.07 s early", our own program; "" where nothing
            is said.
    """

    name: str
    path: Path
    script: Script
    times: str


class StreamMaker:
    """Makes streams of the recordings in a folder.

    Args:
        folder: has manifest.csv, as the folder of real speech does.
        hear: tells when words are said where nobody did by hand.
        is_quick: whether a part of each set will do.
    """

    def __init__(self, folder: Path, hear: Hear, *, is_quick: bool) -> None:
        self._folder = folder
        self._hear = hear
        self._is_quick = is_quick
        with (folder / "manifest.csv").open(encoding="utf-8", newline="") as rows:
            self._rows = [row for row in csv.DictReader(rows) if self._path(row).is_file()]

    def long(self) -> list[Stream]:
        """Return the long English recordings, the shortest first; quick: that one alone."""
        rows = self._wer(lambda row: "/long/" in row["file"])
        rows.sort(key=lambda row: float(row["seconds"]))
        return [self._single(row) for row in rows[: 1 if self._is_quick else None]]

    def stream(self) -> list[Stream]:
        """Return speech between silence, noise and music."""
        return [self._single(row) for row in self._rows if row["set"] == "stream" and row["language"] == "en"]

    def timit(self) -> list[Stream]:
        """Return the clips whose words were timed by hand, as one stream; quick: half of them."""
        return self._joined("timit", self._wer(lambda row: self._by_hand(row).is_file())[:: 2 if self._is_quick else 1])

    def short(self) -> list[Stream]:
        """Return the other short English clips, as one stream; quick: a third of them."""
        rows = self._wer(lambda row: "/short/" in row["file"] and not self._by_hand(row).is_file())
        return self._joined("short", rows[:: 3 if self._is_quick else 1])

    def talkers(self, n_talkers: int, least_s: float) -> list[Stream]:
        """Return so many streams of joined clips, each of at least ``least_s``; each begins with another clip."""
        rows = self._wer(lambda row: "/short/" in row["file"])
        starts = [index * len(rows) // n_talkers for index in range(n_talkers)] if rows else []
        turned = [[*rows[start:], *rows[:start]] for start in starts]
        return [
            stream
            for index, own in enumerate(turned)
            for stream in self._joined(f"talker{index + 1}of{n_talkers}", _as_many(own, least_s))
        ]

    def nonspeech(self) -> list[Stream]:
        """Return silence, noise and music, each by itself."""
        streams = []
        for path in (self._path(row) for row in self._rows if row["set"] == "nonspeech"):
            audio = read_samples(path)
            script = Script("", (), seconds(len(audio)))
            streams.append(Stream(name=path.stem, path=_written(path.stem, audio), script=script, times=""))
        return streams

    def _path(self, row: Mapping[str, str]) -> Path:
        return self._folder.parent / row["file"]

    def _by_hand(self, row: Mapping[str, str]) -> Path:
        return self._folder / "timings" / f"{self._path(row).stem}.words.tsv"

    def _wer(self, is_wanted: Callable[[Mapping[str, str]], bool]) -> list[Mapping[str, str]]:
        return [row for row in self._rows if row["set"] == "wer" and row["language"] == "en" and is_wanted(row)]

    def _script(self, row: Mapping[str, str], duration_s: float) -> tuple[Script, str]:
        """What is said in a recording, and how its times were found."""
        transcript = (self._folder.parent / row["transcript"]).read_text(encoding="utf-8")
        if self._by_hand(row).is_file():
            return timed_script(transcript, read_words(self._by_hand(row)), duration_s), "by hand"
        return timed_script(transcript, heard_words(self._path(row), self._hear), duration_s), "by base, 0.07 s early"

    def _single(self, row: Mapping[str, str]) -> Stream:
        audio = read_samples(self._path(row))
        script, times = self._script(row, seconds(len(audio)))
        name = self._path(row).stem
        return Stream(name=name, path=_written(name, audio), script=script, times=times)

    def _joined(self, name: str, rows: Rows) -> list[Stream]:
        if not rows:
            return []
        clips = [read_samples(self._path(row)) for row in rows]
        audio, starts = joined(clips, _PAUSE_S)
        scripts = [self._script(row, seconds(len(clip))) for row, clip in zip(rows, clips, strict=True)]
        script = joined_script([s for s, _ in scripts], [n / SAMPLE_RATE for n in starts], seconds(len(audio)))
        times = ", ".join(dict.fromkeys(how for _, how in scripts))
        return [Stream(name=name, path=_written(name, audio), script=script, times=times)]


def _as_many(rows: Rows, least_s: float) -> Rows:
    """As many of ``rows``, from the first on, as last ``least_s`` with the pauses between them."""
    total_s = 0.0
    for n_rows, row in enumerate(rows, start=1):
        total_s += float(row["seconds"]) + _PAUSE_S
        if total_s >= least_s:
            return rows[:n_rows]
    return rows


def sample_stream() -> Stream:
    """Return the sample that comes with the program: synthetic speech, whose words have exact times."""
    script = read_script(sample_folder())
    audio = read_samples(sample_folder() / "sample.flac")
    script = replace(script, duration_s=seconds(len(audio)))
    return Stream(name="sample", path=_written("sample", audio), script=script, times="exactly")


SETS: dict[str, Callable[[StreamMaker], list[Stream]]] = {
    "long": StreamMaker.long,
    "stream": StreamMaker.stream,
    "timit": StreamMaker.timit,
    "short": StreamMaker.short,
    "nonspeech": StreamMaker.nonspeech,
}
"""By the name that --sets takes."""


def told_times(sets: Mapping[str, Sequence[Stream]]) -> Iterator[str]:
    """Say of each set, by its name, how the times of its words were found."""
    for name, streams in sets.items():
        words = [word for stream in streams for word in stream.script.words]
        if words:
            how = ", ".join(dict.fromkeys(stream.times for stream in streams))
            n_guessed = sum(word.is_guessed for word in words)
            yield f"{name}: words timed {how}; {n_guessed} of {len(words)} have no time and no delay"


def _written(name: str, audio: NDArray[np.int16]) -> Path:
    """Return a WAV file of ``audio`` that no other sound of this name overwrites."""
    digest = hashlib.sha256(audio.tobytes()).hexdigest()[:12]
    path = bench_folder() / "streams" / f"{name}-{digest}.wav"
    if not path.is_file():
        write_wav(path, audio)
    return path
