"""Where a GPU's time goes: every kernel of each part of the work, counted by the driver, and the gaps between them."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from gpu_fast import N_PROMPT, checkpoint_of
from rich.console import Console
from rich.table import Table

from engine.devices import choose_compute

if TYPE_CHECKING:
    from gpu_programs import Program

N_RUNS = 5


def profile(arguments: argparse.Namespace) -> int:
    """Print, for each model and batch, the kernels that took the most time."""
    from gpu_programs import HuggingFace, Ours

    compute = choose_compute(arguments.compute)
    for name in arguments.models.split(","):
        checkpoint = checkpoint_of(name)
        dims = checkpoint.dimensions
        programs: dict[str, Program] = {"ours": Ours(checkpoint, compute)}
        if arguments.peers:
            programs["transformers"] = HuggingFace(checkpoint, on_gpu=True)
        for batch in map(int, arguments.batches.split(",")):
            noise = np.random.default_rng(0).normal(0, 0.5, (batch, dims.n_mels, 2 * dims.n_audio_ctx))
            first_timestamp = dims.n_vocab - 1501
            for label, program in programs.items():
                program.give(noise.astype(np.float32), range(first_timestamp - N_PROMPT, first_timestamp))
                show(f"{name}, {batch} windows, encoder, {label}", program.encode, arguments.top)
                program.start()
                show(f"{name}, {batch} windows, 8 tokens, {label}", lambda p=program: p.decode(9), arguments.top)
    return 0


def show(title: str, run: Callable[[], object], n_top: int) -> None:
    """Run once to warm, then some times watched, and print what the GPU did."""
    import torch

    run()
    activities = [torch.profiler.ProfilerActivity.CUDA, torch.profiler.ProfilerActivity.CPU]
    began = time.perf_counter()
    for _ in range(N_RUNS):
        run()
    torch.cuda.synchronize()
    wall_ms = 1000 * (time.perf_counter() - began) / N_RUNS
    with torch.profiler.profile(activities=activities) as watched:
        for _ in range(N_RUNS):
            run()
        torch.cuda.synchronize()
    spent: dict[str, list[float]] = defaultdict(list)
    for event in watched.events():
        if event.device_type == torch.autograd.DeviceType.CUDA:
            spent[event.name].append(event.device_time_total / 1000)
    busy_ms = sum(map(sum, spent.values())) / N_RUNS
    n_kernels = sum(map(len, spent.values())) // N_RUNS
    table = Table(title=f"{title}: {wall_ms:.2f} ms, busy {busy_ms:.2f} ms, {n_kernels} kernels and copies", box=None)
    for heading in ("ms", "times", "µs each", "kernel"):
        table.add_column(heading, justify="left" if heading == "kernel" else "right", no_wrap=True)
    for kernel, times in sorted(spent.items(), key=lambda item: -sum(item[1]))[:n_top]:
        each_us = 1000 * sum(times) / len(times)
        table.add_row(f"{sum(times) / N_RUNS:.3f}", f"{len(times) / N_RUNS:.0f}", f"{each_us:.1f}", kernel[:110])
    Console(width=140).print(table)
