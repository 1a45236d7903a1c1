"""The two compiled networks on their device: numpy in, numpy out.

The only file that runs MAX models.  All of it belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from max.driver import CPU, Buffer
from max.dtype import DType
from max.engine import InferenceSession, Model
from max.graph import Graph
from numpy.typing import NDArray

from engine.checkpoint import Checkpoint
from engine.compiled import artifact_path, compile_and_keep, read_artifact
from engine.config import ModelDimensions
from engine.decoding import Filter, Prediction
from engine.devices import Compute
from engine.graph import decoder_graph, encoder_graph
from engine.progress import LoadProgress, OnProgress


@dataclass(frozen=True, slots=True, eq=False)
class EncodedAudio:
    """One window of encoded audio, on the device.

    Attributes:
        features: float32 (1, n_audio_ctx, n_audio_state).
        cross_kv: per decoder layer key and value, (1, n_audio_ctx, n_text_head, d_head).
    """

    features: Buffer
    cross_kv: tuple[Buffer, ...]


class Networks:
    """Encoder and decoder of one checkpoint, compiled for and loaded on one device."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        no_speech_id: int,
        filters: NDArray[np.float32],
        compute: Compute,
        on_progress: OnProgress,
    ) -> None:
        """Load the artifacts, compiling first what was never compiled here.

        Args:
            checkpoint: whose weights are bound to the graphs.
            no_speech_id: the token whose probability is reported beside each pick.
            filters: float32 (n_filters, n_vocab), rows as in ``Filter``.
            compute: the device.
            on_progress: told of each stage as it begins.

        Raises:
            ModelLoadError: an artifact cannot be made or kept.
        """
        self.dims = checkpoint.dimensions
        self._compute = compute
        self._weights = {name: _to_device(value, compute) for name, value in checkpoint.weights.items()}
        session = InferenceSession(devices=[CPU()] if compute.device.is_host else [compute.device, CPU()])
        loader = _Loader(session, self.dims, compute, on_progress)
        dims, target = self.dims, compute.target
        self._encoder = loader.load("encoder", lambda: encoder_graph(dims, target), self._weights, 1)
        self._decoder = loader.load("decoder", lambda: decoder_graph(dims, target, no_speech_id), self._weights, 2)
        self._filters = Buffer.from_numpy(np.ascontiguousarray(filters)).to(compute.device)

    def encode(self, mel: NDArray[np.float32]) -> EncodedAudio:
        """Encode ``mel``, float32 (n_mels, n_frames) with an even number of frames, at most twice the context."""
        n_mels, n_frames = mel.shape
        pairs = np.ascontiguousarray(mel.T).reshape(1, n_frames // 2, 2 * n_mels)
        features, *cross_kv = self._encoder.execute(self._place(pairs))
        return EncodedAudio(features, tuple(cross_kv))

    def decoder(self, encoded: EncodedAudio) -> WindowDecoder:
        """Return a decoder over ``encoded`` that has seen no token yet."""
        return WindowDecoder(self._decoder, self._filters, encoded, self.dims, self._compute)

    def _place(self, array: NDArray[np.generic]) -> Buffer:
        return Buffer.from_numpy(array).to(self._compute.device)


class WindowDecoder:
    """The decoder over one window, with the self KV of the tokens it was given (an ``engine.decoding.TextDecoder``).

    The cache is kept in place: a pass writes the new keys and values behind the past ones and sees only the filled
    front, so its cost follows the text, not the cache; forgetting tokens is setting a number.
    """

    def __init__(
        self, model: Model, filters: Buffer, encoded: EncodedAudio, dims: ModelDimensions, compute: Compute
    ) -> None:
        self._model, self._filters, self._encoded, self._device = model, filters, encoded, compute.device
        shape = (dims.n_text_ctx, 1, dims.n_text_head, dims.n_text_state // dims.n_text_head)
        self._self_kv = [
            Buffer.zeros(shape, compute.target.dtype, compute.device) for _ in range(2 * dims.n_text_layer)
        ]
        self._n_past = 0

    def advance(self, tokens: Sequence[int], sampled: Sequence[int], filters: Sequence[Filter]) -> Prediction:
        """Append ``tokens`` and predict the successors of those at the indices ``sampled``."""
        n_keys = self._n_past + len(tokens)
        positions = np.arange(self._n_past, n_keys, dtype=np.int64)
        ids, logprobs, no_speech = self._model.execute(
            self._row(tokens),
            self._row(positions),
            self._place(causal_mask(self._n_past, len(tokens))[None]),
            Buffer.from_numpy(np.array(self._n_past, np.int64)),
            self._row(sampled),
            self._filters,
            self._row(filters),
            *self._encoded.cross_kv,
            *(cache[:n_keys, :, :, :] for cache in self._self_kv),
        )
        self._n_past = n_keys
        return Prediction(ids.to_numpy()[0], logprobs.to_numpy()[0], no_speech.to_numpy()[0])

    def truncate(self, n_tokens: int) -> None:
        """Forget all but the first ``n_tokens`` tokens."""
        self._n_past = min(self._n_past, n_tokens)

    def _row(self, values: Sequence[int] | NDArray[np.int64]) -> Buffer:
        return self._place(np.array(values, np.int64)[None])

    def _place(self, array: NDArray[np.generic]) -> Buffer:
        return Buffer.from_numpy(array).to(self._device)


def causal_mask(n_past: int, n_tokens: int) -> NDArray[np.float32]:
    """Return float32 (n_tokens, n_past + n_tokens): 0 where a new token may look, -inf at its successors."""
    return np.triu(np.full((n_tokens, n_past + n_tokens), -np.inf, np.float32), k=n_past + 1)


@dataclass(frozen=True, slots=True)
class _Loader:
    session: InferenceSession
    dims: ModelDimensions
    compute: Compute
    on_progress: OnProgress

    def load(self, name: str, build: Callable[[], Graph], weights: dict[str, Buffer], step: int) -> Model:
        path = artifact_path(name, repr(self.dims), self.compute.identity, str(self.compute.target.dtype))
        compiled = read_artifact(path)
        if compiled is None:
            self.on_progress(LoadProgress(f"Compiling the {name}", step + 1, 3, True, 90.0))
            compiled = compile_and_keep(path, self.session, build)
        else:
            self.on_progress(LoadProgress(f"Loading the {name}", step + 1, 3, False, 0.1))
        return self.session.init(compiled, weights_registry=weights)


def _to_device(values: NDArray[np.float32], compute: Compute) -> Buffer:
    if compute.target.dtype == DType.float32:
        return Buffer.from_numpy(np.ascontiguousarray(values)).to(compute.device)
    return _to_bfloat16(values).to(compute.device)


def _to_bfloat16(values: NDArray[np.float32]) -> Buffer:
    """Round to nearest even: numpy has no bfloat16, so its bits are made by hand."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))
    return Buffer.from_numpy((rounded >> 16).astype(np.uint16)).view(DType.bfloat16)
