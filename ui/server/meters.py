"""What is counted and measured, for Prometheus: of all clients together, never of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.events import AudioDropped, DecodeFailed, Discarded, Final, Partial, SpeechStarted, Status, TimedEvent
from engine.service import Load
from engine.timings import StageTime
from ui.server.protocols.protocol import Refusal

_DELAYS_S = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
_LAGS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
_COUNTED = {SpeechStarted: "utterances", Partial: "partials", Final: "finals", Discarded: "discarded"}

disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Measured(Protocol):
    """What is read at the moment somebody asks."""

    @property
    def n_streams(self) -> int:
        """Streams now."""

    @property
    def live_lag_s(self) -> float:
        """How late the latest live stream is."""

    @property
    def n_tasks(self) -> int:
        """Tasks of the event loop."""

    @property
    def load(self) -> Load:
        """How busy the model is."""

    @property
    def stages(self) -> dict[str, StageTime]:
        """What each stage of the work cost since the start."""


class Meters:
    """Counts as things happen."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._events = self._counter("events", "Events by kind", ["kind"])
        self._streams = self._counter("streams_opened", "Streams begun, by path", ["path"])
        self._refusals = self._counter("refusals", "Clients refused or sent away, by reason", ["reason"])
        self._denials = self._counter("denials", "Requests denied before they were served, by reason", ["reason"])
        self._failures = self._counter("decode_failures", "Times the model failed over an utterance", [])
        self._dropped_s = self._counter("audio_dropped_seconds", "Audio lost on its way", [])
        self.n_resumed = self._counter("streams_resumed", "Times a client came back to its session", [])
        self.audio_s = self._counter("audio_seconds", "Audio received", [])
        self._final_s = self._histogram("final_delay_seconds", "From the end of an utterance to its final", _DELAYS_S)
        self._lag_s = self._histogram("lag_seconds", "Speech no text covers yet, sampled as it changes", _LAGS_S)

    def _counter(self, name: str, purpose: str, labels: Iterable[str]) -> Counter:
        return Counter(f"max_whisper_{name}", purpose, list(labels), registry=self._registry)

    def _histogram(self, name: str, purpose: str, buckets: Iterable[float]) -> Histogram:
        return Histogram(f"max_whisper_{name}", purpose, buckets=list(buckets), registry=self._registry)

    def count_stream(self, path: str) -> None:
        """One more stream was begun; ``path`` is one that is served."""
        self._streams.labels(path).inc()

    def count_refusal(self, refusal: Refusal) -> None:
        """One more client was refused, or sent away."""
        self._refusals.labels(refusal.kind).inc()

    def count_denial(self, reason: str) -> None:
        """One more request was denied."""
        self._denials.labels(reason).inc()

    def watch(self, timed: TimedEvent) -> None:
        """Count one event of a stream."""
        event = timed.event
        if type(event) in _COUNTED:
            self._events.labels(_COUNTED[type(event)]).inc()
        match event:
            case Final(end_s=end_s) if timed.t_s >= end_s:  # earlier only where nobody speaks: a file
                self._final_s.observe(timed.t_s - end_s)
            case Status():
                self._lag_s.observe(event.lag_s)
            case AudioDropped():
                self._dropped_s.inc(event.end_s - event.start_s)
            case DecodeFailed():
                self._failures.inc()

    def exposition(self, measured: Measured) -> bytes:
        """Return all of it in Prometheus' text format, with what is ``measured`` now."""
        now = CollectorRegistry()
        now.register(_Now(measured))
        return generate_latest(self._registry) + generate_latest(now)


class _Now(Collector):
    def __init__(self, measured: Measured) -> None:
        self._measured = measured

    def collect(self) -> Iterable[Metric]:
        load = self._measured.load
        yield _gauge("streams", "Streams now, uploads and clients that were cut off included", self._measured.n_streams)
        yield _gauge("tasks", "Tasks of the event loop: what is done for somebody", self._measured.n_tasks)
        yield _gauge("live_lag_seconds", "How late the latest live stream is", self._measured.live_lag_s)
        yield _gauge("model_busy_ratio", "Share of the last ten seconds in which the model worked", load.busy)
        yield _gauge("batch_size", "Jobs a batch, mean of the last ten seconds", load.batch_size)
        yield _total("batches", "Batches decoded", load.n_batches)
        yield _total("jobs", "Jobs decoded", load.n_jobs)
        yield _total("model_seconds", "Time the model worked", load.compute_s)
        yield from _stages(self._measured.stages)


def _gauge(name: str, purpose: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"max_whisper_{name}", purpose, value=value)


def _total(name: str, purpose: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"max_whisper_{name}", purpose, value=value)


def _stages(stages: dict[str, StageTime]) -> Iterable[Metric]:
    took = CounterMetricFamily("max_whisper_stage_seconds", "Time in each stage of the work", labels=["stage"])
    ran = CounterMetricFamily("max_whisper_stage_runs", "How often each stage ran", labels=["stage"])
    for name, stage in list(stages.items()):
        took.add_metric([name], stage.total_s)
        ran.add_metric([name], stage.n_calls)
    return took, ran
