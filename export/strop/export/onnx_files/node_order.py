"""Puts the nodes of an .onnx into the order in which they are computed.

ONNX asks for it, and ONNX Runtime does without: onnxconverter-common appends a float16 model's
casts at the end.
"""

from __future__ import annotations

from graphlib import TopologicalSorter

import onnx


def put_in_order(graph: onnx.GraphProto) -> None:
    """Reorder the nodes in place, where one reads what only a later one gives.

    Raises:
        graphlib.CycleError: Nodes wait for each other.
    """
    maker = {name: at for at, node in enumerate(graph.node) for name in node.output if name}
    needed = [{maker[name] for name in node.input if name in maker} for node in graph.node]
    if all(other < at for at, others in enumerate(needed) for other in others):
        return
    order = list(TopologicalSorter(dict(enumerate(needed))).static_order())
    nodes = [onnx.NodeProto.FromString(graph.node[at].SerializeToString()) for at in order]
    del graph.node[:]
    graph.node.extend(nodes)
