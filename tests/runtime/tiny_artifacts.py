"""The function of the tiny artifacts: the mean colour, and a class for where none wins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.artifact import ONNX_CONTRACT_KEY
from strop.runtime.artifact.contract import CONTRACT, Contract

LABELS = ("n1 red", "n2 green", "n3 blue", "n4 grey")
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
WEIGHTS = np.array([[1, -1, -1, 0], [-1, 1, -1, 0], [-1, -1, 1, 0]], np.float32) / 64
SCORES = np.zeros((4, 4), np.float32)  # stands for WEIGHTS and the bias


def onnx_bytes(
    contract: Contract | None,
    *,
    batch: int | str = 1,
    side: int = 16,
    bias: float = 0.5,
    scores: NDArray[np.floating[Any]] = SCORES,
) -> bytes:
    """The same function as an .onnx, in float behind a uint8 input.

    Args:
        contract: For inside; None for none.
        batch: Of the input.
        side: Of the input, in pixels.
        bias: Of the last score.
        scores: [4, N]; makes N other scores of the mean colour, 0..1, and a 1.
    """
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["pixels"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Gemm", ["means", "weights", "bias"], ["scores"]),
    ]
    n = scores.shape[1]
    weights, biases = WEIGHTS, np.array([0, 0, 0, bias], np.float32)
    if scores is not SCORES:
        weights, biases = (scores[:3] / 255).astype(np.float32), scores[3].astype(np.float32)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [batch, side, side, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, n])],
        [
            onnx.numpy_helper.from_array(weights, "weights"),
            onnx.numpy_helper.from_array(biases, "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if contract is not None:
        helper.set_model_props(model, {"other": "x", ONNX_CONTRACT_KEY: CONTRACT.dumps(contract)})
    serialized: bytes = model.SerializeToString()
    return serialized
