"""The function of the tiny artifacts: the mean colour, and a class for where none wins."""

from __future__ import annotations

import numpy as np

from strop.runtime.artifact import ONNX_CONTRACT_KEY
from strop.runtime.contract import Contract

LABELS = ("n1 red", "n2 green", "n3 blue", "n4 grey")
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
WEIGHTS = np.array([[1, -1, -1, 0], [-1, 1, -1, 0], [-1, -1, 1, 0]], np.float32) / 64


def onnx_bytes(
    contract: Contract | None, *, batch: int | str = 1, side: int = 16, bias: float = 0.5
) -> bytes:
    """The same function as an .onnx, in float behind a uint8 input of side x side pixels."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["pixels"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Gemm", ["means", "weights", "bias"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [batch, side, side, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 4])],
        [
            onnx.numpy_helper.from_array(WEIGHTS, "weights"),
            onnx.numpy_helper.from_array(np.array([0, 0, 0, bias], np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if contract is not None:
        helper.set_model_props(model, {"other": "x", ONNX_CONTRACT_KEY: contract.to_json()})
    serialized: bytes = model.SerializeToString()
    return serialized
