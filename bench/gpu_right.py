"""Is Whisper right on this device: texts and ids of recordings, held against those of another."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict, dataclass

import jiwer
import numpy as np
from compile_for_gpu import in_bfloat16
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from whisper_normalizer.english import EnglishTextNormalizer

import engine.model
from engine.devices import choose_compute
from engine.events import Final
from engine.model import WhisperModel
from engine.options import FOR_RECORDINGS
from engine.pipeline import transcribe
from stream.audio import SAMPLE_RATE
from stream.file import FileSource
from ui.bench.recordings import Recording, read_recordings

WINDOW_SAMPLES = 30 * SAMPLE_RATE
normalize = EnglishTextNormalizer()


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
    if arguments.bfloat16:
        engine.model.choose_compute = lambda choice: in_bfloat16(choose_compute(choice))
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
