"""The two compiled networks on their device: numpy in, numpy out.

The only file that runs MAX models.  All of it belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from max.driver import CPU, Buffer
from max.engine import CompiledModel, InferenceSession, Model
from numpy.typing import NDArray

from engine.batch_decoder import BatchDecoder, DecoderParts, visibility_mask
from engine.blueprints import Blueprint, blueprints_of, usual_heads
from engine.captured_steps import CapturedSteps
from engine.checkpoint import Checkpoint
from engine.compile_process import compile_elsewhere, expected_compiling_s
from engine.compiled import compile_and_keep, read_artifact
from engine.config import ModelDimensions
from engine.devices import Compute
from engine.encoded import EncodedAudio, join
from engine.graph import SpecialIds
from engine.progress import LoadProgress, OnProgress
from engine.threads import lazy_timers, spread_workers
from engine.timings import NO_TIMINGS, Observer
from engine.weights import placed_weights


class Networks:
    """Encoder and decoder of one checkpoint, compiled for and loaded on one device.

    Attributes:
        dims: the model's dimensions.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        ids: SpecialIds,
        compute: Compute,
        on_progress: OnProgress,
        *,
        alignment: bool = False,
        timings: Observer = NO_TIMINGS,
    ) -> None:
        """Load the artifacts, compiling first what was never compiled here.

        Args:
            checkpoint: whose weights are bound to the graphs.
            ids: the vocabulary's special tokens.
            compute: the device.
            on_progress: told of each stage as it begins.
            alignment: whether ``align`` will be called.
            timings: told of loading and of every pass.

        Raises:
            CheckpointError: a weight is missing or damaged.
            ModelLoadError: an artifact cannot be made or kept.
        """
        self.dims = checkpoint.dimensions
        self._compute = compute
        with timings.stage("placing the weights"):
            weights = placed_weights(checkpoint, compute)
        self._heads = checkpoint.alignment_heads or usual_heads(self.dims)
        blueprints = blueprints_of(self.dims, ids, self._heads, compute.target, weights.few_rows)
        if not alignment:
            del blueprints["alignment"]
        loader = _Loader(compute, on_progress, n_load_steps(compute, alignment=alignment), timings)
        loader.compile_missing(list(blueprints.values()))
        self._encoder = loader.load(blueprints["encoder"], weights.encoder)
        self._decoder = loader.load(blueprints["decoder"], weights.decoder)
        self._aligner = loader.load(blueprints["alignment"], weights.decoder) if alignment else None
        rearranger = loader.load(blueprints["rearrangement"], {}) if "rearrangement" in blueprints else None
        self._parts = _decoder_parts(self._decoder, self.dims, compute, rearranger)
        self._filters = np.zeros((0, self.dims.n_vocab), np.float32)
        self._placed_filters = self._place(self._filters)
        if compute.device.is_host:
            self._begin_threads()

    def _begin_threads(self) -> None:
        """Execute something small, that the thread which the first execution begins be a lazy one."""
        with lazy_timers():
            self.features(np.zeros((self.dims.n_mels, 2), np.float32))
        if self._compute.is_virtual_cpu:
            spread_workers()

    @property
    def wants_equal_lengths(self) -> bool:
        """Whether windows are encoded together: on a GPU, which one by itself does not fill."""
        return not self._compute.device.is_host

    @property
    def can_align(self) -> bool:
        """Whether it was loaded with what ``align`` needs."""
        return self._aligner is not None

    def encode(self, mels: Sequence[NDArray[np.float32]]) -> EncodedAudio:
        """Encode windows of log-mel frames.

        Args:
            mels: float32 (n_mels, n_frames) each, two frames a position; equally many where ``wants_equal_lengths``.
        """
        if self.wants_equal_lengths:
            return self._encode(mels)
        return join([self._encode([mel]) for mel in mels])

    def features(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the encoder makes of ``mel`` (n_mels, n_frames): float32 (n_audio_ctx, n_audio_state)."""
        features: NDArray[np.float32] = self._run_encoder([mel])[0].to_numpy()[0]
        return features

    def _encode(self, mels: Sequence[NDArray[np.float32]]) -> EncodedAudio:
        n_frames = mels[0].shape[1]
        return EncodedAudio(tuple(self._run_encoder(mels)[1:]), (n_frames // 2,) * len(mels))

    def _run_encoder(self, mels: Sequence[NDArray[np.float32]]) -> list[Buffer]:
        pairs = [_paired(mel) for mel in mels]
        outputs: list[Buffer] = self._encoder.execute(
            self._place(np.stack(pairs) if len(pairs) > 1 else pairs[0][None])
        )
        return outputs

    def decoder(self, encoded: EncodedAudio, filters: NDArray[np.float32], n_rows_per_window: int = 1) -> BatchDecoder:
        """Return a decoder that has seen no token yet.

        Args:
            encoded: the windows it listens to.
            filters: float32 (n_filters, n_vocab), what rules add to logits; not changed afterwards.
            n_rows_per_window: how many texts listen to each window; they follow one another.
        """
        if filters is not self._filters:  # the same from call to call, as a rule
            self._filters, self._placed_filters = filters, self._place(filters)
        n_rows = encoded.n_windows * n_rows_per_window
        return BatchDecoder(self._parts, self._placed_filters, encoded, n_rows)

    def align(self, encoded: EncodedAudio, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Return what the alignment heads see while ``tokens``, prompt and text, are written.

        Args:
            encoded: one window.
            tokens: as the decoder was given them.

        Returns:
            float32 (n_heads, n_tokens, n_audio_ctx), before the softmax.
        """
        assert self._aligner is not None, "loaded without alignment"
        n_layers = max(layer for layer, _ in self._heads) + 1
        mask = visibility_mask(np.ones((1, len(tokens)), np.bool_), len(tokens))
        cross_kv = encoded.cross_kv[: 2 * n_layers]
        (scores,) = self._aligner.execute(self._place(np.array([tokens], np.int64)), self._place(mask), *cross_kv)
        result: NDArray[np.float32] = scores.to_numpy()
        return result

    def _place(self, array: NDArray[np.generic]) -> Buffer:
        return Buffer.from_numpy(array).to(self._compute.device)


def n_load_steps(compute: Compute, *, alignment: bool) -> int:
    """Return how many stages loading has: reading the model, and each graph."""
    return 3 + alignment + (not compute.device.is_host)


def _decoder_parts(decoder: Model, dims: ModelDimensions, compute: Compute, rearranger: Model | None) -> DecoderParts:
    if rearranger is None:
        return DecoderParts(decoder, dims, compute)
    return DecoderParts(decoder, dims, compute, rearranger, CapturedSteps(decoder, dims, compute))


class _Loader:
    """Compiles graphs where they never were, and loads them."""

    def __init__(self, compute: Compute, on_progress: OnProgress, n_steps: int, timings: Observer) -> None:
        is_host = compute.device.is_host
        self._session = InferenceSession(devices=[CPU()] if is_host else [compute.device, CPU()])
        self._compute = compute
        self._on_progress = on_progress
        self._n_steps = n_steps
        self._steps_done = 1
        self._timings = timings

    def compile_missing(self, blueprints: Sequence[Blueprint]) -> None:
        """Compile together what was never compiled here, for a CPU.

        Not for a GPU: other processes would find its memory taken by this one.
        """
        places = {blueprint: path for blueprint in blueprints if not (path := blueprint.path(self._compute)).is_file()}
        if not places or not self._compute.device.is_host:
            return
        what, expected_s = f"the {', '.join(blueprint.name for blueprint in places)}", expected_compiling_s(len(places))
        self._tell(f"Compiling {what}", self._steps_done + 1, is_long=True, expected_s=expected_s)
        with self._timings.stage(f"compiling {what}"):
            compile_elsewhere(places)

    def load(self, blueprint: Blueprint, weights: dict[str, Buffer]) -> Model:
        """Bind ``weights`` to a graph; each is one more step of the progress."""
        self._steps_done += 1
        compiled = read_artifact(blueprint.path(self._compute)) or self._compile(blueprint)
        self._tell(f"Loading the {blueprint.name}", self._steps_done, is_long=False, expected_s=0.1)
        with self._timings.stage(f"loading the {blueprint.name}"):
            model = self._session.init(compiled, weights_registry=weights)
        return _TimedModel(model, blueprint.name, self._timings, self._compute) if self._timings.is_on else model

    def _compile(self, blueprint: Blueprint) -> CompiledModel:
        self._tell(f"Compiling the {blueprint.name}", self._steps_done, is_long=True, expected_s=200.0)
        with self._timings.stage(f"compiling the {blueprint.name}"):
            return compile_and_keep(blueprint.path(self._compute), self._session, blueprint.build)

    def _tell(self, stage: str, step: int, *, is_long: bool, expected_s: float) -> None:
        self._on_progress(LoadProgress(stage, step, self._n_steps, is_long, expected_s))


@dataclass(slots=True)
class _TimedModel:
    """A ``Model`` whose passes are timed, to the end of what the device does."""

    model: Model
    name: str
    timings: Observer
    compute: Compute

    def execute(self, *inputs: Buffer) -> list[Buffer]:
        name = self.name
        if name == "decoder":
            name += ", one token" if inputs[0].shape[1] == 1 else ", several tokens"
        with self.timings.stage(name):
            outputs: list[Buffer] = self.model.execute(*inputs)
            self.compute.device.synchronize()
        return outputs

    def capture(self, key: int, *inputs: Buffer) -> list[Buffer]:
        with self.timings.stage(f"{self.name}, captured"):
            outputs: list[Buffer] = self.model.capture(key, *inputs)
        return outputs

    def replay(self, key: int, *inputs: Buffer) -> None:
        with self.timings.stage(f"{self.name}, one token"):
            self.model.replay(key, *inputs)
            self.compute.device.synchronize()

    def release_captured_graph(self, key: int) -> None:
        self.model.release_captured_graph(key)


def _paired(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return mel frames (n_mels, n_frames) as the encoder's graph has them, two side by side; often without a copy."""
    n_mels, n_frames = mel.shape
    return np.ascontiguousarray(mel.T).reshape(n_frames // 2, 2 * n_mels)
