"""Word errors and time against the audio context: the curve by which partials' context was chosen.

    python bench/context_curve.py FOLDER_OF_REAL_SPEECH [PICTURE.svg]

Every short English clip of the set, greedy, with each context; prints a row each, and draws the curves.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.guards import is_loop
from engine.model import WhisperModel
from stream.audio import SAMPLE_RATE, seconds
from ui.bench.charts import Panel, Point, Series, picture
from ui.bench.streaming.sounds import read_samples
from ui.scoring.words import word_errors

_SHORTEST_S = (0.0, 5.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0)
_MARGINS_S = (0.0, 0.5, 1.0, 2.0)
_POSITIONS_PER_S = 50
_WORST_PERCENT = 30.0
"""Loops make more errors than there are words: the curve ends there."""

Clip = tuple[NDArray[np.int16], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of all clips with one context: errors per word, texts that loop, median seconds to encode."""

    wer: float
    n_loops: int
    encode_s: float


def clips(folder: Path) -> Iterator[Clip]:
    """Yield the sound and the transcript of each short English clip."""
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["set"] == "wer" and row["language"] == "en" and "/short/" in row["file"]:
                transcript = (folder.parent / row["transcript"]).read_text(encoding="utf-8")
                yield read_samples(folder.parent / row["file"]), transcript


def outcome(model: WhisperModel, heard: Sequence[Clip], margin_s: float, shortest_s: float) -> Outcome:
    """Decode every clip in its length and ``margin_s`` more, at least ``shortest_s``."""
    n_errors = n_words = n_loops = 0
    encode_s = []
    for samples, transcript in heard:
        context_s = min(30.0, max(seconds(len(samples)) + margin_s, shortest_s))
        n_positions = ceil(context_s * _POSITIONS_PER_S)
        began = time.perf_counter()
        model.encode([samples], [n_positions])
        encode_s.append(time.perf_counter() - began)
        ids = model.decode_window(samples, n_positions).decoded.ids
        errors = word_errors(transcript, model.tokenizer.decode(ids))
        n_errors += errors.substitutions + errors.deletions + errors.insertions
        n_words += len(errors.references[0])
        n_loops += is_loop(ids)
    return Outcome(n_errors / n_words, n_loops, statistics.median(encode_s))


def measured(name: str, heard: Sequence[Clip]) -> dict[tuple[float, float], Outcome]:
    """Return what comes of every margin and shortest context with model ``name``, and print it."""
    model = WhisperModel.load(name, device="cpu")
    model.decode_window(np.zeros(SAMPLE_RATE, np.int16))
    found = {}
    for margin_s, shortest_s in [*((1.0, s) for s in _SHORTEST_S), *((m, 0.0) for m in _MARGINS_S)]:
        found[margin_s, shortest_s] = one = outcome(model, heard, margin_s, shortest_s)
        context = f"speech + {margin_s:g} s, at least {shortest_s:g} s"
        print(f"{name:8} {context:32} WER {one.wer:6.2%}  loops {one.n_loops:2}  encoder {1000 * one.encode_s:4.0f} ms")
    return found


def drawn(found: dict[str, dict[tuple[float, float], Outcome]]) -> str:
    """Return the curves as SVG."""
    errors = [
        Series(
            name=name, points=[Point(s, min(100 * of[1.0, s].wer, _WORST_PERCENT)) for s in _SHORTEST_S], is_line=True
        )
        for name, of in found.items()
    ]
    times = [
        Series(name=name, points=[Point(s, 1000 * of[1.0, s].encode_s) for s in _SHORTEST_S], is_line=True)
        for name, of in found.items()
    ]
    x_title = "shortest context, s"
    return picture(
        [
            Panel(title="word errors", x_title=x_title, y_title="WER, % (30: or more)", series=errors),
            Panel(title="time to encode", x_title=x_title, y_title="ms, median of the clips", series=times),
        ],
        "Context: the speech and one second more, at least so long.",
    )


def main() -> None:
    """Measure tiny.en and base, and draw."""
    heard = list(clips(Path(sys.argv[1])))
    found = {name: measured(name, heard) for name in ("tiny.en", "base")}
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(drawn(found), encoding="utf-8")


if __name__ == "__main__":
    main()
