"""What is said of a server's load: whether it holds, the table, the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from ui.bench.load.client import Heard
from ui.bench.load.measure import LoadRun
from ui.bench.load.tables import holds, plot_of, table_of
from ui.scoring.scores import Score


def run_of(n_streams: int, shown_s: float, final_s: float, refusal: str = "") -> LoadRun:
    score = Score(
        audio_s=60.0, n_words=100, n_final_errors=5, n_timed=50, shown_s=(shown_s,) * 40, settled_s=(shown_s,) * 40,
        stays_s=(2 * shown_s,) * 40, final_s=(final_s,) * 10,
    )  # fmt: skip
    streams = (Heard(refusal=refusal),) + (Heard(late_s=0.25),) * (n_streams - 1)
    return LoadRun(program="a", streams=streams, score=score, audio_s=60.0, cpu_s=30.0, peak_mib=100.0)


@pytest.mark.parametrize(
    ("run", "is_held"),
    [
        (run_of(2, 3.0, 2.5), True),
        (run_of(2, 3.1, 2.5), False),
        (run_of(2, 3.0, 2.6), False),
        (run_of(2, 1.0, 1.0, refusal="busy"), False),
        (LoadRun(program="a", streams=(Heard(refusal="busy"),), score=None, audio_s=60.0), False),
    ],
)
def test_a_server_holds_what_it_hears_in_time(run: LoadRun, is_held: bool) -> None:
    assert is_held == holds(run, 0.5)


def test_the_table_and_the_picture() -> None:
    runs = [
        run_of(1, 0.5, 1.0),
        run_of(2, 4.0, 5.0),
        LoadRun(program="b", streams=(Heard(refusal="x"),), score=None, audio_s=1.0),
    ]

    table = table_of(runs, 0.5)
    cells = list(zip(*(column.cells for column in table.columns), strict=True))
    assert ("a", "1", "0", "5.00", "80.0", "0.50", "0.50", "0.50", "1.00", "1.00", "1.00", "0.500", "100") == cells[0][
        :13
    ]
    assert ["yes", "no", "no"] == [row[-1] for row in cells]
    assert ET.fromstring(plot_of(runs, 0.5)).tag.endswith("svg")
