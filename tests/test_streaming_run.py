"""Our own program as ``bench streaming`` measures it, in its own process, on the sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.model import WhisperModel
from engine.options import StreamingOptions
from engine.transcriber import Transcriber
from stream.audio import n_samples
from stream.detector import WebRtcDetector
from ui.bench.streaming import streams
from ui.bench.streaming.measure import OFFLINE, Trial, measure
from ui.bench.streaming.programs import ours
from ui.bench.streaming.sounds import read_samples
from ui.bench.streaming.virtual_clock import VirtualRun
from ui.bench.worker import command_of
from ui.demo import sample_folder
from ui.scoring.event_traces import trace_of

pytestmark = [pytest.mark.max, pytest.mark.weights]


def test_the_sample_is_heard_without_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "bench_folder", lambda: tmp_path)
    trial = Trial(
        program="ours", command=command_of(ours("cpu"), "tiny.en", 2), clock="virtual", arguments=({}, "virtual", 100)
    )

    (run,) = measure(trial, {"sample": [streams.sample_stream()]})

    assert (0, 0, 0) == (run.score.n_final_errors, run.score.n_lost, run.score.n_taken_back)
    # "twenty-five" is shown as 25.
    assert run.score.n_timed - 1 == len(run.score.shown_s) == len(run.score.settled_s)
    assert run.counts["finals"] >= sum(view.is_closed for view in run.trace) > 1
    assert run.compute_s is not None
    assert run.compute_s > 0


def test_the_sample_is_heard_as_a_whole_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "bench_folder", lambda: tmp_path)
    command = command_of(ours("cpu"), "tiny.en", 2)
    trial = Trial(program="ours", command=command, clock=OFFLINE, arguments=({}, OFFLINE, 100))

    (run,) = measure(trial, {"sample": [streams.sample_stream()]})

    assert (0, ()) == (run.score.n_final_errors, run.score.shown_s)
    assert 0 == run.counts["partials"]


def test_the_virtual_clock_changes_no_final(model: WhisperModel) -> None:
    """What is heard of the first seconds is the same however long decoding takes by the clock."""
    audio = read_samples(sample_folder() / "sample.flac")[: n_samples(8.0)]

    def finals(seconds_a_look: float) -> list[str]:
        looks = iter(range(10_000))
        run = VirtualRun(
            Transcriber(WebRtcDetector()), model, StreamingOptions().batch_size, lambda: next(looks) * seconds_a_look
        )
        return [view.text for view in trace_of(run.play(audio, n_samples(0.1))) if view.is_closed]

    assert finals(0.0) == finals(0.5)
