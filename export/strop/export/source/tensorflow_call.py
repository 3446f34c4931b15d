"""A layer that calls one function of TensorFlow, of those that only compute."""

from __future__ import annotations

from functools import reduce
from typing import Any

import keras
import tensorflow as tf

REGISTERED = "strop>TensorFlowCall"
TENSOR = "tensor"  # {"tensor": 0} stands for the layer's first input
ELLIPSIS = {"class_name": "__ellipsis__"}  # as Keras 2 writes it
VERSION_1 = "compat.v1."
COMPUTES = {
    "__operators__.": """
        add eq floordiv getitem mod mul ne neg pow sub truediv
    """,
    "math.": """
        abs add add_n argmax ceil cos divide divide_no_nan equal erf exp floor floordiv
        greater greater_equal l2_normalize less less_equal log log1p logical_and logical_not
        logical_or maximum minimum mod multiply negative not_equal pow reciprocal reduce_max
        reduce_mean reduce_min reduce_prod reduce_std reduce_sum reduce_variance round rsqrt
        sigmoid sign sin softplus sqrt square squared_difference subtract tanh truediv
    """,
    "nn.": """
        avg_pool avg_pool2d bias_add depth_to_space elu gelu l2_normalize leaky_relu
        local_response_normalization log_softmax max_pool max_pool2d relu relu6 selu sigmoid
        silu softmax softplus softsign space_to_depth swish tanh
    """,
    "image.": """
        central_crop convert_image_dtype flip_left_right flip_up_down grayscale_to_rgb
        per_image_standardization resize resize_with_crop_or_pad resize_with_pad
        rgb_to_grayscale rgb_to_yuv yuv_to_rgb
    """,
    "": """
        abs add argmax broadcast_to cast clip_by_value concat cos divide exp expand_dims
        fill gather identity matmul maximum minimum multiply negative ones_like pad pow
        reduce_max reduce_mean reduce_min reduce_sum repeat reshape reverse roll round shape
        sigmoid sign sin size slice split sqrt square squeeze stack stop_gradient
        strided_slice subtract tanh tile transpose truediv unstack where zeros_like
    """,
}
"""By the start of their names, functions that neither touch files nor call Python nor loop."""


@keras.saving.register_keras_serializable(package="strop")
class TensorFlowCall(keras.layers.Layer):  # type: ignore[misc]  # keras has no stubs
    """Calls a function of TensorFlow on its inputs.

    Attributes:
        function: The function's name under tf; see `COMPUTES`.
        first: Its first argument, {"tensor": N} for the layer's input N.
        options: Its other arguments by name, in the same way.
    """

    def __init__(self, *, function: str, first: Any, options: dict[str, Any], **layer: Any) -> None:
        super().__init__(**layer)
        if not computes(function):
            raise ValueError(f"tf.{function} is not among the functions that strop calls")
        self.function = function
        self.first = first
        self.options = options

    def call(self, inputs: Any) -> Any:
        """Call the function; one tensor, or a list of them."""
        tensors = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        called = reduce(getattr, self.function.split("."), tf)
        options = {name: _filled(value, tensors) for name, value in self.options.items()}
        return called(_filled(self.first, tensors), **options)

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes, for saving."""
        own = {"function": self.function, "first": self.first, "options": self.options}
        return {**super().get_config(), **own}


def computes(function: str) -> bool:
    """Whether a function of TensorFlow, by its name under tf, may be called."""
    start, dot, name = function.removeprefix(VERSION_1).rpartition(".")
    return name in COMPUTES.get(start + dot, "").split()


def _filled(value: Any, tensors: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_filled(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {TENSOR}:
        return tensors[value[TENSOR]]
    if dict(value) == ELLIPSIS:
        return Ellipsis
    return slice(*(_filled(value[part], tensors) for part in ("start", "stop", "step")))
