"""Computes the parts of an .onnx that depend on no picture: weights' shapes, reshapes' targets.

What PyTorch writes for x.view(x.size(0), -1) is a dozen operations on integers. They are computed
here with NumPy, once the shapes are known. Nothing is allocated that the file does not account for:
results have at most MAX_ELEMENTS numbers, and the sizes are checked first.

Source: https://onnx.ai/onnx/operators/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from strop.export.ir.graph import Array

EPSILON = 1e-5  # the default of BatchNormalization
MAX_ELEMENTS = 2**26  # of a folded result; the largest weights of EfficientNet-B7 have 1.6 million
Attributes = dict[str, Any]
Compute = Callable[[Sequence[Array], Attributes], Array]


class TooLargeError(ValueError):
    """A constant would have more than MAX_ELEMENTS numbers."""


def attributes_of(node: onnx.NodeProto) -> Attributes:
    """A node's attributes by name; tensors as arrays, text as str."""
    return {item.name: _attribute(item) for item in node.attribute}


def _attribute(item: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(item)
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def fold(kind: str, inputs: Sequence[Array], attributes: Attributes) -> Array | None:
    """Compute one operation on constants.

    Args:
        kind: ONNX' name of it.
        inputs: Their values, in order; those that are left out are missing at the end only.
        attributes: By name.

    Returns:
        Its first result; None where it is none that is computed here.

    Raises:
        TooLargeError: The result would have more than MAX_ELEMENTS numbers.
        ValueError, LookupError, TypeError: The inputs do not fit.
    """
    compute = FOLDS.get(kind)
    if compute is None:
        return None
    if kind in BROADCASTING:
        _check(np.broadcast_shapes(*(values.shape for values in inputs)))
    with np.errstate(all="ignore"):
        result = np.asarray(compute(inputs, attributes))
    _check(result.shape)
    return result


def axes_of(inputs: Sequence[Array], attributes: Attributes, place: int = 1) -> list[int] | None:
    """Axes that older opsets have as an attribute, newer ones as an input; None for neither."""
    if len(inputs) > place:
        return [int(axis) for axis in inputs[place].reshape(-1)]
    axes = attributes.get("axes")
    return None if axes is None else [int(axis) for axis in axes]


def target_shape(before: Sequence[int], wanted: Sequence[int], *, keeps_zero: bool) -> list[int]:
    """A Reshape's target with its 0 and -1 filled in.

    Raises:
        ValueError: It holds another number of values.
    """
    sides = [
        before[at] if side == 0 and not keeps_zero else int(side) for at, side in enumerate(wanted)
    ]
    known = prod(side for side in sides if side != -1)
    if -1 in sides:
        sides[sides.index(-1)] = prod(before) // max(known, 1)
    if prod(sides) != prod(before) or min(sides, default=1) < 0:
        raise ValueError(f"a reshape of {tuple(before)} to {tuple(wanted)}")
    return sides


def slices_of(inputs: Sequence[Array], attributes: Attributes, rank: int) -> list[slice]:
    """What a Slice takes along every dimension."""
    if len(inputs) > 1:
        starts, ends, *rest = (values.reshape(-1).tolist() for values in inputs[1:])
        axes = rest[0] if rest else None
        steps = rest[1] if len(rest) > 1 else None
    else:
        starts, ends = attributes["starts"], attributes["ends"]
        axes, steps = attributes.get("axes"), None
    found = [slice(None)] * rank
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = at if axes is None else int(axes[at])
        step = 1 if steps is None else int(steps[at])
        # A backward slice to before the first place has an end that NumPy counts from the back.
        is_to_first = step < 0 and end < -(2**31)
        found[axis] = slice(int(start), None if is_to_first else int(end), step)
    return found


def _check(shape: Sequence[int]) -> None:
    if prod(shape) > MAX_ELEMENTS:
        raise TooLargeError(f"{'x'.join(map(str, shape))} numbers, at most {MAX_ELEMENTS}")


def _sized(shape: Sequence[int]) -> list[int]:
    sides = [int(side) for side in shape]
    if min(sides, default=0) < 0:
        raise ValueError(f"a side below 0 in {sides}")
    _check(sides)
    return sides


def _constant(inputs: Sequence[Array], attributes: Attributes) -> Array:
    del inputs
    if "value" in attributes:
        return np.asarray(attributes["value"])
    for name, dtype in (("value_float", np.float32), ("value_int", np.int64)):
        for each in (name, f"{name}s"):
            if each in attributes:
                return np.asarray(attributes[each], dtype)
    raise ValueError("a Constant without a value")


def _filled(inputs: Sequence[Array], attributes: Attributes) -> Array:
    value = attributes.get("value", np.zeros(1, np.float32)).reshape(())
    return np.full(_sized(inputs[0].tolist()), value)


def _reshape(inputs: Sequence[Array], attributes: Attributes) -> Array:
    keeps_zero = bool(attributes.get("allowzero", 0))
    wanted = inputs[1].reshape(-1).tolist()
    return inputs[0].reshape(target_shape(inputs[0].shape, wanted, keeps_zero=keeps_zero))


def _squeeze(inputs: Sequence[Array], attributes: Attributes) -> Array:
    axes = axes_of(inputs, attributes)
    return np.squeeze(inputs[0], None if axes is None else tuple(axes))


def _unsqueeze(inputs: Sequence[Array], attributes: Attributes) -> Array:
    return np.expand_dims(inputs[0], tuple(axes_of(inputs, attributes) or ()))


def _transpose(inputs: Sequence[Array], attributes: Attributes) -> Array:
    return np.transpose(inputs[0], attributes.get("perm"))


def _gather(inputs: Sequence[Array], attributes: Attributes) -> Array:
    data, places = inputs
    axis = attributes.get("axis", 0)
    _check((*data.shape[:axis], *places.shape, *data.shape[axis + 1 :]))
    return np.take(data, places, axis)


def _slice(inputs: Sequence[Array], attributes: Attributes) -> Array:
    return inputs[0][tuple(slices_of(inputs, attributes, inputs[0].ndim))]


def _cast(inputs: Sequence[Array], attributes: Attributes) -> Array:
    dtype = helper.tensor_dtype_to_np_dtype(attributes["to"])
    return inputs[0].astype(dtype)


def _divide(inputs: Sequence[Array], attributes: Attributes) -> Array:
    del attributes
    left, right = inputs
    if left.dtype.kind in "iu":  # towards zero, as in C
        return (np.sign(left) * np.sign(right) * (abs(left) // abs(right))).astype(left.dtype)
    return np.asarray(left / right)


def _range(inputs: Sequence[Array], attributes: Attributes) -> Array:
    del attributes
    start, limit, step = (values.item() for values in inputs)
    _check((max(int(np.ceil((limit - start) / step)), 0),))
    return np.asarray(np.arange(start, limit, step)).astype(inputs[0].dtype)


def _expand(inputs: Sequence[Array], attributes: Attributes) -> Array:
    del attributes
    shape = np.broadcast_shapes(inputs[0].shape, tuple(_sized(inputs[1].tolist())))
    _check(shape)
    return np.broadcast_to(inputs[0], shape)


def _tile(inputs: Sequence[Array], attributes: Attributes) -> Array:
    del attributes
    times = inputs[1].tolist()
    _check([side * time for side, time in zip(inputs[0].shape, times, strict=True)])
    return np.tile(inputs[0], times)


def _concat(inputs: Sequence[Array], attributes: Attributes) -> Array:
    return np.concatenate(inputs, attributes.get("axis", 1))


def _reduced(reduce: Any) -> Compute:
    def compute(inputs: Sequence[Array], attributes: Attributes) -> Array:
        axes = axes_of(inputs, attributes)
        keeps = bool(attributes.get("keepdims", 1))
        return np.asarray(
            reduce(inputs[0], axis=None if axes is None else tuple(axes), keepdims=keeps)
        )

    return compute


def _accumulated(inputs: Sequence[Array], attributes: Attributes) -> Array:
    values, axis = inputs[0], int(inputs[1].item())
    if attributes.get("reverse", 0):
        return np.flip(
            _accumulated([np.flip(values, axis), inputs[1]], {**attributes, "reverse": 0}), axis
        )
    found = np.cumsum(values, axis, dtype=values.dtype)
    return found - values if attributes.get("exclusive", 0) else found


def _standardized(inputs: Sequence[Array], attributes: Attributes) -> Array:
    """BatchNormalization; of weights, as Weight Standardization has it, by their own statistics."""
    values, scale, offset, mean, variance = inputs
    if attributes.get("training_mode", 0):
        others = tuple(axis for axis in range(values.ndim) if axis != 1)
        mean, variance = (
            np.asarray(found(values, axis=others, dtype=np.float64)) for found in (np.mean, np.var)
        )
    factor = scale / np.sqrt(variance + attributes.get("epsilon", EPSILON))
    shape = (-1, *(1,) * (values.ndim - 2))
    result = (values - mean.reshape(shape)) * factor.reshape(shape) + offset.reshape(shape)
    return np.asarray(result, values.dtype)


def _plain(function: Callable[..., Any]) -> Compute:
    """Of a function of the inputs alone, which keeps the first one's type."""

    def compute(inputs: Sequence[Array], attributes: Attributes) -> Array:
        del attributes
        return np.asarray(function(*inputs))

    return compute


def _kept(inputs: Sequence[Array], attributes: Attributes) -> Array:
    del attributes
    return inputs[0]


BROADCASTING: dict[str, Compute] = {
    "Add": _plain(np.add),
    "Sub": _plain(np.subtract),
    "Mul": _plain(np.multiply),
    "Div": _divide,
    "Mod": _plain(np.mod),
    "Pow": _plain(np.power),
    "Min": _plain(lambda *values: np.minimum.reduce(values)),
    "Max": _plain(lambda *values: np.maximum.reduce(values)),
    "Equal": _plain(np.equal),
    "Less": _plain(np.less),
    "Greater": _plain(np.greater),
    "And": _plain(np.logical_and),
    "Or": _plain(np.logical_or),
    "Where": _plain(np.where),
}
FOLDS: dict[str, Compute] = {
    **BROADCASTING,
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Identity": _kept,
    "Dropout": _kept,
    "Cast": _cast,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "Range": _range,
    "Expand": _expand,
    "Tile": _tile,
    "Shape": _plain(lambda values: np.array(values.shape, np.int64)),
    "Size": _plain(lambda values: np.array(values.size, np.int64)),
    "Neg": _plain(np.negative),
    "Abs": _plain(np.abs),
    "Not": _plain(np.logical_not),
    "Floor": _plain(np.floor),
    "Ceil": _plain(np.ceil),
    "Sqrt": _plain(np.sqrt),
    "Reciprocal": _plain(np.reciprocal),
    "Exp": _plain(np.exp),
    "CumSum": _accumulated,
    "BatchNormalization": _standardized,
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "ReduceMean": _reduced(np.mean),
}
