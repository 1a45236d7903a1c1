"""A small Whisper with random weights, its truth in float64, and how to run a part of it.

Nothing is right by luck: sizes differ from one another wherever they may.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from max.driver import CPU
from max.dtype import DType
from max.engine import InferenceSession
from max.graph import DeviceRef, Graph, TensorType, TensorValue
from numpy.typing import NDArray
from reference_whisper import (
    decode_logits,
    encode,
    in_float64,
    random_weights,
)

from engine import graph as graphs
from engine.checkpoint import Checkpoint
from engine.config import ModelDimensions
from engine.devices import Compute, choose_compute
from engine.layers import Target
from engine.networks import Networks
from engine.progress import say_nothing
from engine.rules import Filter

DIMS = ModelDimensions(
    n_mels=16,
    n_audio_ctx=40,
    n_audio_state=128,
    n_audio_head=2,
    n_audio_layer=2,
    n_vocab=300,
    n_text_ctx=32,
    n_text_state=128,
    n_text_head=2,
    n_text_layer=2,
)
WEIGHTS = random_weights(DIMS, seed=1)
TRUTH = in_float64(WEIGHTS)
TARGET = Target(DeviceRef.CPU(), DType.float32)
IDS = graphs.SpecialIds(no_speech=7, first_timestamp=260)
TOKENS = [3, 141, 59, 265, 35, 89, 79]
RNG = np.random.default_rng(2)
MEL = RNG.normal(0, 1, (DIMS.n_mels, 2 * DIMS.n_audio_ctx)).astype(np.float32)


FILTERS = np.zeros((len(Filter), DIMS.n_vocab), np.float32)
FILTERS[Filter.AT_START, 100:] = -np.inf
FILTERS[Filter.TIME, : IDS.first_timestamp] = -np.inf


def small_checkpoint_and_compute() -> tuple[Checkpoint, Compute]:
    compute = choose_compute("cpu")
    exact = replace(compute, target=replace(compute.target, cross_dtype=DType.float32, is_int16=False))
    return Checkpoint(DIMS, WEIGHTS, (), (), (), ()), exact


def small_networks() -> Networks:
    checkpoint, compute = small_checkpoint_and_compute()
    return Networks(checkpoint, IDS, compute, say_nothing)


def true_features() -> NDArray[np.float64]:
    return encode(TRUTH, DIMS, MEL.astype(np.float64))


def true_logits() -> NDArray[np.float64]:
    return decode_logits(TRUTH, DIMS, TOKENS, true_features())


def run(shapes: list[list[str | int]], build: Callable[..., list[TensorValue]], *inputs: NDArray) -> list[NDArray]:
    """Compile what ``build`` makes of symbolic inputs, and run it on ``inputs``."""
    types = [TensorType(DType.float32, shape, TARGET.device) for shape in shapes]
    with Graph("part", input_types=types, custom_extensions=TARGET.extensions) as graph:
        graph.output(*build(*(value.tensor for value in graph.inputs)))
    session = InferenceSession(devices=[CPU()])
    model = session.init(session.compile(graph), weights_registry=WEIGHTS)
    return [output.to_numpy() for output in model.execute(*(np.asarray(x, np.float32) for x in inputs))]


def close(expected: NDArray, found: NDArray, tolerance: float = 1e-5) -> None:
    assert expected.shape == found.shape
    assert np.abs(expected - found).max() < tolerance * max(1.0, np.abs(expected).max())


def log_softmax(x: NDArray) -> NDArray:
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
