"""Finds the group normalizations that PyTorch writes as instance normalizations of a reshape.

Up to opset 17 ONNX has no other way. Read as they stand, their reshape of channels and pixels into
one row would need the picture in the order of the .onnx: a transposition before and behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from strop.export.ir.graph import Array
from strop.export.onnx_files.reading import Node


def group_norms(nodes: list[Node], constants: Mapping[str, Array]) -> list[Node]:
    """Write Reshape to (N, groups, rest), InstanceNormalization and Reshape as two nodes.

    Args:
        nodes: In order.
        constants: What is known of the file, by name.

    Returns:
        The same function: GroupNormalization, which gives the picture as it was, and the Reshape.
    """
    made = {name: node for node in nodes for name in node.outputs}
    readers = {name: node for node in nodes for name in node.inputs}
    counts = Counter(name for node in nodes for name in node.inputs)
    gone = set()
    for node in nodes:
        if node.kind != "InstanceNormalization" or len(node.inputs) != 3:
            continue
        before, after = made.get(node.inputs[0]), readers.get(node.outputs[0])
        groups = _groups(node, before, constants)
        if before is None or not groups or after is None or after.kind != "Reshape":
            continue
        if counts[node.outputs[0]] == 1 == counts[node.inputs[0]]:
            node.kind = "GroupNormalization"
            node.inputs = (before.inputs[0], *node.inputs[1:])
            node.attributes["num_groups"] = groups
            gone.add(id(before))
    return [node for node in nodes if id(node) not in gone]


def _groups(node: Node, before: Node | None, constants: Mapping[str, Array]) -> int:
    """How many groups an InstanceNormalization is for; 0 if it is of something else."""
    if before is None or before.kind != "Reshape" or len(before.inputs) != 2:
        return 0
    shape, scale = constants.get(before.inputs[1]), constants.get(node.inputs[1])
    if shape is None or scale is None or shape.size != 3 or scale.ndim != 1:
        return 0
    images, groups, rest = shape.reshape(-1).tolist()
    return groups if images in (0, 1) and rest == -1 and groups == len(scale) else 0
