"""A detector that finds the same boxes in every picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.artifact import ONNX_CONTRACT_KEY
from strop.runtime.artifact.contract import (
    CONTRACT,
    Activation,
    Contract,
    OutputContract,
    ResizeRule,
    Task,
)
from strop.runtime.artifact.detection import BoxCoding, BoxOrder, Detection

SIDE = 16
# Top, left, bottom, right in shares of the input; the second covers most of the first.
BOXES = np.array([[0.25, 0.25, 0.75, 0.5], [0.25, 0.25, 0.75, 0.55], [0.5, 0.5, 1.5, 0.75]])
SCORES = np.array([[0.9, 0.1], [0.8, 0.2], [0.05, 0.6]])
CORNERS = Detection(coding=BoxCoding.BOXES, order=BoxOrder.YXYX, iou_threshold=0.5)


def contract_of(
    resize: ResizeRule = ResizeRule.STRETCH,
    detection: Detection = CORNERS,
    labels: tuple[str, ...] = ("shoe", "bag"),
) -> Contract:
    return Contract(
        height=SIDE,
        width=SIDE,
        resize=resize,
        crop_fraction=1.0,
        outputs=(
            OutputContract(name="boxes", task=Task.DETECT),
            OutputContract(
                name="scores", task=Task.DETECT, activation=Activation.NONE, labels=labels
            ),
        ),
        detection=detection,
        strop_version="1",
    )


def detector_onnx(
    contract: Contract | None,
    *,
    boxes: NDArray[np.float64] = BOXES,
    scores: NDArray[np.float64] = SCORES,
) -> bytes:
    """Write it as an .onnx of uint8 pixels, with two outputs."""
    from onnx import TensorProto, helper, numpy_helper

    made = {"boxes": boxes, "scores": scores}
    nodes = [
        helper.make_node("Cast", ["pixels"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        *(helper.make_node("Add", [f"{name} here", "nothing"], [name]) for name in made),
    ]
    constants = [numpy_helper.from_array(np.zeros(1, np.float32), "zero")] + [
        numpy_helper.from_array(each[None].astype(np.float32), f"{name} here")
        for name, each in made.items()
    ]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *each.shape])
            for name, each in made.items()
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if contract is not None:
        helper.set_model_props(model, {ONNX_CONTRACT_KEY: CONTRACT.dumps(contract)})
    serialized: bytes = model.SerializeToString()
    return serialized
