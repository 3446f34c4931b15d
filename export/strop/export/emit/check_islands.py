"""Say before the work starts what of a model would stay in float and may not, or cannot."""

from __future__ import annotations

from strop.export.emit.island_onnx import translated
from strop.export.ir.graph import Graph
from strop.runtime.errors import QuantizationError


def check_islands(graph: Graph, *, full_int8: bool, is_onnx: bool) -> None:
    """Refuse islands that are not wanted, or that a format cannot hold.

    Args:
        graph: A float deploy graph.
        full_int8: Whether nothing may stay in float.
        is_onnx: Whether an .onnx is to be written.

    Raises:
        QuantizationError: There is one; its operation is named.
    """
    islands = {op.island: op.output for op in graph.ops if op.island is not None}
    if full_int8 and islands:
        causes = [cause for island in islands for cause in island.causes]
        first, others = causes[0], len(causes) - 1
        also = f" ({others} more operations are like it)" if others else ""
        raise QuantizationError(
            f"{first.layer}: {first.found}{also}, and --full-int8 keeps nothing in float;"
            f" {first.needs}, or leave --full-int8 out"
        )
    if is_onnx:
        for island, layer in islands.items():
            translated(island, layer)
