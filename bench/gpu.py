"""Whisper on a GPU: is it right, how fast is it, and how far is that from what the hardware could do.

    python bench/gpu.py right --compute cpu --write expected.json   (anywhere: what a CPU makes of the recordings)
    python bench/gpu.py right --expected expected.json              (on a GPU: the same?)
    python bench/gpu.py fast --json fast.json                       (on a GPU)
    python bench/gpu.py fast --compute cpu --quick                  (does this program work?)

Needs torch and transformers.  ``bench/gpu.sh`` carries all of it to a machine without network.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jiwer
import numpy as np
from compile_for_gpu import in_float16
from gpu_floors import Work, encoder_work, step_work
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from whisper_normalizer.english import EnglishTextNormalizer
from whisper_sizes import SIZES

from engine.checkpoint import Checkpoint, read_checkpoint
from engine.devices import choose_compute
from engine.events import Final
from engine.log_mel import log_mel_spectrogram
from engine.model import WhisperModel
from engine.options import FOR_RECORDINGS
from engine.packaged import checkpoint_folder
from engine.pipeline import transcribe
from stream.audio import SAMPLE_RATE
from stream.file import FileSource
from ui.bench.machine import machine
from ui.bench.recordings import Recording, read_recordings

if TYPE_CHECKING:
    from gpu_programs import Program

WINDOW_SAMPLES = 30 * SAMPLE_RATE
N_PROMPT = 4
normalize = EnglishTextNormalizer()


# Right ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a model made of a recording: the word error rate of the whole, and the ids of each 30 s by themselves."""

    recording: str
    wer: float
    text: str
    ids: list[list[int]]


def hear(model: WhisperModel, recording: Recording) -> Heard:
    async def finals() -> str:
        events = transcribe(FileSource(recording.path), model, FOR_RECORDINGS)
        return " ".join([timed.event.text async for timed in events if isinstance(timed.event, Final)])

    async def samples() -> NDArray[np.int16]:
        return np.concatenate([chunk.samples async for chunk in FileSource(recording.path).chunks()])

    text, audio = asyncio.run(finals()), asyncio.run(samples())
    windows = [audio[at : at + WINDOW_SAMPLES] for at in range(0, len(audio), WINDOW_SAMPLES)]
    ids = [list(model.decode_window(window).decoded.ids) for window in windows]
    wer = jiwer.wer(normalize(recording.transcript), normalize(text))
    return Heard(recording=recording.path.stem, wer=wer, text=text, ids=ids)


def first_difference(expected: list[list[int]], found: list[list[int]]) -> str:
    """Say where the ids of some windows part."""
    for i, (theirs, ours) in enumerate(zip(expected, found, strict=True)):
        if theirs != ours:
            at = next((k for k, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]), None)
            at = min(len(theirs), len(ours)) if at is None else at
            return f"window {i}, token {at}: {theirs[at : at + 3]} became {ours[at : at + 3]}"
    return "none"


def be_right(arguments: argparse.Namespace) -> int:
    """Return 1 where a recording's text is worse than expected."""
    model = WhisperModel.load(arguments.model, device=arguments.compute)
    heard = [hear(model, recording) for recording in read_recordings(arguments.audio, arguments.only)]
    if arguments.write:
        arguments.write.write_text(json.dumps([asdict(one) for one in heard]) + "\n", encoding="utf-8")
    expected = json.loads(arguments.expected.read_text(encoding="utf-8")) if arguments.expected else None
    by_name = {one["recording"]: Heard(**one) for one in expected or []}
    table = Table(title=f"{arguments.model} on {model.device_name}", title_justify="left", box=None)
    for heading in ("recording", "WER", "expected", "windows alike", "first difference"):
        table.add_column(heading)
    is_worse = False
    for one in heard:
        other = by_name.get(one.recording, one)
        alike = sum(a == b for a, b in zip(other.ids, one.ids, strict=True))
        difference = first_difference(other.ids, one.ids)
        table.add_row(one.recording, f"{one.wer:.2%}", f"{other.wer:.2%}", f"{alike} of {len(one.ids)}", difference)
        is_worse = is_worse or one.wer > other.wer + 0.003
    Console(width=150).print(table)
    return int(is_worse)


# Fast ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How long one part took one program: the median and the extremes of some runs, and the least possible."""

    model: str
    batch: int
    part: str
    program: str
    n_runs: int
    median_s: float
    fastest_s: float
    slowest_s: float
    floor_s: float


def be_fast(arguments: argparse.Namespace) -> int:
    """Measure every model at every batch; write what there is after each, lest a time limit lose it."""
    from gpu_programs import HuggingFace, Ours

    compute = choose_compute(arguments.compute)
    figures: list[Figure] = [log_mel_figure(5)]
    for name in arguments.models.split(","):
        checkpoint = checkpoint_of(name)
        print(f"Loading {name}", flush=True)
        programs: dict[str, Program] = {"ours": Ours(checkpoint, compute)}
        if arguments.float16:
            programs["ours, float16"] = Ours(checkpoint, in_float16(compute))
        if not arguments.alone:
            programs["transformers"] = HuggingFace(checkpoint, on_gpu=not compute.device.is_host)
        for batch in map(int, arguments.batches.split(",")):
            print(f"Measuring {name}, {batch} windows", flush=True)
            figures += measure(name, checkpoint, programs, batch, arguments)
            if arguments.json:
                content = {"machine": machine(), "device": compute.name, "figures": [asdict(one) for one in figures]}
                arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    Console(width=132).print(table_of(figures, compute.name))
    return 0


def checkpoint_of(name: str) -> Checkpoint:
    """Return the packaged checkpoint ``name``, or one of random weights of size "random-NAME"."""
    from gpu_programs import random_checkpoint

    size = name.removeprefix("random-")
    return random_checkpoint(SIZES[size]) if size != name else read_checkpoint(checkpoint_folder(name))


def measure(
    name: str, checkpoint: Checkpoint, programs: dict[str, Program], batch: int, arguments: argparse.Namespace
) -> list[Figure]:
    """Let the programs take turns at each part."""
    dims, n_tokens = checkpoint.dimensions, arguments.n_tokens
    mels = np.random.default_rng(batch).normal(0, 0.5, (batch, dims.n_mels, 2 * dims.n_audio_ctx)).astype(np.float32)
    first_timestamp = dims.n_vocab - 1501
    for program in programs.values():
        program.give(mels, range(first_timestamp - N_PROMPT, first_timestamp))
    prompt = step_work(dims, batch, 0)
    step = step_work(dims, batch, N_PROMPT + n_tokens // 2)
    steps = Work(flops=step.flops * (n_tokens - 1), n_bytes=step.n_bytes * (n_tokens - 1))
    parts: list[tuple[str, Callable[[Program], object], Work]] = [
        ("encoder", lambda program: program.encode(), encoder_work(dims, batch)),
        ("prompt", lambda program: program.start(), prompt),
        (f"{n_tokens - 1} steps", lambda program: program.decode(n_tokens), steps),
    ]
    figures = []
    for part, run, work in parts:
        took_s = take_turns(programs, run, arguments.n_runs)
        figures += [figure(name, batch, part, program, runs, work.floor_s) for program, runs in took_s.items()]
    if len(programs) > 1:
        picks = [program.decode(1) for program in programs.values()]
        alike = sum(len({str(first) for first in firsts}) == 1 for firsts in zip(*picks, strict=True))
        print(f"{', '.join(programs)}: the same first token in {alike} of {batch} windows", flush=True)
    return figures


def take_turns(programs: dict[str, Program], run: Callable[[Program], object], n_runs: int) -> dict[str, list[float]]:
    """Return the seconds of each program's runs; a first one, which warms caches, is left out."""
    took_s: dict[str, list[float]] = {name: [] for name in programs}
    for i in range(n_runs + 1):
        for name, program in programs.items():
            began = time.perf_counter()
            run(program)
            if i:
                took_s[name].append(time.perf_counter() - began)
    return took_s


def log_mel_figure(n_runs: int) -> Figure:
    """Measure the spectrogram, which is made on the host whatever the device."""
    audio = np.random.default_rng(0).integers(-9000, 9000, WINDOW_SAMPLES).astype(np.int16)
    took_s = []
    for _ in range(n_runs):
        began = time.perf_counter()
        log_mel_spectrogram(audio)
        took_s.append(time.perf_counter() - began)
    return figure("any, 80 mels", 1, "log-mel, on the host", "ours", took_s, 0.0)


def figure(model: str, batch: int, part: str, program: str, took_s: Sequence[float], floor_s: float) -> Figure:
    return Figure(
        model=model,
        batch=batch,
        part=part,
        program=program,
        n_runs=len(took_s),
        median_s=statistics.median(took_s),
        fastest_s=min(took_s),
        slowest_s=max(took_s),
        floor_s=floor_s,
    )


def table_of(figures: Sequence[Figure], device: str) -> Table:
    title = f"Median ms of each part; the floor is an H200's in bfloat16; measured on {device}"
    table = Table(title=title, title_justify="left", box=None)
    for heading in ("model", "windows", "part", "program"):
        table.add_column(heading)
    for heading in ("ms", "fastest", "slowest", "floor", "× floor", "tokens/s", "audio s per s"):
        table.add_column(heading, justify="right")
    for one in figures:
        times = [f"{1000 * s:.2f}" for s in (one.median_s, one.fastest_s, one.slowest_s, one.floor_s)]
        above = f"{one.median_s / one.floor_s:.1f}" if one.floor_s else "–"
        table.add_row(one.model, str(one.batch), one.part, one.program, *times, above, *rates(one, figures))
    return table


def rates(one: Figure, figures: Sequence[Figure]) -> tuple[str, str]:
    """Return tokens a second of the steps, and seconds of audio a second of all parts together, beside the steps."""
    if not one.part.endswith("steps"):
        return "", ""
    n_steps = int(one.part.split()[0])
    same = [f for f in figures if (f.model, f.batch, f.program) == (one.model, one.batch, one.program)]
    return f"{one.batch * n_steps / one.median_s:,.0f}", f"{one.batch * 30 / sum(f.median_s for f in same):,.0f}"


# The command line ----------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description="Whisper on a GPU: is it right, and how fast.")
    commands = parser.add_subparsers(required=True, metavar="right|fast")
    right = commands.add_parser("right", help="texts and ids against those of a CPU")
    right.add_argument("--model", default="tiny.en")
    right.add_argument("--audio", type=Path, default=Path(), metavar="FOLDER", help="has manifest.csv; else the sample")
    right.add_argument("--only", default="", metavar="TEXT", help="the recordings with TEXT in their name")
    right.add_argument("--expected", type=Path, metavar="FILE", help="what --write wrote elsewhere")
    right.add_argument("--write", type=Path, metavar="FILE")
    right.set_defaults(run=be_right)
    fast = commands.add_parser("fast", help="encoder and decoder against transformers and the hardware")
    fast.add_argument("--models", default="tiny.en,base,random-large-v3-turbo", help="(%(default)s)")
    fast.add_argument("--batches", default="1,8,32,128", help="windows at a time (%(default)s)")
    fast.add_argument("--n-tokens", type=int, default=64, help="of each window's text (%(default)s)")
    fast.add_argument("--n-runs", type=int, default=7, help="of each part (%(default)s)")
    fast.add_argument("--float16", action="store_true", help="ours in float16 too")
    fast.add_argument("--alone", action="store_true", help="ours only")
    fast.add_argument("--quick", action="store_true", help="little of everything: does the program work?")
    fast.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    fast.set_defaults(run=be_fast)
    for command in (right, fast):
        command.add_argument("--compute", choices=("auto", "cpu", "gpu"), default="gpu")
    arguments = parser.parse_args()
    if getattr(arguments, "quick", False):
        arguments.models, arguments.batches = "tiny.en,random-tiny.en", "1,2"
        arguments.n_tokens, arguments.n_runs = 8, 2
    return int(arguments.run(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
