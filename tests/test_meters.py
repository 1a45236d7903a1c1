"""How much the model works, against how much audio there was: no clock but the one that is told."""

from __future__ import annotations

import pytest

from engine.meters import RateMeter


def test_a_rate_is_of_the_last_half_minute() -> None:
    meter = RateMeter()
    rates = []
    for second in range(1, 61):
        meter.add(0.5 if second <= 20 else 0.1)
        rates.append(meter.rate(float(second)))

    assert rates[:20] == pytest.approx([0.5] * 20)
    assert rates[39] == pytest.approx((10 * 0.5 + 20 * 0.1) / 30)
    assert rates[59] == pytest.approx(0.1)
    assert meter.total_s == pytest.approx(20 * 0.5 + 40 * 0.1)


def test_before_any_audio_there_is_no_rate() -> None:
    meter = RateMeter()
    meter.add(1.0)

    assert 0.0 == meter.rate(0.0)
