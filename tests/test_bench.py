"""The bench by itself: workers answer, fail and end; scores, tables, and our weights in the peers' formats."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from reference_whisper import random_weights
from rich.console import Console
from test_reference_whisper import DIMENSIONS
from test_tokenizer import SMALL

from engine.checkpoint import Checkpoint
from engine.checkpoints.names import OPENAI, under_their_names
from engine.tokenizer import byte_alphabet
from ui.bench.measure import Figures, measure_parts, measure_recordings, measure_starts
from ui.bench.peers.conversions import write_arrays, write_ggml
from ui.bench.peers.environment import PeerError
from ui.bench.peers.tokenizer_json import tokenizer_fields
from ui.bench.recordings import Recording, most_said, read_recordings, score
from ui.bench.tables import tables_of
from ui.bench.worker import Worker

REPOSITORY = Path(__file__).resolve().parent.parent
RECORDING = Recording(path=Path("talk.flac"), duration_s=10.0, transcript="The quick brown fox jumps over every dog.")
WEIGHTS = random_weights(DIMENSIONS, seed=1)
WORKER = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from ui.bench.peers.answering import serve
texts = iter(TEXTS)
serve({{"transcribe": lambda path: next(texts), "encode": lambda path, s: s, "step": lambda path: 0.004,
        "quit": lambda: sys.exit(3), "talk": lambda: print("not an answer")}})
"""

Script = Callable[..., list[str]]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """The command of a worker that says ``texts`` in turn."""

    def command(*texts: str, name: str = "one") -> list[str]:
        path = tmp_path / f"{name}.py"
        path.write_text(WORKER.replace("TEXTS", repr(texts)), encoding="utf-8")
        return [sys.executable, "-I", str(path)]

    return command


def text_of(figures: Figures) -> str:
    console = Console(width=120, file=io.StringIO())
    for table in tables_of(figures, "tiny.en", 2):
        console.print(table)
    return console.file.getvalue()


def test_a_worker_answers(script: Script) -> None:
    with Worker("one", script("hello", "again")) as worker:
        assert worker.start_s > 0
        assert ["hello", "again"] == [worker.ask("transcribe", "x").result for _ in range(2)]
        assert worker.ask("encode", "x", 30.0).peak_mib > 1


def test_what_a_library_prints_is_no_answer(script: Script) -> None:
    with Worker("one", script()) as worker:
        worker.ask("talk")

        assert 0.004 == worker.ask("step", "x").result


def test_a_failed_action_is_told_and_the_worker_goes_on(script: Script) -> None:
    with Worker("one", script("only")) as worker:
        worker.ask("transcribe", "x")

        with pytest.raises(PeerError, match="StopIteration"):
            worker.ask("transcribe", "x")
        assert 0.004 == worker.ask("step", "x").result


def test_a_worker_that_ends_is_told(script: Script) -> None:
    with Worker("one", script()) as worker, pytest.raises(PeerError, match="exit code 3"):
        worker.ask("quit")


def test_a_worker_that_does_not_come_up_is_told() -> None:
    with pytest.raises(PeerError, match="exit code 1"):
        Worker("one", [sys.executable, "-c", "raise SystemExit(1)"])


def test_programs_take_turns_and_are_scored(script: Script) -> None:
    figures, right = Figures(), "the quick brown fox jumps over every dog"
    commands = {"a": script(*[right] * 3, name="a"), "b": script(*[right.replace("quick ", "")] * 3, name="b")}

    measure_recordings(commands, [RECORDING], 2, figures)

    assert [("a", 0, 2), ("b", 1, 2)] == [(one.program, one.n_errors, len(one.took_s)) for one in figures.scores]
    assert ("quick",) == figures.scores[1].deleted
    assert [] == figures.notes


def test_different_texts_are_told(script: Script) -> None:
    figures = Figures()

    measure_recordings({"a": script("warm", "one two", "one too")}, [RECORDING], 2, figures)

    assert ["a heard 2 different texts in talk: the errors are the first's"] == figures.notes


def test_a_program_that_fails_is_noted_and_the_rest_goes_on(script: Script) -> None:
    figures = Figures()

    measure_recordings({"a": script("warm", name="a"), "b": script(*["x"] * 3, name="b")}, [RECORDING], 2, figures)

    assert ["b"] == [one.program for one in figures.scores]
    assert ["a, transcribe: StopIteration: "] == figures.notes


def test_parts_are_timed_where_most_is_said() -> None:
    """A poem whose first half minute was "Three." to Whisper had no steps to divide by."""
    slow = Recording(path=Path("poem.flac"), duration_s=30.0, transcript="Three. " * 20)

    assert RECORDING == most_said([slow, RECORDING])


def test_parts_and_starts_are_tabled(script: Script) -> None:
    figures = Figures()

    measure_parts({"a": script()}, RECORDING, 1, figures)
    measure_starts({"a": script("x")}, [RECORDING], 1, figures)

    text = text_of(figures)
    assert "4.0 (4.0 – 4.0)" in text
    assert "30000.0" in text
    assert f"{figures.peaks_mib['a']:.0f}" in text.splitlines()[-1]


def test_memory_is_that_of_the_longest_recording(tmp_path: Path) -> None:
    """A worker that holds as many MiB more as its recording's name says."""
    worker = tmp_path / "worker.py"
    held = '{"transcribe": lambda path: len(b"x" * (int(path) << 20))}'
    worker.write_text(f"{WORKER.partition('texts')[0]}serve({held})\n", encoding="utf-8")
    recordings = [Recording(path=Path(str(mib)), duration_s=float(mib), transcript="") for mib in (1, 300, 2)]
    figures = Figures()

    measure_starts({"a": [sys.executable, "-I", str(worker)]}, recordings, 2, figures)

    assert figures.peaks_mib["a"] > 300
    assert ["peak memory: of a fresh process that transcribed 300, the longest recording"] == figures.notes


def test_a_table_sums_over_recordings() -> None:
    figures = Figures()
    for words in ("the quick brown fox jumps over every dog", "the quick brown fox jumps over every"):
        figures.scores.append(score("a", RECORDING, [(words, 2.0), (words, 4.0)]))
    figures.scores[1] = score("a", Recording(path=Path("b.flac"), duration_s=20.0, transcript="six"), [("six", 1.0)])

    total = text_of(figures).splitlines()[-1].split()

    assert ["together", "a", "0.00%", "0", "0", "0", "7.5", "6.0", "10.0"] == total


def test_without_the_set_there_is_the_sample(tmp_path: Path) -> None:
    assert ["sample.flac"] == [recording.path.name for recording in read_recordings(tmp_path)]


def test_every_weight_has_a_name_of_openais() -> None:
    found = under_their_names(WEIGHTS, OPENAI)
    qkv = WEIGHTS["encoder.layers.1.self_attention.qkv.weight"]

    assert np.array_equal(qkv[32:64], found["encoder.blocks.1.attn.key.weight"])
    assert np.array_equal(WEIGHTS["decoder.norm.bias"], found["decoder.ln.bias"])
    assert np.array_equal(WEIGHTS["encoder.norm.bias"], found["encoder.ln_post.bias"])
    assert np.array_equal(WEIGHTS["decoder.layers.0.mlp.down.bias"], found["decoder.blocks.0.mlp.2.bias"])
    assert np.array_equal(WEIGHTS["decoder.token_embedding"], found["decoder.token_embedding.weight"])
    assert not any("key.bias" in name or "layers" in name for name in found)
    # whisper/model.py: 4 of attention with 7 tensors, 2 norms and 2 projections with 8, around that 6 and 4
    assert 2 * (7 + 8) + 6 + 1 + 2 * (7 + 7 + 10) + 4 == len(found)


def test_ggml_has_the_layout_of_whisper_cpp() -> None:
    special = ("endoftext", "startoftranscript", "startofprev", "transcribe", "translate", "nocaptions")
    vocabulary = (*byte_alphabet(), *(f"<|{name}|>" for name in (*special, "notimestamps", "0.00")))
    file = io.BytesIO()

    write_ggml(Checkpoint(DIMENSIONS, WEIGHTS, vocabulary, (), (), ()), file)

    head = struct.unpack("<14i", file.getvalue()[:56])
    assert (0x67676D6C, 50, 20, 32, 2, 2, 16, 32, 4, 2, 8, 1, 8, 201) == head
    words = file.getvalue()[56 + 4 * 8 * 201 :]
    first, second = (bytes([byte]) for byte in list(byte_alphabet().values())[:2])
    assert struct.pack("<iicic", 256, 1, first, 1, second) == words[:14]
    name = b"encoder.conv1.weight"
    assert struct.pack("<6i", 3, len(name), 1, 3, 8, 32) + name == words[4 + 256 * 5 :][: 24 + 20]


def test_arrays_keep_the_weights_and_the_dimensions() -> None:
    file = io.BytesIO()

    write_arrays(Checkpoint(DIMENSIONS, WEIGHTS, (), (), (), ()), file)

    file.seek(0)
    arrays = np.load(file)
    assert 20 == arrays["dims.n_audio_ctx"]
    assert np.array_equal(WEIGHTS["decoder.positions"], arrays["decoder.positional_embedding"])


def test_the_tokenizer_of_faster_whisper_knows_what_was_merged() -> None:
    fields = tokenizer_fields(SMALL, SMALL.index("<|endoftext|>"))

    assert fields["model"]["merges"] == [
        ("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "he"), ("Ġ", "hello")
    ]  # fmt: skip
    assert SMALL == [*fields["model"]["vocab"], *(token["content"] for token in fields["added_tokens"])]
    assert SMALL.index("<|en|>") == next(
        token["id"] for token in fields["added_tokens"] if token["content"] == "<|en|>"
    )
