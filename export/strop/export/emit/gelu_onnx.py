"""Teaches tf2onnx TFLite's GELU, which it lacks of the operations of Keras' transformers.

Source: https://onnx.ai/onnx/operators/onnx__Gelu.html, whose function body this is; ONNX has the
operation itself from version 20 on.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tf2onnx import utils
from tf2onnx.handler import tfl_op

CUBIC = 0.044715


def teach_gelu() -> None:
    """Register the handler with tf2onnx; a second call changes nothing."""
    tfl_op(["TFL_GELU"])(_Gelu)


class _Gelu:
    """Rewrites GELU as nodes of TensorFlow, which tf2onnx converts further."""

    @classmethod
    def to_tf(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        del kwargs
        image, results, is_approximate = node.input[0], node.output, node.attr["approximate"].i
        sides = {"shapes": node.output_shapes, "dtypes": node.output_dtypes}
        name = node.name
        ctx.remove_node(name)

        def add(kind: str, *inputs: str, **kwargs: Any) -> str:
            made = ctx.make_node(kind, list(inputs), skip_conversion=False, **sides, **kwargs)
            output: str = made.output[0]
            return output

        def constant(value: float) -> str:
            made = ctx.make_const(utils.make_name("gelu"), np.array(value, np.float32))
            output: str = made.output[0]
            return output

        if is_approximate:
            cube = add("Mul", add("Mul", image, image), add("Mul", image, constant(CUBIC)))
            inner = add("Mul", add("Add", image, cube), constant(math.sqrt(2 / math.pi)))
            bent = add("Tanh", inner)
        else:
            bent = add("Erf", add("Mul", image, constant(math.sqrt(0.5))))
        gate = add("Mul", add("Add", bent, constant(1.0)), constant(0.5))
        add("Mul", image, gate, outputs=results, name=name)
