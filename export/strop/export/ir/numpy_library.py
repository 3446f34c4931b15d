"""The functions of TensorFlow that float execution uses, on NumPy arrays.

Names, arguments and results are TensorFlow's, https://www.tensorflow.org/api_docs/python/tf, so
that one text runs in either. Convolutions are ONNX Runtime's, whose kernels are as fast as
TensorFlow's; images are NHWC here, and its sessions transpose them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from strop.export.ir.quiet_session import quiet_options
from strop.runtime.engines.silent_onnxruntime import onnxruntime

Array = NDArray[Any]
Pads = str | Sequence[tuple[int, int]]
""""VALID", or what stands before and behind each of the four dimensions."""

MOST_OPEN = 256  # sessions; MobileNetV2 has 53 convolutions
OPSET = 17
IR_VERSION = 8


def _reduced(reduce: Callable[..., Any]) -> Callable[..., Array]:
    def compute(values: Array, axes: Any = None, keepdims: bool = False) -> Array:
        axis = tuple(axes) if isinstance(axes, (list, tuple)) else axes
        found: Array = np.asarray(reduce(values, axis=axis, keepdims=keepdims))
        return found

    return compute


def _mean(values: Array, axis: Any = None, keepdims: bool = False) -> Array:
    # NumPy adds up in the array's own type; float32 loses digits over a batch of images.
    mean: Callable[..., Any] = np.mean  # its types want to know whether dimensions are kept
    found: Array = np.asarray(mean(values, axis=axis, keepdims=keepdims, dtype=np.float64))
    return found.astype(values.dtype)


def _logsumexp(values: Array, axis: int, keepdims: bool = False) -> Array:
    most = values.max(axis=axis, keepdims=True)
    total = np.log(np.exp(values - most).sum(axis=axis, keepdims=True)) + most
    found: Array = total if keepdims else np.squeeze(total, axis)
    return found


def _log_softmax(values: Array) -> Array:
    return values - _logsumexp(values, -1, keepdims=True)


def _softmax(values: Array) -> Array:
    return np.exp(_log_softmax(values))


def _sigmoid(values: Array) -> Array:
    with np.errstate(over="ignore"):  # to 1 / infinity, which is right
        found: Array = 1 / (1 + np.exp(-values))
    return found


def _elu(values: Array) -> Array:
    return np.where(values > 0, values, np.expm1(np.minimum(values, 0)))


def _constant(values: Any) -> Array:
    return np.asarray(values)


def _cast(values: Any, dtype: Any) -> Array:
    return np.asarray(values).astype(dtype)


def _stack(values: Sequence[Array], axis: int) -> Array:
    return np.stack(values, axis)


def _concat(values: Sequence[Array], axis: int) -> Array:
    return np.concatenate(values, axis)


def _split(values: Array, parts: int, axis: int) -> list[Array]:
    return np.split(values, parts, axis)


def _gather(values: Array, places: Array, axis: int) -> Array:
    return np.take(values, places, axis)


def _matmul(left: Array, right: Array, transpose_b: bool = False) -> Array:
    found: Array = left @ (right.T if transpose_b else right)
    return found


def _conv2d(
    image: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilations: Sequence[int]
) -> Array:
    """Convolve images [N, H, W, I] with a kernel [h, w, I, O]."""
    return _convolved(image, kernel.transpose(3, 2, 0, 1), 1, strides, padding, dilations)


def _depthwise_conv2d(
    image: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilations: Sequence[int]
) -> Array:
    """Convolve images [N, H, W, C] with a kernel [h, w, C, M] for each channel."""
    rows, columns, channels, multiplier = kernel.shape
    weights = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, rows, columns)
    return _convolved(image, weights, channels, strides[1:3], padding, dilations)


def _convolved(
    image: Array,
    weights: Array,
    groups: int,
    strides: Sequence[int],
    padding: Pads,
    dilations: Sequence[int],
) -> Array:
    (top, bottom), (left, right) = ((0, 0), (0, 0)) if isinstance(padding, str) else padding[1:3]
    run = _convolution(
        _Weights(np.ascontiguousarray(weights, np.float32)),
        groups,
        tuple(strides),
        (top, left, bottom, right),
        tuple(dilations),
    )
    found: Array = run.run(None, {"image": np.ascontiguousarray(image, np.float32)})[0]
    return found


class _Weights:
    """An array that is equal to others of the same shape and content."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self._digest = hashlib.blake2b(values.tobytes(), digest_size=16).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Weights) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[bytes, tuple[int, ...]]:
        return self._digest, self.values.shape


@lru_cache(maxsize=MOST_OPEN)
def _convolution(
    weights: _Weights,
    groups: int,
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
) -> Any:
    """A session of one convolution; constant weights are laid out once, for its fast kernels."""
    settings: dict[str, Any] = {"strides": strides, "pads": pads, "dilations": dilations}
    nodes = [
        helper.make_node("Transpose", ["image"], ["nchw"], perm=(0, 3, 1, 2)),
        helper.make_node("Conv", ["nchw", "weights"], ["found"], group=groups, **settings),
        helper.make_node("Transpose", ["found"], ["result"], perm=(0, 2, 3, 1)),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4)
        for name in ("image", "result")
    ]
    constant = numpy_helper.from_array(weights.values, "weights")
    graph = helper.make_graph(nodes, "convolution", ends[:1], ends[1:], [constant])
    opsets = [helper.make_opsetid("", OPSET)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    options = quiet_options()
    options.enable_cpu_mem_arena = False  # or each keeps as much as it has ever needed
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _max_pool2d(
    image: Array, window: Sequence[int], strides: Sequence[int], padding: Pads
) -> Array:
    wide = image
    if not isinstance(padding, str):
        wide = np.pad(image, padding, constant_values=-np.inf)
    views = _taps(wide, window, strides)
    found = views[0].copy()
    for view in views[1:]:
        np.maximum(found, view, out=found)
    return found


def _avg_pool2d(image: Array, window: Sequence[int], strides: Sequence[int], padding: str) -> Array:
    del padding  # VALID is what is asked for
    views = _taps(image, window, strides)
    found = views[0].copy()
    for view in views[1:]:
        found += view
    return found / np.float32(len(views))


def _taps(image: Array, window: Sequence[int], strides: Sequence[int]) -> list[Array]:
    """For each place of a window, what stands there for every result."""
    rows, columns = (
        (side - taps) // step + 1
        for side, taps, step in zip(image.shape[1:3], window, strides, strict=True)
    )
    down, right = strides
    return [
        image[
            :,
            row : row + (rows - 1) * down + 1 : down,
            column : column + (columns - 1) * right + 1 : right,
        ]
        for row in range(window[0])
        for column in range(window[1])
    ]


def _uncompiled(run: Callable[..., Any], **settings: Any) -> Callable[..., Any]:
    del settings
    return run


LIBRARY = SimpleNamespace(
    float32=np.float32,
    float64=np.float64,
    int8=np.int8,
    add=np.add,
    subtract=np.subtract,
    multiply=np.multiply,
    exp=np.exp,
    tanh=np.tanh,
    round=np.round,  # half to even, as TensorFlow's
    ones_like=np.ones_like,
    reshape=np.reshape,
    transpose=np.transpose,
    pad=np.pad,
    size=np.size,
    clip_by_value=np.clip,
    reduce_min=_reduced(np.min),
    reduce_max=_reduced(np.max),
    reduce_mean=_reduced(_mean),
    reduce_sum=_reduced(np.sum),
    reduce_any=_reduced(np.any),
    reduce_logsumexp=_logsumexp,
    sigmoid=_sigmoid,
    constant=_constant,
    cast=_cast,
    stack=_stack,
    concat=_concat,
    split=_split,
    gather=_gather,
    matmul=_matmul,
    function=_uncompiled,
    math=SimpleNamespace(count_nonzero=np.count_nonzero),
    nn=SimpleNamespace(
        relu=lambda values: np.maximum(values, 0),
        relu6=lambda values: np.clip(values, 0, 6),
        elu=_elu,
        softmax=_softmax,
        log_softmax=_log_softmax,
        conv2d=_conv2d,
        depthwise_conv2d=_depthwise_conv2d,
        max_pool2d=_max_pool2d,
        avg_pool2d=_avg_pool2d,
    ),
)
