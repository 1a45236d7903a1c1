"""--vary: settings of a stream, read and refused."""

from __future__ import annotations

import argparse
from dataclasses import replace

import pytest

from engine.options import FOR_LIVE, StreamingOptions
from stream.gate import GateOptions
from ui.bench.streaming.settings import option_names, parse_vary, settings_of, varied


def test_options_are_named_through_and_through() -> None:
    changed = varied({"step_s": "0.5", "gate.hangover_ms": "900", "gate.pause_ms": "300", "partials": "false"})

    assert changed == replace(FOR_LIVE, step_s=0.5, partials=False, gate=GateOptions(hangover_ms=900, pause_ms=300))


def test_values_may_be_lists_and_nothing() -> None:
    decoding = varied({"decoding.temperatures": "0+0.2", "decoding.logprob_limit": "none"}).decoding

    assert ((0.0, 0.2), None) == (decoding.temperatures, decoding.logprob_limit)


def written(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(map(written, value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


def value_of(options: object, name: str) -> object:
    for part in name.split("."):
        options = getattr(options, part)
    return options


@pytest.mark.parametrize("name", [name for name in option_names(FOR_LIVE) if value_of(FOR_LIVE, name) != ()])
def test_every_option_can_be_varied(name: str) -> None:
    assert varied({name: written(value_of(FOR_LIVE, name))}) == FOR_LIVE


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"gate.nothing": "1"}, "gate.nothing is none of partials, step_s"),
        ({"sequential": "true"}, "sequential is none of"),
        ({"gate": "1"}, "gate is none of"),
        ({"step_s": "fast"}, "step_s must be a number, got fast"),
        ({"batch_size": "1.5"}, "batch_size must be a whole number, got 1.5"),
        ({"partials": "1"}, "partials must be true or false, got 1"),
        ({"step_s": "-1"}, "step_s must be > 0"),
        ({"gate.hangover_ms": "100"}, "pause_ms must be between"),
    ],
)
def test_what_an_option_cannot_be_is_refused(setting: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        varied(setting)


def test_there_is_a_setting_for_each_combination() -> None:
    varies = [parse_vary("step_s=0.2,0.5"), parse_vary("gate.hangover_ms=400,600")]

    assert [{}] == settings_of([])
    assert 4 == len(settings_of(varies))
    assert {"step_s": "0.5", "gate.hangover_ms": "400"} in settings_of(varies)
    with pytest.raises(argparse.ArgumentTypeError, match="step_s must be OPTION=VALUE"):
        parse_vary("step_s")


def test_the_options_are_those_of_live_captions() -> None:
    assert StreamingOptions() == FOR_LIVE
