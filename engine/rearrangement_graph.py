"""What lets the rows of the decoder's cache change places on a GPU, as a MAX graph of its own: beams need it."""

from __future__ import annotations

from max.dtype import DType
from max.graph import BufferType, Graph, TensorType, ops

from engine.config import ModelDimensions
from engine.layers import Target


def rearrangement_graph(dims: ModelDimensions, target: Target) -> Graph:
    """Build what lets each row of the self KV go on from what another one remembers.

    Inputs:
        rows: int64 (b), the row whose place each takes.
        self KV: as the decoder has it; what is in its rows moves in place.
    """
    kv = BufferType(
        target.dtype, ["n_keys", "b", dims.n_text_head, dims.n_text_state // dims.n_text_head], target.device
    )
    types = [TensorType(DType.int64, ["b"], target.device), *[kv] * (2 * dims.n_text_layer)]
    with Graph("rearrangement", input_types=types) as graph:
        rows, *caches = graph.inputs
        for cache in caches:
            ops.buffer_store(cache.buffer, ops.gather(ops.buffer_load(cache.buffer), rows.tensor, axis=1))
        graph.output()
    return graph
