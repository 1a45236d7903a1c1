"""The two compiled networks on their device: numpy in, numpy out.

The only file that runs MAX models.  All of it belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from max.driver import CPU, Buffer
from max.dtype import DType
from max.engine import InferenceSession, Model
from max.graph import Graph
from numpy.typing import NDArray

from engine.checkpoint import Checkpoint
from engine.compiled import artifact_path, compile_and_keep, read_artifact
from engine.config import ModelDimensions
from engine.decoding import Prediction, Row
from engine.devices import Compute
from engine.graph import SpecialIds, decoder_graph, encoder_graph
from engine.layers import Target
from engine.progress import LoadProgress, OnProgress


@dataclass(frozen=True, slots=True, eq=False)
class EncodedAudio:
    """Windows of encoded audio, on the device.

    Attributes:
        features: float32 (n_windows, n_audio_ctx, n_audio_state).
        cross_kv: per decoder layer key and value, (n_windows, n_audio_ctx, n_text_head, d_head).
    """

    features: Buffer
    cross_kv: tuple[Buffer, ...]

    def window(self, i: int) -> EncodedAudio:
        """Return window ``i`` alone."""
        one = slice(i, i + 1)
        return EncodedAudio(self.features[one, :, :], tuple(kv[one, :, :, :] for kv in self.cross_kv))

    @property
    def n_windows(self) -> int:
        """How many windows were encoded together."""
        return int(self.features.shape[0])


class Networks:
    """Encoder and decoder of one checkpoint, compiled for and loaded on one device.

    Attributes:
        dims: the model's dimensions.
        filters: float32 (n_filters, n_vocab), rows as in ``Filter``.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        ids: SpecialIds,
        filters: NDArray[np.float32],
        compute: Compute,
        on_progress: OnProgress,
    ) -> None:
        """Load the artifacts, compiling first what was never compiled here.

        Args:
            checkpoint: whose weights are bound to the graphs.
            ids: the vocabulary's special tokens.
            filters: float32 (n_filters, n_vocab), rows as in ``Filter``.
            compute: the device.
            on_progress: told of each stage as it begins.

        Raises:
            ModelLoadError: an artifact cannot be made or kept.
        """
        self.dims = checkpoint.dimensions
        self._compute = compute
        session = InferenceSession(devices=[CPU()] if compute.device.is_host else [compute.device, CPU()])
        loader = _Loader(session, self.dims, compute, on_progress)
        dims = self.dims
        for_encoder, for_decoder = _weights_by_network(checkpoint.weights)
        target = compute.target
        weights = {name: _to_device(value, compute.target.dtype, compute) for name, value in for_encoder.items()}
        self._encoder = loader.load("encoder", lambda: encoder_graph(dims, target), target, weights, 1)
        few_rows = _with_kernel(target, for_decoder)
        weights = {name: _to_device(v, few_rows.dtype_of(v.ndim), compute) for name, v in for_decoder.items()}
        self._decoder = loader.load("decoder", lambda: decoder_graph(dims, few_rows, ids), few_rows, weights, 2)
        self.filters = filters
        self._filters = self._place(np.ascontiguousarray(filters))

    def encode(self, mels: NDArray[np.float32]) -> EncodedAudio:
        """Encode ``mels``, float32 (n_windows, n_mels, n_frames): an even number of frames, at most two a position."""
        n_windows, n_mels, n_frames = mels.shape
        pairs = np.ascontiguousarray(mels.transpose(0, 2, 1)).reshape(n_windows, n_frames // 2, 2 * n_mels)
        features, *cross_kv = self._encoder.execute(self._place(pairs))
        return EncodedAudio(features, tuple(cross_kv))

    def decoder(self, encoded: EncodedAudio, n_rows_per_window: int = 1) -> BatchDecoder:
        """Return a decoder over ``encoded`` that has seen no token yet; the rows of a window follow one another."""
        n_rows = encoded.n_windows * n_rows_per_window
        return BatchDecoder(self._decoder, self._filters, encoded.cross_kv, n_rows, self.dims, self._compute)

    def _place(self, array: NDArray[np.generic]) -> Buffer:
        return Buffer.from_numpy(array).to(self._compute.device)


class BatchDecoder:
    """The decoder over some windows, with the self KV of the tokens it was given (an ``engine.decoding.TextDecoder``).

    The cache is kept in place: a pass writes the new keys and values into the next slots and sees only the filled
    ones, so its cost follows the text, not the cache.  Rows that bring fewer tokens than the longest, and tokens that
    were forgotten, leave slots that are not visible.
    """

    def __init__(
        self,
        model: Model,
        filters: Buffer,
        cross_kv: tuple[Buffer, ...],
        n_rows: int,
        dims: ModelDimensions,
        compute: Compute,
    ) -> None:
        self._model, self._filters, self._dims, self._device = model, filters, dims, compute.device
        self._cross_kv = cross_kv
        # Room for the longest text behind the longest first pass, whatever was forgotten of that.
        shape = (dims.n_text_ctx * 3 // 2, n_rows, dims.n_text_head, dims.n_text_state // dims.n_text_head)
        self._self_kv = [Buffer(compute.target.dtype, shape, compute.device) for _ in range(2 * dims.n_text_layer)]
        self._visible = np.zeros((n_rows, 0), np.bool_)
        """(n_rows, n_slots): which filled slots hold a token of the row."""

    def advance(self, rows: Sequence[Row]) -> Prediction:
        """Append the tokens of every row and predict the successors of the sampled ones."""
        n_slots, n_tokens = self._visible.shape[1], max(len(row.tokens) for row in rows)
        n_past = self._visible.sum(axis=1)[:, None]
        is_token = np.array([[i < len(row.tokens) for i in range(n_tokens)] for row in rows])
        positions = np.minimum(n_past + np.arange(n_tokens), self._dims.n_text_ctx - 1)
        self._visible = np.concatenate([self._visible, is_token], axis=1)
        rules = [row.rules for row in rows]
        ids, logprobs, no_speech, logits = self._model.execute(
            self._place(_padded([row.tokens for row in rows], 0)),
            self._place(positions),
            self._place(visibility_mask(self._visible, n_tokens)),
            Buffer.from_numpy(np.array(n_slots, np.int64)),
            self._place(_padded([row.sampled for row in rows], 0)),
            self._filters,
            self._place(_padded([[rule.filter for rule in row] for row in rules], 0)),
            self._place(_padded([[rule.times for rule in row] for row in rules], (0, 0))),
            *self._cross_kv,
            *(cache[: n_slots + n_tokens, :, :, :] for cache in self._self_kv),
        )
        return Prediction(ids.to_numpy(), logprobs.to_numpy(), no_speech.to_numpy(), logits.to_numpy)

    def truncate(self, n_tokens: Sequence[int]) -> None:
        """Forget all but the first ``n_tokens`` of each row."""
        self._visible &= self._visible.cumsum(axis=1) <= np.array(n_tokens)[:, None]
        filled = np.flatnonzero(self._visible.any(axis=0))
        self._visible = self._visible[:, : filled[-1] + 1 if len(filled) else 0]

    def keep(self, rows: Sequence[int]) -> bool:
        """Go on with ``rows`` alone where they are few and copying them is cheap: on the host."""
        if not self._device.is_host or len(rows) > _WORTH_COPYING * len(self._visible):
            return False
        self._cross_kv = tuple(Buffer.from_numpy(np.take(kv.to_numpy(), rows, 0)) for kv in self._cross_kv)
        self._remember(rows)
        return True

    def rearrange(self, rows: Sequence[int]) -> None:
        """Let row i go on from what row ``rows[i]`` remembers; all rows look at one window."""
        if list(rows) != list(range(len(self._visible))):
            self._remember(rows)

    def _remember(self, rows: Sequence[int]) -> None:
        """Let row i of the self KV be what ``rows[i]`` was."""
        n_slots = self._visible.shape[1]
        self._visible = self._visible[list(rows)]
        for i, cache in enumerate(self._self_kv):
            # Through whole arrays on the host: copies between slices of buffers are not waited for.
            before = _as_bits(cache).to_numpy()
            after = np.empty((len(before), len(rows), *before.shape[2:]), before.dtype)
            after[:n_slots] = before[:n_slots, list(rows)]
            self._self_kv[i] = Buffer.from_numpy(after).view(cache.dtype).to(self._device)

    def _place(self, array: NDArray[np.generic]) -> Buffer:
        return Buffer.from_numpy(np.ascontiguousarray(array)).to(self._device)


_WORTH_COPYING = 0.6
"""Below this share of unfinished rows, a step without the others pays for copying the rest."""


def visibility_mask(visible: NDArray[np.bool_], n_tokens: int) -> NDArray[np.float32]:
    """Return float32 (n_rows, n_tokens, n_slots): 0 where a new token may look, -inf elsewhere.

    Args:
        visible: (n_rows, n_slots), which slots hold a token of the row.
        n_tokens: how many of the slots, at the end, are new.  A token sees the visible slots up to its own, and its
            own even where it is padding: a row of -inf has no softmax.
    """
    n_slots = visible.shape[1]
    may_look = np.tri(n_tokens, n_slots, n_slots - n_tokens, dtype=np.bool_) & visible[:, None]
    may_look |= np.eye(n_tokens, n_slots, n_slots - n_tokens, dtype=np.bool_)
    return np.where(may_look, np.float32(0), np.float32(-np.inf))


def _as_bits(buffer: Buffer) -> Buffer:
    """A view that numpy understands: it has no bfloat16."""
    return buffer.view(DType.uint16) if buffer.dtype == DType.bfloat16 else buffer


def _padded(rows: Sequence[Sequence[Any]], padding: Any) -> NDArray[np.int64]:  # noqa: ANN401  # ints or pairs of them
    n = max(map(len, rows))
    return np.array([[*row, *[padding] * (n - len(row))] for row in rows], np.int64)


@dataclass(frozen=True, slots=True)
class _Loader:
    session: InferenceSession
    dims: ModelDimensions
    compute: Compute
    on_progress: OnProgress

    def load(
        self, name: str, build: Callable[[], Graph], target: Target, weights: dict[str, Buffer], step: int
    ) -> Model:
        types = f"{target.dtype} {target.matrix_dtype}"
        path = artifact_path(name, repr(self.dims), self.compute.identity, types)
        compiled = read_artifact(path)
        if compiled is None:
            self.on_progress(LoadProgress(f"Compiling the {name}", step + 1, 3, True, 90.0))
            compiled = compile_and_keep(path, self.session, build)
        else:
            self.on_progress(LoadProgress(f"Loading the {name}", step + 1, 3, False, 0.1))
        return self.session.init(compiled, weights_registry=weights)


Weights = Mapping[str, NDArray[np.float32]]


def _weights_by_network(weights: Weights) -> tuple[Weights, Weights]:
    """The weights of the encoder's graph, which computes the cross KV too, and those of the decoder's."""
    for_encoder = {n: v for n, v in weights.items() if n.startswith("encoder.") or ".cross_attention.kv." in n}
    return for_encoder, {name: value for name, value in weights.items() if name not in for_encoder}


def _with_kernel(target: Target, weights: Weights) -> Target:
    """On the CPU our own kernel reads the matrices, in half precision where nothing is lost: most were published so."""
    if target.is_gpu:
        return target
    is_half = all(_is_half(value) for value in weights.values() if value.ndim == 2)
    return replace(target, matrix_dtype=DType.float16 if is_half else DType.float32)


def _is_half(values: NDArray[np.float32]) -> bool:
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype(np.float16), values)


def _to_device(values: NDArray[np.float32], dtype: DType, compute: Compute) -> Buffer:
    if dtype == DType.bfloat16:
        return _to_bfloat16(values).to(compute.device)
    return Buffer.from_numpy(np.ascontiguousarray(values, dtype.to_numpy())).to(compute.device)


def _to_bfloat16(values: NDArray[np.float32]) -> Buffer:
    """Round to nearest even: numpy has no bfloat16, so its bits are made by hand."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))
    return Buffer.from_numpy((rounded >> 16).astype(np.uint16)).view(DType.bfloat16)
