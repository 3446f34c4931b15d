"""Decide every integer of the int8 graph: scales, zero points, weights, biases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from math import prod

import numpy as np

from strop.export.ir.graph import (
    CODE_MAX,
    CODE_MIN,
    LINEAR,
    Array,
    Graph,
    Kind,
    Op,
    QuantParams,
    Tensor,
)
from strop.export.passes.fold import PIXELS, DeployGraph, InputValues
from strop.export.passes.scale_sharing import FIXED, SHARING, sharing_groups
from strop.export.quantize.calibrate import Calibration, Range
from strop.export.quantize.scale_floors import with_floors
from strop.export.quantize.tie_free_scales import TieFreeScales, tie_free_scales
from strop.runtime.errors import QuantizationError

CODES = CODE_MAX - CODE_MIN
WEIGHT_MAX = 127  # symmetric; -128 is never used (TFLite quantization specification)
BIAS_MAX = 2**30  # half of int32's: the accumulator has to hold the products as well
# Below this share of an output step per product, a channel's weights are nothing at all, and
# kernels refuse the ratio (XNNPACK: input scale * weight scale / output scale >= 2^-32).
SMALLEST_RATIO = 2.0**-24
# From here on one step of the input is more than all codes of the output, so that larger weights
# change nothing, and XNNPACK refuses the file. Source: its src/operators/convolution-nhwc.c,
# "requantization scale ... is greater or equal to 256.0".
LARGEST_RATIO = 255.0
WHOLE = 1e-5  # of a multiple; float32 keeps 6e-8 of it
# Where values cancel out, what is left is rounding, a thousandth of a step of the inputs. Kernels
# refuse to compute it: half of what ONNX Runtime's mean and XNNPACK's sums and products take.
# Source: MlasQLinearGlobalAveragePool, "parameter out of computation range"; xnnpack.py.
MOST_STEPS = 128.0
RESCALING = frozenset({Kind.MEAN, Kind.ADD, Kind.SUB, Kind.MUL})
# A row of several outputs is never computed: each has codes of its own.
ALWAYS_FLOAT = frozenset({Kind.FLOAT, Kind.OUTPUTS})


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantizedGraph:
    """A graph with all of its integers decided.

    Attributes:
        graph: Every tensor has `quant` and every constant `codes`, but for those that only
            operations kept in float read or write.
        input_offset: Pixel that is the input's real 0: its code is pixel - 128.
        values: What the source takes.
        is_symmetric: The zero points are 0, see `DeployGraph`.
        near_ties: Sums, products and means for which no scale keeps its distance from
            rounding ties, and results of islands; kernels may differ there by one code.
    """

    graph: Graph
    input_offset: int
    values: InputValues = PIXELS
    is_symmetric: bool = False
    near_ties: tuple[str, ...] = ()


def quantize(
    deploy: DeployGraph,
    calibration: Calibration,
    *,
    kept: Collection[str] = (),
    ends_in_float: bool = False,
) -> QuantizedGraph:
    """Turn ranges into scales, and weights and biases into integers.

    Activations are int8 per tensor, weights int8 per output channel and symmetric,
    biases int32 in units of input scale * weight scale. Rounding is to the nearest
    code, ties to even.

    Args:
        deploy: The folded graph.
        calibration: A range for every activation of it.
        kept: Results of the operations that are to compute in float, beside the islands. A
            result that only these read is not quantized either.
        ends_in_float: Whether the scores are not quantized either; what computes them is kept.

    Returns:
        The graph that both emitters write.

    Source: TensorFlow Lite 8-bit quantization specification,
    https://ai.google.dev/edge/litert/models/quantization_spec
    """
    graph = deploy.graph
    snapped = _activation_params(deploy, calibration)
    params = snapped.params
    islands = frozenset(op.output for op in graph.ops if op.kind in ALWAYS_FLOAT)
    kept = islands.union(kept)
    reals = float_results(graph, kept)
    if ends_in_float:
        reals |= {graph.output}
    tensors = {
        name: replace(tensor, quant=params[name])
        if name in params and name not in reals
        else tensor
        for name, tensor in graph.tensors.items()
    }
    ops = []
    for op in graph.ops:
        if op.output in kept:
            constants = _float_constants(graph, op)
            tensors |= {copy.name: copy for copy in constants.values()}
            names = tuple(constants[name].name if name in constants else name for name in op.inputs)
            ops.append(replace(op, inputs=names))
        elif op.kind in LINEAR:
            weights, bias = _linear_constants(graph, op, params)
            tensors |= {weights.name: weights, bias.name: bias}
            ops.append(replace(op, inputs=(op.inputs[0], weights.name, bias.name)))
        else:
            for name in op.inputs:
                if graph.is_constant(name):
                    tensors[name] = _elementwise_constant(graph.tensors[name], params[name])
            ops.append(op)
    return QuantizedGraph(
        graph=graph.rewired(ops, added=tensors.values()),
        input_offset=deploy.input_offset,
        values=deploy.values,
        is_symmetric=deploy.is_symmetric,
        # Floats are as near to ties as it happens.
        near_ties=(
            *(name for name in snapped.near_ties if name not in kept),
            *sorted(islands - reals),
        ),
    )


def float_results(graph: Graph, kept: Collection[str] = ()) -> frozenset[str]:
    """Results of islands and kept operations that no other operation reads: they have no codes."""
    always = {op.output: op.kind for op in graph.ops if op.kind in ALWAYS_FLOAT}
    kept = frozenset(always).union(kept)
    return frozenset(
        name
        for name in kept
        if always.get(name) is Kind.OUTPUTS
        or (name != graph.output and all(op.output in kept for op in graph.consumers(name)))
    )


def _float_constants(graph: Graph, op: Op) -> dict[str, Tensor]:
    """An operation's constants by name, as copies: others may read the same in int8."""
    return {
        name: replace(graph.tensors[name], name=f"{op.output}/real{at}")
        for at, name in enumerate(op.inputs)
        if graph.is_constant(name)
    }


def params_from_range(
    found: Range, *, is_symmetric: bool = False, least: float = 0.0
) -> QuantParams:
    """Scale and zero point that cover a range and represent 0 exactly.

    Args:
        found: The range.
        is_symmetric: With zero point 0; of a range that begins at 0 half of the codes are lost.
        least: No scale is smaller.

    Source: B. Jacob et al., CVPR 2018, section 3 (nudged so that 0 is a code).
    """
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    if low == high:
        # Always 0 on the calibration images; any scale says so.
        zero_point = 0 if is_symmetric else CODE_MIN
        return QuantParams(scales=(_as_float32(1 / CODES),), zero_point=zero_point)
    if is_symmetric:
        scale = _as_float32(max(max(-low, high) / CODE_MAX, least))
        return QuantParams(scales=(scale,), zero_point=0)
    scale = _as_float32(max((high - low) / CODES, least))
    zero_point = int(np.clip(np.rint(CODE_MIN - low / scale), CODE_MIN, CODE_MAX))
    return QuantParams(scales=(scale,), zero_point=zero_point)


def _activation_params(deploy: DeployGraph, calibration: Calibration) -> TieFreeScales:
    """For every activation, and for the constants that are operands like them."""
    graph = deploy.graph
    fixed = {op.output: FIXED[op.kind] for op in graph.ops if op.kind in FIXED}
    fixed[graph.input] = QuantParams(
        scales=(deploy.input_scale,), zero_point=deploy.input_offset + CODE_MIN
    )
    make = partial(params_from_range, is_symmetric=deploy.is_symmetric)
    params = _operand_params(graph, make)
    ranges: dict[str, Range] = {}
    group_of: dict[str, Sequence[str]] = {}
    groups = sharing_groups(graph)
    for group in groups:
        found = [fixed[name] for name in group if name in fixed]
        if any(other != found[0] for other in found):
            raise QuantizationError(
                f"{', '.join(group)}: these are concatenated and must share one scale, but their"
                " operations fix different ones; export with --precision float32"
            )
        shared = _covering(graph, group, calibration)
        chosen = found[0] if found else make(shared)
        params |= dict.fromkeys(group, chosen)
        ranges |= dict.fromkeys(group, shared)
        group_of |= dict.fromkeys(group, group)
    for op in graph.ops:
        least = _least_scale(op, params)
        if params[op.output].scale < least and fixed.keys().isdisjoint(group_of[op.output]):
            chosen = make(ranges[op.output], least=least)
            params |= dict.fromkeys(group_of[op.output], chosen)
    return tie_free_scales(graph, with_floors(graph, params, groups, fixed), groups, fixed)


def _least_scale(op: Op, params: Mapping[str, QuantParams]) -> float:
    """The scale of an operation's result below which there is nothing to see but rounding."""
    if op.kind not in RESCALING:
        return 0.0
    scales = [params[name].scale for name in op.inputs]
    return (prod(scales) if op.kind is Kind.MUL else max(scales)) / MOST_STEPS


def _covering(graph: Graph, group: Sequence[str], calibration: Calibration) -> Range:
    """A range for all of a group: what is copied takes no other values than where it is from.

    Only the sources' ranges count, since these are the ones that may have been narrowed.
    """
    sources = [
        name
        for name in group
        if (producer := graph.producer(name)) is None or producer.kind not in SHARING
    ]
    return reduce(Range.union, map(calibration.range, sources))


def _operand_params(graph: Graph, make: Callable[[Range], QuantParams]) -> dict[str, QuantParams]:
    """For the constants of elementwise operations, int8 per tensor over their own range."""
    names = {name for op in graph.ops if op.kind not in LINEAR for name in op.inputs}
    return {
        name: _whole_params(data) or make(Range(low=float(data.min()), high=float(data.max())))
        for name in sorted(names)
        if (data := graph.tensors[name].data) is not None
    }


def _whole_params(data: Array) -> QuantParams | None:
    """For several values that are small multiples of one number: that is the scale, exactly."""
    values = np.unique(np.abs(data[data != 0]).astype(np.float64))
    if len(values) < 2:
        return None
    for most in range(2, CODE_MAX + 1):
        multiples = values / (values[-1] / most)
        if np.abs(multiples - np.rint(multiples)).max() < WHOLE:
            return QuantParams(scales=(_as_float32(values[-1] / most),), zero_point=0)
    return None


def _linear_constants(
    graph: Graph, op: Op, params: Mapping[str, QuantParams]
) -> tuple[Tensor, Tensor]:
    """Weights [..] int8 and bias [channels] int32 of one linear operation."""
    weights, bias = graph.data(op.inputs[1]), graph.data(op.inputs[2])
    axis = 3 if op.kind is Kind.DEPTHWISE else 0
    input_scale, output_scale = params[op.inputs[0]].scale, params[op.output].scale
    scales = _weight_scales(weights, bias, axis, input_scale, output_scale)
    steps = along(scales, axis, weights.ndim)
    codes = np.rint(weights / steps).clip(-WEIGHT_MAX, WEIGHT_MAX).astype(np.int8)
    bias_scales = (np.float32(input_scale) * scales).astype(np.float32)
    bias_codes = np.rint(bias.astype(np.float64) / bias_scales).astype(np.int32)
    prefix = op.output
    return (
        Tensor(
            name=f"{prefix}/weights",
            shape=weights.shape,
            codes=codes,
            quant=QuantParams(scales=tuple(scales.tolist()), axis=axis),
        ),
        Tensor(
            name=f"{prefix}/bias",
            shape=bias.shape,
            codes=bias_codes,
            quant=QuantParams(scales=tuple(bias_scales.tolist()), axis=0),
        ),
    )


def along(scales: Array, axis: int, rank: int) -> Array:
    """Shape one scale per channel to multiply a tensor of `rank` dimensions along `axis`."""
    shape = [1] * rank
    shape[axis] = -1
    return scales.reshape(shape)


def _weight_scales(
    weights: Array, bias: Array, axis: int, input_scale: float, output_scale: float
) -> Array:
    """Scale per output channel, float32 [channels]."""
    others = tuple(dimension for dimension in range(weights.ndim) if dimension != axis)
    largest = np.abs(weights).max(others).astype(np.float64)
    smallest = np.maximum(
        np.abs(bias.astype(np.float64)) / (input_scale * BIAS_MAX),
        SMALLEST_RATIO * output_scale / input_scale,
    )
    enough = np.minimum(largest / WEIGHT_MAX, LARGEST_RATIO * output_scale / input_scale)
    scales: Array = np.maximum(enough, smallest).astype(np.float32)
    return scales


def _elementwise_constant(tensor: Tensor, quant: QuantParams) -> Tensor:
    """A constant operand of ADD, SUB or MUL, int8 per tensor."""
    data = tensor.data
    if data is None:
        return tensor
    codes = np.rint(data / quant.scale) + quant.zero_point
    return replace(
        tensor, codes=codes.clip(CODE_MIN, CODE_MAX).astype(np.int8), quant=quant, data=None
    )


def _as_float32(value: float) -> float:
    """`value` as both file formats store it."""
    return float(np.float32(value))
