"""``max-whisper bench streaming`` by itself: workers, tables, the picture and the command."""

from __future__ import annotations

import io
import json
import os
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from speech_set import write_speech

from ui.bench.charts import Panel, Point, Series, picture
from ui.bench.machine import busy_s
from ui.bench.peers.environment import PeerError
from ui.bench.streaming import measure as measuring
from ui.bench.streaming.measure import StreamRun, Trial, measure
from ui.bench.streaming.plots import plot_of
from ui.bench.streaming.streams import Stream
from ui.bench.streaming.tables import tables_of
from ui.cli import main
from ui.scoring.scores import score_of
from ui.scoring.scripts import Script, ScriptWord
from ui.scoring.traces import View

REPOSITORY = Path(__file__).resolve().parent.parent
TONE = np.full(16_000, 500, np.int16)
SCRIPT = Script("good morning", (ScriptWord("good", 0.0, 0.5), ScriptWord("morning", 0.5, 1.0)), 1.0)
STREAM = Stream(name="talk", path=Path("talk.wav"), script=SCRIPT, times="by hand")
WORKER = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from ui.bench.peers.answering import serve
def stream(path, *more):
    view = {{"t_s": 1.5, "piece": 0, "text": path + " good " + " ".join(more), "is_closed": True}}
    return {{"views": [view], "cpu_s": 0.25, "peak_mib": 100.0, "notes": ["a note"]}}
serve({{"stream": stream}})
"""


@pytest.fixture
def trial(tmp_path: Path) -> Callable[..., Trial]:
    """A program that shows the path it was given, "good", and what else it was told."""

    def made(*arguments: str, worker: str = WORKER) -> Trial:
        path = tmp_path / "worker.py"
        path.write_text(worker, encoding="utf-8")
        command = [sys.executable, "-I", str(path)]
        return Trial(program="peer", command=command, clock="wall", arguments=arguments)

    return made


def test_a_trace_of_a_worker_is_scored(trial: Callable[..., Trial]) -> None:
    (run,) = measure(trial("morning"), {"talks": [STREAM]})

    assert ("peer", "wall", "talks", "talk") == (run.program, run.clock, run.set_name, run.stream)
    assert [View(t_s=1.5, piece=0, text="talk.wav good morning", is_closed=True)] == run.trace
    assert (2, 2, (1.0, 0.5)) == (run.score.n_final_errors, run.score.n_words, run.score.shown_s)
    assert (None, 0.25, 100.0, ("a note",)) == (run.compute_s, run.cpu_s, run.peak_mib, run.notes)


def test_a_worker_that_fails_is_told(trial: Callable[..., Trial]) -> None:
    with pytest.raises(PeerError, match="IndexError"):
        list(measure(trial(worker=WORKER.replace("view = {", "view = [][0] = {")), {"talks": [STREAM]}))


def test_a_trace_that_cannot_be_is_the_programs_fault(trial: Callable[..., Trial]) -> None:
    twice = WORKER.replace("[view]", "[view, view]")

    with pytest.raises(PeerError, match=r"peer, talk: piece 0 was closed before 1\.5 s"):
        list(measure(trial(worker=twice), {"talks": [STREAM]}))


def test_words_are_heard_by_one_process(trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch) -> None:
    worker = WORKER.replace('{"stream": stream}', '{"words": lambda path: [[os.getpid(), 1.5, path]]}')
    command = trial(worker=worker.replace("import sys", "import os, sys")).command
    monkeypatch.setattr(measuring, "command_of", lambda *_: command)

    with closing(measuring.Listener()) as listener:
        ((process, end_s, word),) = listener.hear(Path("a.wav"))
        assert [(process, 1.5, "b.wav")] == listener.hear(Path("b.wav"))

    assert (1.5, "a.wav") == (end_s, word)
    with pytest.raises(ProcessLookupError):
        os.kill(int(process), 0)


def test_what_other_programs_did_is_measured(tmp_path: Path, trial: Callable[..., Trial]) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 30 9000 500 4 5 6 7 8\ncpu0 1 2 3\n", encoding="utf-8")
    busy = WORKER.replace('"cpu_s": 0.25', '"cpu_s": -1000.0')

    assert 165 / os.sysconf("SC_CLK_TCK") == busy_s(stat)
    assert busy_s(tmp_path / "none") is None
    (run,) = measure(trial(worker=busy), {"talks": [STREAM]})
    assert run.others_cpus is None or run.others_cpus > 1000


def test_what_a_program_did_late_is_its_own(trial: Callable[..., Trial]) -> None:
    late = WORKER.replace('"cpu_s": 0.25', '"cpu_s": -1000.0, "all_cpu_s": 1000.0')

    (run,) = measure(trial(worker=late), {"talks": [STREAM]})
    assert (-1000.0, True) == (run.cpu_s, run.others_cpus in {0.0, None})


# Tables and the picture


def run_of(setting: dict[str, str], script: Script = SCRIPT, *texts: str, clock: str = "virtual") -> StreamRun:
    trace = [View(t_s=1.0 + i / 4, piece=0, text=text, is_closed=text == texts[-1]) for i, text in enumerate(texts)]
    return StreamRun(
        program="ours", setting=setting, clock=clock, set_name="talks" if script.words else "silence", stream="talk",
        score=score_of(script, trace), trace=trace, compute_s=0.5, cpu_s=0.75, peak_mib=200.0,
        others_cpus=len(texts) / 4, hangover_s=0.25, counts={"finals": 2},
    )  # fmt: skip


def table_lines(runs: list[StreamRun]) -> dict[str, list[str]]:
    """The cells of the last row of each table, by the table's first word."""
    found = {}
    for table in tables_of(runs):
        console = Console(width=200, file=io.StringIO())
        console.print(table)
        lines = [line.split() for line in console.file.getvalue().splitlines() if line.strip()]  # type: ignore[attr-defined]
        found[lines[0][0].rstrip(":,")] = lines[-1]
    return found


def test_tables_hold_what_was_measured() -> None:
    runs = [run_of({}, SCRIPT, "good warning", "Good morning."), run_of({}, SCRIPT, "good", "good evening")]

    lines = table_lines(runs)

    assert ["ours", "virtual", "talks", "4", "25.00", "25.00", "50.00", "0.00", "0"] == lines["Words"]
    shown, settled = ["75.0", "0.50", "0.50", "0.50", "–"], ["0.75", "0.75", "0.75"]
    assert ["ours", "virtual", "talks", *shown, *settled, *["0.50"] * 3] == lines["Delays"]
    assert ["ours", "virtual", "talks", "2", "0.25", "–", "–", "+0.00"] == lines["Finals"]
    assert ["ours", "virtual", "talks", "25.00", "0.00", "0", "0"] == lines["Steadiness"]
    assert ["ours", "virtual", "talks", "0.500", "0.750", "0.50", "200", "4", "finals"] == lines["Cost"]


def test_words_that_were_never_shown_are_later_than_all() -> None:
    runs = [run_of({}, SCRIPT, "good morning")] * 19 + [run_of({}, SCRIPT, "good")]

    assert ["97.5", "0.50", "0.50", "0.50", "0.50"] == table_lines(runs)["Delays"][3:8]


@pytest.mark.parametrize(("n_finals", "n_told"), [(1, 0), (19, 1), (20, 2), (99, 2), (100, 3)])
def test_a_few_finals_have_no_late_ones(n_finals: int, n_told: int) -> None:
    cells = table_lines([run_of({}, SCRIPT, "good morning")] * n_finals)["Finals"][3:7]

    assert [str(n_finals), *["0.00"] * n_told, *["–"] * (3 - n_told)] == cells


def test_silence_has_a_table_of_its_own() -> None:
    quiet = Script("", (), 30.0)
    runs = [run_of({}, quiet, "thank you", ""), run_of({}, quiet, "you")]

    assert ["ours", "virtual", "silence", "2", "1.0", "1", "3", "2"] == table_lines(runs)["Made"]


def test_a_point_stands_where_its_figures_are() -> None:
    svg = picture(
        [Panel(title="A & B", x_title="x", y_title="y", series=[Series(name="<one>", points=[Point(2, 5, 4)])])]
    )

    tree = ET.fromstring(svg)
    circles = tree.findall(".//{*}g/{*}circle")
    # The axes go from 0 to 5 and to 6: 324 pixels from 58, and 208 from 242 upwards.
    assert [(f"{58 + 324 * 2 / 5:.1f}", f"{242 - 208 * 5 / 6:.1f}")] == [(c.get("cx"), c.get("cy")) for c in circles]
    assert {"A & B", "<one>"} <= {text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")}


def test_a_picture_has_a_panel_for_each_set_and_a_point_for_each_setting() -> None:
    runs = [
        run_of({"step_s": "0.2"}, SCRIPT, "good", "good morning"), run_of({"step_s": "0.5"}, SCRIPT, "good morning"),
        run_of({"step_s": "0.5"}, SCRIPT, "good morning", clock="wall"),
    ]  # fmt: skip

    tree = ET.fromstring(plot_of(runs))

    assert 1 == len(tree.findall("{*}g"))
    assert 3 == len(tree.findall("{*}g/{*}circle"))
    assert 1 == sum(circle.get("fill") != "white" for circle in tree.findall("{*}g/{*}circle"))


def test_a_picture_holds_a_program_to_what_it_shows_not_to_what_it_calls_stable() -> None:
    trace = [View(t_s=2.0, piece=0, text="good morning"), View(t_s=9.0, piece=0, text="Good morning.", is_closed=True)]
    run = replace(run_of({}), score=score_of(SCRIPT, trace), trace=trace)

    (circle,) = ET.fromstring(plot_of([run])).findall("{*}g/{*}circle")
    # Half of the words stay after 1.25 s, and the axis ends at 1.5 s; they settle after 8.25 s.
    assert f"{58 + 324 * 1.25 / 1.5:.1f}" == circle.get("cx")


def test_an_empty_picture_is_one_too() -> None:
    ET.fromstring(picture([Panel(title="", x_title="", y_title="")], "nothing was heard"))


# The command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sets", "long,wide"], "wide is none of long, stream, timit, short, nonspeech"),
        (["--clock", "sand"], "sand is none of virtual, wall"),
        (["--block-ms", "10"], "whole number from 20 to 100, got 10"),
        (["--vary", "step_s"], "OPTION=VALUE"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "streaming", *arguments])
    assert message in capsys.readouterr().err


def test_an_option_that_is_none_is_told_before_anything_begins(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(["bench", "streaming", "--vary", "speed=3"])
    assert "speed is none of partials" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_told_before_anything_begins(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert 1 == main(["bench", "streaming", "--json", str(tmp_path / "none" / "x.json"), "--audio", str(tmp_path)])
    assert "x.json cannot be written (No such file or directory)" in capfd.readouterr().err


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that shows what it was told stands for ours; what is made of recordings is kept in the test's folder."""
    (tmp_path / "worker.py").write_text(WORKER.replace('" ".join(more)', "str(more)"), encoding="utf-8")
    command = [sys.executable, "-I", str(tmp_path / "worker.py")]
    monkeypatch.setattr("ui.bench.streaming.command.command_of", lambda *_: command)
    monkeypatch.setattr("ui.bench.streaming.streams.bench_folder", lambda: tmp_path / "cache")


@pytest.mark.usefixtures("ours")
def test_the_whole_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, plot = tmp_path / "figures.json", tmp_path / "plot.svg"

    code = main([
        "bench", "streaming", "--sets", "timit,nonspeech", "--audio", str(write_speech(tmp_path)),
        "--vary", "step_s=0.2,0.5",
        "--clock", "virtual", "--json", str(figures), "--plot", str(plot),
    ])  # fmt: skip

    assert 0 == code
    runs = json.loads(figures.read_text(encoding="utf-8"))["runs"]
    assert [("timit", "0.2"), ("quiet", "0.2"), ("timit", "0.5"), ("quiet", "0.5")] == [
        (run["stream"], run["setting"]["step_s"]) for run in runs
    ]
    assert "'0.5'" in runs[-1]["trace"][0]["text"]
    assert "words timed by hand" in capsys.readouterr().out
    ET.fromstring(plot.read_text(encoding="utf-8"))


@pytest.mark.usefixtures("ours")
def test_ours_hears_whole_recordings_too_where_it_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "figures.json"
    audio = ["--sets", "timit", "--audio", str(write_speech(tmp_path))]

    assert 0 == main(["bench", "streaming", *audio, "--clock", "virtual", "--offline-too", "--json", str(figures)])

    live, whole = json.loads(figures.read_text(encoding="utf-8"))["runs"]
    assert ("virtual", "offline") == (live["clock"], whole["clock"])
    assert "'offline'" in whole["trace"][0]["text"]
    assert (True, []) == (live["score"]["final_s"] != [], whole["score"]["final_s"])
    words, delays, *_ = capsys.readouterr().out.split("\n\n")
    assert (True, False) == ("offline" in words, "offline" in delays)


@pytest.mark.usefixtures("ours")
def test_without_real_speech_the_sample_is_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["bench", "streaming", "--audio", str(tmp_path), "--quick"])

    shown = capsys.readouterr().out
    assert "has no manifest.csv, so this is the sample" in shown
    assert "sample: words timed exactly; 0 of 108 have no time" in shown
