"""The flags of live streams: each reaches its option, and what cannot be is refused by name."""

from __future__ import annotations

import pytest

from engine.options import FOR_RECORDINGS, StreamingOptions
from ui.cli import _arguments
from ui.decoding_arguments import streaming_options


def options(*flags: str) -> StreamingOptions:
    return streaming_options(_arguments(["mic", *flags]), StreamingOptions())


@pytest.mark.parametrize(
    ("flags", "path", "value"),
    [
        (["--endpointing", "patient"], "gate.hangover_ms", 1200),
        (["--endpointing", "fast", "--hangover-ms", "500"], "gate.hangover_ms", 500),
        (["--pause-ms", "250"], "gate.pause_ms", 250),
        (["--pre-roll-ms", "400"], "gate.pre_roll_ms", 400),
        (["--tail-ms", "100"], "gate.tail_ms", 100),
        (["--longest", "20"], "gate.longest_s", 20.0),
        (["--longest", "5"], "gate.searched_s", 2.5),
        (["--hangover-ms", "150"], "gate.pause_ms", 150),
        (["--hangover-ms", "150"], "gate.tail_ms", 150),
        (["--threshold-dbfs=-50"], "gate.threshold_dbfs", -50.0),
        (["--noise-margin-db", "3"], "gate.noise_margin_db", 3.0),
        (["--step", "0.5"], "step_s", 0.5),
        (["--lead-in", "0"], "final_lead_in_s", 0.0),
        (["--lead-in", "0"], "partial_lead_in_s", 0.0),
        (["--lead-in", "12"], "partial_lead_in_s", 12.0),
        (["--lead-in", "12"], "busy_lead_in_s", 9.0),
        (["--keep-stable"], "keeps_stable", True),
        (["--stability", "agreement"], "stability.policy", "agreement"),
        (["--stability", "agreement", "--n-agreeing", "3"], "stability.n_agreeing", 3),
        (["--stable-after", "0.4"], "stability.stable_after_s", 0.4),
        (["--shown-after", "0.3"], "stability.shown_after_s", 0.3),
        (["--stable-probability", "0.5"], "stability.stable_probability", 0.5),
        (["--shown-probability", "0.8"], "stability.shown_probability", 0.8),
    ],
)
def test_a_flag_reaches_its_option(flags: list[str], path: str, value: object) -> None:
    found: object = options(*flags)
    for name in path.split("."):
        found = getattr(found, name)
    assert value == found


def test_without_flags_every_use_keeps_its_own() -> None:
    assert StreamingOptions() == options()
    assert FOR_RECORDINGS == streaming_options(_arguments(["file", "a.wav"]), FOR_RECORDINGS)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["mic", "--hangover-ms", "100", "--pause-ms", "200"],
            "--pause-ms must be between 1 and --hangover-ms, got 200",
        ),
        (["mic", "--lead-in", "40"], "argument --lead-in: must be a number between 0 and 28, got 40"),
        (["mic", "--step", "fast"], "argument --step: must be a number of seconds above 0, got fast"),
        (["mic", "--longest", "60"], "argument --longest: must be a number of seconds between 1 and 28, got 60"),
        (["mic", "--longest", "1"], "--longest must be between 1.02 and 28, got 1.0"),
        (["mic", "--shown-after", "7"], "argument --shown-after: must be a number of seconds between 0 and 5, got 7"),
        (["serve", "--stability", "agreement", "--n-agreeing", "1"], "--n-agreeing must be at least 2, got 1"),
        (["mic", "--n-agreeing", "3"], "--n-agreeing needs --stability agreement"),
        (["pipe", "--rate", "1"], "argument --rate: must be a whole number between 4000 and 384000, got 1"),
        (["pipe", "--channels", "9"], "argument --channels: must be a whole number between 1 and 8, got 9"),
        (["file", "a.wav", "--hangover-ms", "900"], "options of live streams need --paced"),
    ],
)
def test_what_cannot_be_is_refused_by_name(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _arguments(argv)
    assert message in capsys.readouterr().err
