"""Which graphs a model needs, and all that shapes each: enough to find its artifact, or to build it in any process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from max.dtype import DType
from max.graph import Graph

from engine.alignment_graph import alignment_graph
from engine.compiled import artifact_path
from engine.config import ModelDimensions
from engine.devices import Compute
from engine.graph import SpecialIds, decoder_graph, encoder_graph
from engine.layers import Target
from engine.rearrangement_graph import rearrangement_graph

GraphName = Literal["encoder", "decoder", "alignment", "rearrangement"]
Heads = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A graph as it is to be compiled.

    Attributes:
        name: which of a model's graphs.
        dims: the model's dimensions.
        target: what it is built for.
        ids: what the decoder must know of the vocabulary.
        heads: (layer, head) of those whose attention follows the audio, for the alignment.
    """

    name: GraphName
    dims: ModelDimensions
    target: Target
    ids: SpecialIds | None = None
    heads: Heads = ()

    def build(self) -> Graph:
        """Build the graph."""
        match self.name:
            case "encoder":
                return encoder_graph(self.dims, self.target)
            case "decoder":
                assert self.ids is not None
                return decoder_graph(self.dims, self.target, self.ids)
            case "alignment":
                return alignment_graph(self.dims, self.target, self.heads)
            case "rearrangement":
                return rearrangement_graph(self.dims, self.target)

    def path(self, compute: Compute) -> Path:
        """Return where its artifact for ``compute`` is kept."""
        return artifact_path(self.name, compute.identity, repr(self))


def blueprints_of(
    dims: ModelDimensions, ids: SpecialIds, heads: Heads, target: Target, few_rows: Target
) -> dict[str, Blueprint]:
    """Return all graphs of a model, by name.

    Args:
        dims: its dimensions.
        ids: what the decoder must know of its vocabulary.
        heads: of the alignment, at least one.
        target: what they are built for.
        few_rows: the same for those of the decoder, see ``engine.weights``.
    """
    found = [
        Blueprint("encoder", dims, target),
        Blueprint("decoder", dims, few_rows, ids=ids),
        Blueprint("alignment", dims, few_rows, heads=heads),
    ]
    if target.is_gpu:
        found.append(Blueprint("rearrangement", dims, target))
    return {blueprint.name: blueprint for blueprint in found}


def possible_blueprints(dims: ModelDimensions, ids: SpecialIds, heads: Heads, compute: Compute) -> list[Blueprint]:
    """Return all graphs that a model may have, whichever numbers its weights turn out to be."""
    target = compute.target
    halves = [replace(target, matrix_dtype=dtype) for dtype in (DType.float16, DType.float32)]
    decoders = [target] if target.is_gpu else halves
    blueprints = [blueprints_of(dims, ids, heads, target, few_rows) for few_rows in decoders]
    return list(dict.fromkeys(blueprint for each in blueprints for blueprint in each.values()))


def usual_heads(dims: ModelDimensions) -> Heads:
    """Return all heads of the upper half of the decoder: whisper/model.py, where a checkpoint names none."""
    layers = range(dims.n_text_layer // 2, dims.n_text_layer)
    return tuple((layer, head) for layer in layers for head in range(dims.n_text_head))
