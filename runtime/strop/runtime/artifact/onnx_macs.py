"""Counts the multiplications of an .onnx as ONNX Runtime runs it, without the onnx package.

ONNX Runtime replaces operations by others, whose shapes are in no file; its profile of one run
has them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from strop.runtime.artifact.onnx_graph import OnnxGraph, OnnxNode
from strop.runtime.errors import ArtifactError
from strop.runtime.records.json_reader import parse_json
from strop.runtime.records.user_files import read_file

# Where the weights are among the inputs.
CONVOLUTIONS = MappingProxyType(
    {"Conv": 1, "FusedConv": 1, "NhwcFusedConv": 1, "ConvInteger": 1, "QLinearConv": 3}
)
PRODUCTS = MappingProxyType(
    {
        "Gemm": 1,
        "FusedGemm": 1,
        "MatMul": 1,
        "FusedMatMul": 1,
        "MatMulInteger": 1,
        "MatMulIntegerToFloat": 1,
        "DynamicQuantizeMatMul": 1,
        "QLinearMatMul": 3,
        "QGemm": 3,
    }
)
UNCOUNTED = frozenset(
    {"ConvTranspose", "QLinearConvTranspose", "Einsum", "Attention", "QAttention", "LSTM", "GRU"}
)
SUFFIX = "_kernel_time"
NEEDED = {"node_index", "op_name", "output_type_shape"}
MAX_PROFILE_BYTES = 1 << 28
# What a profile in another form than that of today's ONNX Runtime ends in.
UNEXPECTED = (AttributeError, LookupError, TypeError, ValueError)


def count_macs(graph: OnnxGraph, profile: Path) -> tuple[int | None, ...]:
    """Count the multiply-adds of each node.

    Args:
        graph: As ONNX Runtime runs it.
        profile: That ONNX Runtime wrote of one run of it.

    Returns:
        0 for what has no weights, None where it is not known.

    Source: onnxruntime, core/framework/sequential_executor.cc ("output_type_shape").
    """
    try:
        shapes = _shapes(read_profile(profile))
    except (ArtifactError, *UNEXPECTED):
        # ONNX Runtime writes names as they are, and quotes in them are no JSON.
        shapes = {}
    unnamed: Counter[str] = Counter()
    found = []
    for node in graph.nodes:
        key = (node.kind, node.name, 0)
        if not node.name:
            key = (node.kind, "", unnamed[node.kind])
            unnamed[node.kind] += 1
        found.append(macs(node, graph, shapes.get(key)))
    return tuple(found)


def read_profile(path: Path) -> list[Any]:
    """Read the events that ONNX Runtime wrote.

    Raises:
        ArtifactError: It is not JSON that `parse_json` reads.
    """
    remedy = "is a name in the .onnx no plain text?"
    content = read_file(path, max_bytes=MAX_PROFILE_BYTES, error=ArtifactError, remedy=remedy)
    where = "the profile that ONNX Runtime wrote"
    found = parse_json(content, where=where, error=ArtifactError, remedy=remedy)
    return found if isinstance(found, list) else []


def _shapes(events: Sequence[Any]) -> dict[tuple[str, str, int], tuple[int, ...]]:
    """Shape of each node's first result, by kind and name, or by its place among those without.

    Nodes lie in the file in the order of their index. One without a name is called by its kind
    and index.
    """
    found = {}
    unnamed: Counter[str] = Counter()
    told = [
        event
        for event in events
        if str(event.get("name", "")).endswith(SUFFIX) and event.get("args", {}).keys() >= NEEDED
    ]
    for event in sorted(told, key=lambda event: int(event["args"]["node_index"])):
        about, name = event["args"], event["name"].removesuffix(SUFFIX)
        kind, place = str(about["op_name"]), 0
        if name == f"{kind}_{about['node_index']}":
            name, place = "", unnamed[kind]
            unnamed[kind] += 1
        if about["output_type_shape"]:
            (shape,) = about["output_type_shape"][0].values()
            found[kind, name, place] = tuple(int(side) for side in shape)
    return found


def macs(node: OnnxNode, graph: OnnxGraph, shape: tuple[int, ...] | None) -> int | None:
    """Count those of one node, whose first result has this shape, if that is known."""
    if node.kind in UNCOUNTED:
        return None
    place = CONVOLUTIONS.get(node.kind, PRODUCTS.get(node.kind))
    if place is None:
        return 0
    weights = graph.constants.get(node.inputs[place]) if place < len(node.inputs) else None
    if not weights or not shape:
        return None
    # Every result is a sum over all weights of its channel.
    channels = weights[0] if node.kind in CONVOLUTIONS else shape[-1]
    return math.prod(shape) * (math.prod(weights) // channels)
