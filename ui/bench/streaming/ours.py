"""Runs in a process of its own: streams through our pipeline, by either clock, and when words were said."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.events import DecodeJob, Final, Hypothesis, TimedEvent
from engine.model import WhisperModel
from engine.options import FOR_RECORDINGS, DecodingOptions, StreamingOptions
from engine.pipeline import transcribe
from engine.transcriber import Transcriber
from stream.audio import n_samples
from stream.detector import WebRtcDetector
from stream.file import FileSource
from ui.bench.peers.answering import peak_mib, serve
from ui.bench.streaming.settings import varied
from ui.bench.streaming.sounds import read_samples
from ui.bench.streaming.virtual_clock import VirtualRun
from ui.scoring.event_traces import trace_of
from ui.scoring.traces import trace_as_json


class MeasuredModel:
    """A model and what it does from now on.

    Attributes:
        compute_s: seconds that it worked.
    """

    def __init__(self, model: WhisperModel) -> None:
        self.compute_s = 0.0
        self._model = model
        self._counts = {"partials": 0, "finals": 0, "temperature fallbacks": 0}
        self._before = Counter(model.counts)

    @property
    def counts(self) -> dict[str, int]:
        """How often what happened, the model's own counts among them."""
        return self._counts | (self._model.counts - self._before)

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """Decode ``jobs`` and count."""
        began_s = time.perf_counter()
        hypotheses = self._model.decode(jobs)
        self.compute_s += time.perf_counter() - began_s
        for job, hypothesis in zip(jobs, hypotheses, strict=True):
            self._counts["finals" if job.is_final else "partials"] += 1
            hot = any(s.temperature > job.options.temperatures[0] for s in hypothesis.segments)
            self._counts["temperature fallbacks"] += hot
        return hypotheses


class MaxWhisper:
    """One model, streams through it, and word times."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._model = WhisperModel.load(
            settings["weights"],
            device=settings["compute"],
            options=DecodingOptions(words=settings["words"]),
            is_live=True,
        )

    def stream(self, path: str, setting: dict[str, str], clock: str, block_ms: int) -> dict[str, Any]:
        """Return the trace of a recording as it came live, see ``ui.bench.streaming``.

        By the clock "virtual" or "wall"; "offline", as ``max-whisper file`` hears it.
        """
        model = MeasuredModel(self._model)
        began_s = time.process_time()
        match clock:
            case "virtual":
                events = self._virtual(path, setting, model, block_ms)
            case "wall":
                events = _heard(FileSource(path, paced=True), model, varied(setting))
            case _:
                events = _heard(FileSource(path), model, FOR_RECORDINGS)
        return {
            "views": trace_as_json(trace_of(events)),
            "cpu_s": time.process_time() - began_s,
            "compute_s": model.compute_s,
            "peak_mib": peak_mib(),
            "hangover_s": varied(setting).gate.hangover_ms / 1000,
            "counts": model.counts,
            "notes": [],
        }

    def words(self, path: str) -> list[tuple[float, float, str]]:
        """Return start and end, in seconds, and text of the words that are heard in a recording."""
        decoding = replace(FOR_RECORDINGS.decoding, words=True, language="en")
        options = replace(FOR_RECORDINGS, decoding=decoding)

        async def finals() -> list[Final]:
            events = transcribe(FileSource(path), self._model, options)
            return [timed.event async for timed in events if isinstance(timed.event, Final)]

        heard = [word for final in asyncio.run(finals()) for word in final.words]
        return [(word.start_s, word.end_s, word.text.strip()) for word in heard]

    def _virtual(self, path: str, setting: dict[str, str], model: MeasuredModel, block_ms: int) -> list[TimedEvent]:
        options = varied(setting)
        run = VirtualRun(Transcriber(WebRtcDetector(), options), model, options.batch_size)
        return run.play(read_samples(path), n_samples(block_ms / 1000))


def _heard(source: FileSource, model: MeasuredModel, options: StreamingOptions) -> list[TimedEvent]:
    async def events() -> list[TimedEvent]:
        return [timed async for timed in transcribe(source, model, options)]

    return asyncio.run(events())


if __name__ == "__main__":
    program = MaxWhisper(json.loads(sys.argv[1]))
    serve({"stream": program.stream, "words": program.words})
