"""Timings: each second counted once, and nothing asked of the clock where nobody looks."""

from __future__ import annotations

import argparse
import io

import pytest
from rich.console import Console

from engine.timings import NO_TIMINGS, Timings
from ui.timings import timings_table, told_timings


class Clock:
    """Stands still unless told to go on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def figures(timings: Timings) -> dict[str, tuple[int, float]]:
    return {name: (stage.n_calls, stage.total_s) for name, stage in timings.stages.items()}


def test_stages_add_up(clock: Clock) -> None:
    timings = Timings(clock)
    for took_s in (1.0, 2.0):
        with timings.stage("encoder"):
            clock.now_s += took_s

    assert {"encoder": (2, 3.0)} == figures(timings)


def test_a_stage_within_another_counts_for_itself_alone(clock: Clock) -> None:
    timings = Timings(clock)
    with timings.stage("search"):
        clock.now_s += 1.0
        for _ in range(2):
            with timings.stage("language"), timings.stage("decoder"):
                clock.now_s += 4.0

    assert {"decoder": (2, 8.0), "language": (2, 0.0), "search": (1, 1.0)} == figures(timings)


def test_a_stage_that_fails_is_counted(clock: Clock) -> None:
    timings = Timings(clock)
    stage = timings.stage("encoder")
    stage.__enter__()
    clock.now_s += 1.0
    error = ValueError("broken")

    assert not stage.__exit__(ValueError, error, None)

    assert {"encoder": (1, 1.0)} == figures(timings)


def test_nobody_looks() -> None:
    assert not NO_TIMINGS.is_on
    assert NO_TIMINGS.stage("encoder") is NO_TIMINGS.stage("decoder")


def test_the_longest_stage_comes_first(clock: Clock) -> None:
    timings = Timings(clock)
    for name, took_s in (("log-mel", 1.0), ("encoder", 2.0)):
        with timings.stage(name):
            clock.now_s += took_s
    clock.now_s += 1.0
    console = Console(width=80, file=io.StringIO())

    console.print(timings_table(timings))

    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    assert [
        "Where 4.00 s went",
        "stage calls total s mean ms share",
        "encoder 1 2.000 2000.00 50.0%",
        "log-mel 1 1.000 1000.00 25.0%",
        "reading, cutting, waiting, showing 1.000 25.0%",
    ] == lines


@pytest.mark.parametrize("flags", [{}, {"timings": False}])
def test_without_the_flag_nothing_is_told(flags: dict[str, bool], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = argparse.Namespace(**flags)
    with told_timings(arguments):
        assert arguments.timings is NO_TIMINGS

    assert "" == capsys.readouterr().err


def test_with_the_flag_a_table_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = argparse.Namespace(timings=True)
    with told_timings(arguments), arguments.timings.stage("encoder"):
        pass

    assert "encoder" in capsys.readouterr().err
