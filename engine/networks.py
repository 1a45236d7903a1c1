"""The two compiled networks on their device: numpy in, numpy out.

The only file that runs MAX models.  All of it belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from max.driver import CPU, Buffer
from max.dtype import DType
from max.engine import InferenceSession, Model
from max.graph import Graph
from numpy.typing import NDArray

from engine.alignment_graph import alignment_graph
from engine.batch_decoder import BatchDecoder, DecoderParts, visibility_mask
from engine.captured_steps import CapturedSteps
from engine.checkpoint import Checkpoint
from engine.compiled import artifact_path, compile_and_keep, read_artifact
from engine.config import ModelDimensions
from engine.devices import Compute
from engine.encoded import EncodedAudio, join
from engine.graph import SpecialIds, decoder_graph, encoder_graph
from engine.layers import Target
from engine.progress import LoadProgress, OnProgress
from engine.rearrangement_graph import rearrangement_graph
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
        session = InferenceSession(devices=[CPU()] if compute.device.is_host else [compute.device, CPU()])
        loader = _Loader(session, self.dims, compute, on_progress, n_load_steps(compute, alignment=alignment), timings)
        dims = self.dims
        with timings.stage("placing the weights"):
            weights = placed_weights(checkpoint, compute)
        target, few_rows = compute.target, weights.few_rows
        self._encoder = loader.load("encoder", lambda: encoder_graph(dims, target), target, weights.encoder)
        self._decoder = loader.load("decoder", lambda: decoder_graph(dims, few_rows, ids), few_rows, weights.decoder)
        self._heads = checkpoint.alignment_heads or _usual_heads(self.dims)
        self._aligner = None
        if alignment:
            heads = self._heads
            self._aligner = loader.load(
                "alignment", lambda: alignment_graph(dims, few_rows, heads), few_rows, weights.decoder, repr(heads)
            )
        self._parts = self._decoder_parts(loader)
        self._filters = np.zeros((0, dims.n_vocab), np.float32)
        self._placed_filters = self._place(self._filters)
        if compute.device.is_host:
            self._begin_threads()

    def _begin_threads(self) -> None:
        """Execute something small, that the thread which the first execution begins be a lazy one."""
        with lazy_timers():
            self.features(np.zeros((self.dims.n_mels, 2), np.float32))
        if self._compute.is_virtual_cpu:
            spread_workers()

    def _decoder_parts(self, loader: _Loader) -> DecoderParts:
        dims, compute, decoder = self.dims, self._compute, self._decoder
        if compute.device.is_host:
            return DecoderParts(decoder, dims, compute)
        rearranger = loader.load("rearrangement", lambda: rearrangement_graph(dims, compute.target), compute.target, {})
        return DecoderParts(decoder, dims, compute, rearranger, CapturedSteps(decoder, dims, compute))

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


@dataclass(slots=True)
class _Loader:
    session: InferenceSession
    dims: ModelDimensions
    compute: Compute
    on_progress: OnProgress
    n_steps: int
    timings: Observer
    steps_done: int = 1

    def load(
        self, name: str, build: Callable[[], Graph], target: Target, weights: dict[str, Buffer], *shaping: str
    ) -> Model:
        """Load graph ``name``, compiled for ``target`` and ``shaping``; each call is one more step of the progress."""
        path = artifact_path(*_key(name, self.dims, self.compute, target), *shaping)
        self.steps_done += 1
        compiled = read_artifact(path)
        if compiled is None:
            expected_s = 90.0 if self.compute.device.is_host else 200.0
            self.on_progress(LoadProgress(f"Compiling the {name}", self.steps_done, self.n_steps, True, expected_s))
            with self.timings.stage(f"compiling the {name}"):
                compiled = compile_and_keep(path, self.session, build)
        else:
            self.on_progress(LoadProgress(f"Loading the {name}", self.steps_done, self.n_steps, False, 0.1))
        with self.timings.stage(f"loading the {name}"):
            model = self.session.init(compiled, weights_registry=weights)
        return _TimedModel(model, name, self.timings, self.compute) if self.timings.is_on else model


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


def artifact_keys(dims: ModelDimensions, heads: tuple[tuple[int, int], ...], compute: Compute) -> list[tuple[str, ...]]:
    """Return what ``artifact_path`` takes, for each artifact that models of these dimensions and heads may have."""
    halves = [replace(compute.target, matrix_dtype=dtype) for dtype in (DType.float16, DType.float32)]
    decoders = [compute.target] if compute.target.is_gpu else halves
    shaping = repr(heads or _usual_heads(dims))
    keys = [_key("encoder", dims, compute, compute.target)]
    for target in decoders:
        keys += [_key("decoder", dims, compute, target), (*_key("alignment", dims, compute, target), shaping)]
    return [*keys, _key("rearrangement", dims, compute, compute.target)] if compute.target.is_gpu else keys


def _key(name: str, dims: ModelDimensions, compute: Compute, target: Target) -> tuple[str, ...]:
    types = f"{target.dtype} {target.matrix_dtype} {target.cross_kv_dtype} {target.is_int16}"
    return name, repr(dims), compute.identity, types


def _paired(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return mel frames (n_mels, n_frames) as the encoder's graph has them, two side by side; often without a copy."""
    n_mels, n_frames = mel.shape
    return np.ascontiguousarray(mel.T).reshape(n_frames // 2, 2 * n_mels)


def _usual_heads(dims: ModelDimensions) -> tuple[tuple[int, int], ...]:
    """All heads of the upper half of the decoder: whisper/model.py, where a checkpoint names none."""
    layers = range(dims.n_text_layer // 2, dims.n_text_layer)
    return tuple((layer, head) for layer in layers for head in range(dims.n_text_head))
