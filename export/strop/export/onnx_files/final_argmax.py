"""Finds the scores that an argmax at the end of an .onnx chooses from."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

CLASS_AXES = {1: False, -3: False, 3: True, -1: True}  # of a map: whether its classes come last
PASSED_OVER = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
CLASSES_SUFFIX = "/classes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Argmax:
    """The end of a model that gives the class of each pixel.

    Attributes:
        model: The same with one output more: the scores have the name of the classes, and these a
            new one.
        classes: The new name.
        has_classes_last: Whether the scores are [N, H, W, classes].
    """

    model: onnx.ModelProto
    classes: str
    has_classes_last: bool


def final_argmax(model: onnx.ModelProto, output: str) -> Argmax | None:
    """Put the scores beside the classes that a model gives; None where it gives none.

    Of equal scores the argmax must take the first class, as strop does.

    Args:
        model: Vetted.
        output: The only one that is wanted.
    """
    made_by = {name: node for node in model.graph.node for name in node.output}
    node = made_by.get(output)
    while node is not None and node.op_type in PASSED_OVER:
        node = made_by.get(node.input[0])
    if node is None or node.op_type != "ArgMax":
        return None
    said = {item.name: item.i for item in node.attribute}
    axis = said.get("axis", 0)
    if axis not in CLASS_AXES or said.get("select_last_index", 0) or node.input[0] not in made_by:
        return None
    scores, classes = node.input[0], f"{output}{CLASSES_SUFFIX}"
    new = {scores: output, output: classes}
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for each in changed.graph.node:
        each.input[:] = [new.get(name, name) for name in each.input]
        each.output[:] = [new.get(name, name) for name in each.output]
    for value in (*changed.graph.output, *changed.graph.value_info):
        value.name = new.get(value.name, value.name)
    changed.graph.output.append(
        onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)
    )
    return Argmax(model=changed, classes=classes, has_classes_last=CLASS_AXES[axis])
