"""``max-whisper bench streaming`` by itself: settings, streams, word times, workers, tables and the picture."""

from __future__ import annotations

import argparse
import io
import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from engine.options import StreamingOptions
from stream.gate import GateOptions
from ui.bench.charts import Panel, Point, Series, picture
from ui.bench.peers.environment import PeerError
from ui.bench.streaming import word_times
from ui.bench.streaming.measure import StreamRun, Trial, measure
from ui.bench.streaming.plots import plot_of
from ui.bench.streaming.settings import LIVE, option_names, parse_vary, settings_of, varied
from ui.bench.streaming.sounds import joined, read_samples, write_wav
from ui.bench.streaming.streams import SETS, Stream, StreamMaker
from ui.bench.streaming.tables import tables_of
from ui.bench.streaming.word_times import HeardWord, heard_words, joined_script, timed_script
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


# Settings


def test_options_are_named_through_and_through() -> None:
    changed = varied({"step_s": "0.5", "gate.hangover_ms": "900", "gate.pause_ms": "300", "partials": "false"})

    assert changed == replace(LIVE, step_s=0.5, partials=False, gate=GateOptions(hangover_ms=900, pause_ms=300))


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


@pytest.mark.parametrize("name", list(option_names(LIVE)))
def test_every_option_can_be_varied(name: str) -> None:
    value = value_of(LIVE, name)
    if value == ():
        pytest.skip("an empty list cannot be written")
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        assert varied({name: "0"}) == LIVE

    assert varied({name: written(value)}) == LIVE


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"gate.nothing": "1"}, "gate.nothing is none of partials, step_s"),
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


# Streams


def test_clips_are_joined_with_silence_behind_each() -> None:
    audio, starts = joined([TONE, TONE[:8000]], 0.5)

    assert [0, 24_000] == starts
    assert (40_000, 24_000) == (len(audio), np.count_nonzero(audio))


def test_a_wav_file_holds_the_samples(tmp_path: Path) -> None:
    write_wav(tmp_path / "deep" / "tone.wav", TONE)

    assert np.array_equal(TONE, read_samples(tmp_path / "deep" / "tone.wav"))


def test_words_have_the_times_of_what_was_heard_in_their_place() -> None:
    heard = [(1.0, 1.4, "the"), (1.4, 2.0, "quack"), (4.0, 5.0, "jumps")]

    script = timed_script("The quick brown – fox jumps again", heard, 9.0)

    assert [ScriptWord("The", 1.0, 1.4), ScriptWord("quick", 1.4, 2.0)] == list(script.words[:2])
    assert [ScriptWord("brown", 2.0, pytest.approx(2.0 + 2 / 3), True)] == list(script.words[2:3])
    assert ScriptWord("fox", pytest.approx(2.0 + 4 / 3), pytest.approx(4.0), True) == script.words[4]
    assert ScriptWord("again", 5.0, pytest.approx(7.0), True) == script.words[6]


def test_what_nobody_heard_is_guessed_throughout() -> None:
    assert all(word.is_guessed for word in timed_script("one two", [], 3.0).words)


def test_word_times_are_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_times, "bench_folder", lambda: tmp_path / "cache")
    path, asked = tmp_path / "talk.flac", []
    path.write_bytes(b"sound")

    def hear(path: Path) -> list[HeardWord]:
        asked.append(path)
        return [(0.5, 0.75, '"well,')]

    assert [(0.5, 0.75, '"well,')] == heard_words(path, hear) == heard_words(path, hear)
    assert 1 == len(asked)
    path.write_bytes(b"other sound")
    heard_words(path, hear)
    assert 2 == len(asked)


def test_scripts_are_joined_where_their_sound_is() -> None:
    both = joined_script([SCRIPT, SCRIPT], [0.0, 2.2], 4.4)

    assert ("good morning good morning", 4.4, 2.7) == (both.text, both.duration_s, both.words[2].end_s)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Real speech as the set lays it out, of tones: three talks, a stream, two timed clips, a clip, and silence."""
    monkeypatch.setattr("ui.bench.streaming.streams.bench_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(word_times, "bench_folder", lambda: tmp_path / "cache")
    rows = [("file", "seconds", "language", "set", "transcript")]
    for file, set_name in (
        ("long/long.wav", "wer"), ("long/brief.wav", "wer"), ("stream/mixed.wav", "stream"), ("short/a.wav", "wer"),
        ("short/b.wav", "wer"), ("short/c.wav", "wer"), ("nonspeech/quiet.wav", "nonspeech"),
    ):  # fmt: skip
        n_seconds = 3 if "long.wav" in file else 1
        write_wav(tmp_path / "dev" / file, np.tile(TONE, n_seconds))
        stem = Path(file).stem
        rows.append((f"dev/{file}", str(n_seconds), "en", set_name, f"dev/transcripts/{stem}.txt"))
        (tmp_path / "dev" / "transcripts").mkdir(exist_ok=True)
        (tmp_path / "dev" / "transcripts" / f"{stem}.txt").write_text(f"word {stem}", encoding="utf-8")
    rows.append(("dev/short/gone.wav", "1", "en", "wer", "dev/transcripts/gone.txt"))
    (tmp_path / "dev" / "manifest.csv").write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    (tmp_path / "dev" / "timings").mkdir()
    for stem in "ab":
        times = f"start\tend\tword\n0.250\t0.500\tword\n0.500\t0.750\t{stem}\n"
        (tmp_path / "dev" / "timings" / f"{stem}.words.tsv").write_text(times, encoding="utf-8")
    return tmp_path / "dev"


def hear(_: Path) -> list[HeardWord]:
    return [(0.1, 0.2, "word")]


def test_every_set_is_made_of_its_recordings(folder: Path) -> None:
    maker = StreamMaker(folder, hear, is_quick=False)
    made = {name: make(maker) for name, make in SETS.items()}

    assert {
        "long": ["brief", "long"], "stream": ["mixed"], "timit": ["timit"], "short": ["short"],
        "nonspeech": ["quiet"],
    } == {name: [stream.name for stream in streams] for name, streams in made.items()}  # fmt: skip
    timit, short, quiet = made["timit"][0], made["short"][0], made["nonspeech"][0]
    assert ("word a word b", "by hand", 4.4) == (timit.script.text, timit.times, timit.script.duration_s)
    assert [0.5, 0.75, 2.7, 2.95] == [word.end_s for word in timit.script.words]
    assert ("word c", "by base", [False, True]) == (
        short.script.text, short.times, [word.is_guessed for word in short.script.words],
    )  # fmt: skip
    assert (0, "", 1.0) == (len(quiet.script.words), quiet.times, quiet.script.duration_s)
    assert int(4.4 * 16_000) == len(read_samples(timit.path))


def test_quick_sets_are_parts(folder: Path) -> None:
    maker = StreamMaker(folder, hear, is_quick=True)

    assert ["brief"] == [stream.name for stream in SETS["long"](maker)]
    assert "word a" == SETS["timit"](maker)[0].script.text


# Workers


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


# Tables and the picture


def run_of(setting: dict[str, str], script: Script = SCRIPT, *texts: str, clock: str = "virtual") -> StreamRun:
    trace = [View(t_s=1.0 + i / 4, piece=0, text=text, is_closed=text == texts[-1]) for i, text in enumerate(texts)]
    return StreamRun(
        program="ours", setting=setting, clock=clock, set_name="talks" if script.words else "silence", stream="talk",
        score=score_of(script, trace), trace=trace, compute_s=0.5, cpu_s=0.75, peak_mib=200.0, hangover_s=0.25,
        counts={"finals": 2},
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
    shown, settled = ["75.0", "0.50", "0.50", "0.50"], ["0.75", "0.75", "0.75"]
    assert ["ours", "virtual", "talks", *shown, *settled, "0.25", "0.25", "0.25", "+0.00"] == lines["Delays"]
    assert ["ours", "virtual", "talks", "25.00", "0.00", "0"] == lines["Steadiness"]
    assert ["ours", "virtual", "talks", "0.500", "0.750", "200", "4", "finals"] == lines["Cost"]


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


def test_an_empty_picture_is_one_too() -> None:
    ET.fromstring(picture([Panel(title="", x_title="", y_title="")], "nothing was heard"))


# The command


def test_the_command_without_speech_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == main(["bench", "streaming", "--audio", str(tmp_path)])
    assert "it has no manifest.csv" in capsys.readouterr().err


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
    assert 1 == main(["bench", "streaming", "--vary", "speed=3"])
    assert "speed is none of partials" in capsys.readouterr().err


def test_the_whole_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but the models: a worker that shows nothing right stands for ours, and nobody hears words."""
    (tmp_path / "worker.py").write_text(WORKER.replace('" ".join(more)', "str(more)"), encoding="utf-8")
    monkeypatch.setattr(
        "ui.bench.streaming.command.command_of", lambda *_: [sys.executable, "-I", str(tmp_path / "worker.py")]
    )
    figures, plot = tmp_path / "figures.json", tmp_path / "plot.svg"

    code = main([
        "bench", "streaming", "--sets", "timit,nonspeech", "--audio", str(folder), "--vary", "step_s=0.2,0.5",
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


def test_the_options_are_those_of_live_captions() -> None:
    assert StreamingOptions() == LIVE
