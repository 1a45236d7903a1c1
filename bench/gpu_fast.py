"""How fast is Whisper on this device, beside Hugging Face's and the least that the hardware allows."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from compile_for_gpu import in_bfloat16
from gpu_floors import Chip, Work, chip_of, encoder_work, step_work
from rich.console import Console
from rich.table import Table
from whisper_sizes import SIZES

from engine.checkpoint import Checkpoint, read_checkpoint
from engine.devices import choose_compute
from engine.log_mel import log_mel_spectrogram
from engine.packaged import checkpoint_folder
from stream.audio import SAMPLE_RATE
from ui.bench.machine import machine

if TYPE_CHECKING:
    from gpu_programs import Program

WINDOW_SAMPLES = 30 * SAMPLE_RATE
N_PROMPT = 4


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
    chip = chip_of(compute.name)
    figures: list[Figure] = [log_mel_figure(5)]
    for name in arguments.models.split(","):
        checkpoint = checkpoint_of(name)
        print(f"Loading {name}", flush=True)
        programs: dict[str, Program] = {"ours": Ours(checkpoint, compute)}
        if arguments.bfloat16:
            programs["ours, bfloat16"] = Ours(checkpoint, in_bfloat16(compute))
        if not arguments.alone:
            programs["transformers"] = HuggingFace(checkpoint, on_gpu=not compute.device.is_host)
        for batch in map(int, arguments.batches.split(",")):
            print(f"Measuring {name}, {batch} windows", flush=True)
            figures += measure(name, checkpoint, programs, batch, arguments, chip)
            if arguments.json:
                content = {"machine": machine(), "device": compute.name, "figures": [asdict(one) for one in figures]}
                arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    Console(width=132).print(table_of(figures, compute.name, chip))
    return 0


def checkpoint_of(name: str) -> Checkpoint:
    """Return the packaged checkpoint ``name``, or one of random weights of size "random-NAME"."""
    from gpu_programs import random_checkpoint

    size = name.removeprefix("random-")
    return random_checkpoint(SIZES[size]) if size != name else read_checkpoint(checkpoint_folder(name))


def measure(
    name: str,
    checkpoint: Checkpoint,
    programs: dict[str, Program],
    batch: int,
    arguments: argparse.Namespace,
    chip: Chip,
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
        figures += [figure(name, batch, part, program, runs, work.floor_s(chip)) for program, runs in took_s.items()]
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


def table_of(figures: Sequence[Figure], device: str, chip: Chip) -> Table:
    title = f"Median ms of each part; the floor is an {chip.name}'s in half precision; measured on {device}"
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
