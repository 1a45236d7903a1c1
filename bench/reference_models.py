"""The packaged checkpoint as models of openai-whisper and of Hugging Face, and what each layer makes of sound."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import whisper
from max.driver import CPU
from max.dtype import DType
from max.engine import InferenceSession
from max.graph import Graph, TensorType, ops
from numpy.typing import NDArray

from engine import graph as graphs
from engine.checkpoint import Checkpoint
from engine.checkpoints.names import OPENAI, under_their_names
from engine.compiled import artifact_path, compile_and_keep
from engine.config import ModelDimensions
from engine.convolution import convolve_pairs, convolve_with_stride_two
from engine.devices import choose_compute
from engine.layers import Scope, Target, layer_norm
from engine.weights import placed_weights

Array = NDArray[np.floating]


def openai_model(checkpoint: Checkpoint) -> whisper.Whisper:
    model = whisper.Whisper(whisper.ModelDimensions(**asdict(checkpoint.dimensions)))
    weights = {name: torch.from_numpy(values) for name, values in under_their_names(checkpoint.weights, OPENAI).items()}
    model.load_state_dict(weights)
    return model.eval()


def layers_graph(dims: ModelDimensions, target: Target) -> Graph:
    """The encoder of ``engine.graph``, which tells what every layer makes of the sound."""
    mel_type = TensorType(DType.float32, ["batch", "n_audio_ctx", 2 * dims.n_mels], target.device)
    n_state = dims.n_audio_state
    with Graph("audio_encoder_layers", input_types=[mel_type], custom_extensions=target.extensions) as graph:
        scope, mel = Scope(target) / "encoder", graph.inputs[0].tensor
        x = ops.gelu(convolve_pairs(scope / "conv1", mel, dims.n_mels, n_state))
        x = ops.gelu(convolve_with_stride_two(scope / "conv2", x, n_state))
        positions = scope.weight("positions", dims.n_audio_ctx, n_state)
        x = x + ops.slice_tensor(positions, [(slice(0, graphs.length(x)), x.shape[1]), slice(None)])
        outputs = [x]
        for i in range(dims.n_audio_layer):
            outputs.append(graphs.encoder_layer(scope / "layers" / i, outputs[-1], dims))
        graph.output(*outputs, layer_norm(scope / "norm", outputs[-1], n_state))
    return graph


def our_layers(checkpoint: Checkpoint, mel: Array) -> list[Array]:
    """What our encoder's convolutions and layers return for ``mel``, float32 (n_mels, n_frames)."""
    dims, compute = checkpoint.dimensions, choose_compute("cpu")
    session = InferenceSession(devices=[CPU()])
    path = artifact_path(
        "encoder-layers", repr(dims), compute.identity, str(compute.target), Path(__file__).read_text(encoding="utf-8")
    )
    compiled = compile_and_keep(path, session, lambda: layers_graph(dims, compute.target))
    model = session.init(compiled, weights_registry=placed_weights(checkpoint, compute).encoder)
    pairs = np.ascontiguousarray(mel.T).reshape(1, mel.shape[1] // 2, 2 * mel.shape[0])
    return [output.to_numpy() for output in model.execute(pairs)]


Output = torch.Tensor | tuple[torch.Tensor, ...]


class Layers:
    """What goes into the first of some blocks, and what comes out of each, the last time they ran."""

    def __init__(self, blocks: torch.nn.ModuleList) -> None:
        self.outputs: list[Array] = []
        blocks[0].register_forward_pre_hook(self._begin, with_kwargs=True)
        for block in blocks:
            block.register_forward_hook(self._end)

    def _begin(self, _: torch.nn.Module, inputs: tuple[torch.Tensor, ...], named: dict[str, torch.Tensor]) -> None:
        self.outputs.clear()
        self._keep(inputs[0] if inputs else named["hidden_states"])

    def _end(self, _: torch.nn.Module, __: tuple[torch.Tensor, ...], output: Output) -> None:
        self._keep(output)

    def _keep(self, output: Output) -> None:
        self.outputs.append((output[0] if isinstance(output, tuple) else output).numpy().copy())
