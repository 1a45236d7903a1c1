"""What is said of a server's load: whether it holds, the table, the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from ui.bench.load.client import Heard
from ui.bench.load.measure import LoadRun
from ui.bench.load.tables import holds, plot_of, table_of
from ui.scoring.scores import Score


def run_of(
    n_streams: int, shown_s: float, final_s: float, refusal: str = "", n_never: int = 0, n_finals: int = 10
) -> LoadRun:
    n_shown = 50 - n_never
    score = Score(
        audio_s=60.0, n_words=100, n_final_errors=5, n_timed=50, shown_s=(shown_s,) * n_shown,
        settled_s=(shown_s,) * n_shown, stays_s=(2 * shown_s,) * n_shown, final_s=(final_s,) * n_finals,
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
        (run_of(2, 3.0, 2.5, n_never=2), True),
        (run_of(2, 1.0, 1.0, n_never=3), False),
        (run_of(2, 1.0, 1.0, n_never=45), False),
        (run_of(2, 1.0, 1.0, n_finals=0), False),
        (run_of(2, 1.0, 1.0, n_finals=1), True),
        (run_of(2, 1.0, 99.0, n_finals=1), False),
        (LoadRun(program="a", streams=(Heard(),), score=Score(audio_s=60.0), audio_s=60.0), False),
        (LoadRun(program="a", streams=(Heard(refusal="busy"),), score=None, audio_s=60.0), False),
    ],
)
def test_a_server_holds_what_it_hears_in_time(run: LoadRun, is_held: bool) -> None:
    assert is_held == holds(run, 0.5)


def test_the_table_and_the_picture() -> None:
    runs = [
        run_of(1, 0.5, 1.0, n_never=2),
        run_of(2, 4.0, 5.0, n_never=10, n_finals=20),
        LoadRun(program="b", streams=(Heard(refusal="x"),), score=None, audio_s=1.0),
    ]

    table = table_of(runs, 0.5)
    cells = list(zip(*(column.cells for column in table.columns), strict=True))
    heard = ("96.0", "0.50", "0.50", "0.50", "0.50", "1.00")
    assert ("a", "1", "0", "5.00", *heard, "10", "1.00", "–", "0.500", "100") == cells[0][:15]
    assert ("80.0", "4.00", "4.00", "–") == cells[1][4:8]
    assert ("20", "5.00", "5.00") == cells[1][10:13]
    assert ["yes", "no", "no"] == [row[-1] for row in cells]
    assert ET.fromstring(plot_of(runs, 0.5)).tag.endswith("svg")
