"""Scale channels so that int8 can carry them; the float function stays the same.

An int8 activation has one scale for all of its channels, so that a channel whose values
are a hundredth of the widest one's is left with two codes. Multiplying a channel by a
factor where it is produced, and dividing by it where it is consumed, changes nothing in
float and evens the channels out.

Sources: M. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
Correction, ICCV 2019, section 4.1 (the idea, between pairs of layers); here along whole
residual chains and through squeeze-and-excite, and with ReLU6 kept exact below what each
channel is expected to reach in use. Swish and hard-swish end a chain: f * x * gate(x) is no
gate of f * x for a factor f of each channel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from strop.export.ir.graph import (
    CONVOLUTIONS,
    POOLS,
    RELU6_LIMIT,
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    Tensor,
    at_inputs,
    float_constant,
)
from strop.export.passes.fold import DeployGraph
from strop.export.quantize.calibrate import Calibration

# They commute with a positive factor per channel: their result carries the same factor.
TRANSPARENT = POOLS | {Kind.ADD, Kind.BILINEAR, Kind.MEAN, Kind.PAD, Kind.CROP, Kind.RELU}
# Half of the way to equal channels: the weights that divide by the factors have one scale
# for all input channels, and lose what the activations win.
CHAIN_EXPONENT = 0.5
# A channel that hardly ever speaks on the calibration images may speak up in use.
LARGEST_FACTOR = 8.0
LARGEST_CLIPPED = 4.0  # of a channel behind ReLU6, which is cut off then
# What a ReLU6 channel is expected to reach in this many times the images of a calibration group:
# a value beyond that is cut off, since 6 stands for less there. EfficientNet-Lite0 of ImageNet in
# float, cut off at the maxima of 100 images, is 5.8e-3 nats away on images left out, and 9e-4 so.
RETURN_GROUPS = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Equalized:
    """A graph whose channels have similar ranges, and its calibration."""

    deploy: DeployGraph
    calibration: Calibration


def equalize(deploy: DeployGraph, calibration: Calibration) -> Equalized:
    """Even out the channels in front of depthwise convolutions and along residual chains.

    Args:
        deploy: The folded graph.
        calibration: Extremes of its channels.

    Returns:
        The same function in float, for inputs within the extremes that are expected.
    """
    graph = deploy.graph
    factors: dict[str, Array] = {}
    for chain in graph.joined_by(lambda op: _carried(graph, op)):
        found = _factors(graph, chain, calibration)
        if found is not None:
            factors |= dict.fromkeys(chain, found)
    ops: list[Op] = []
    constants: list[Tensor] = []
    for op in graph.ops:
        if op.kind not in CONVOLUTIONS:
            ops.append(op)
            continue
        weights, bias = _scaled_constants(graph, op, factors)
        constants += [weights, bias]
        ops.append(replace(op, inputs=(op.inputs[0], weights.name, bias.name)))
    equalized = replace(deploy, graph=graph.rewired(ops, added=constants))
    return Equalized(deploy=equalized, calibration=calibration.scaled(factors))


def _carried(graph: Graph, op: Op) -> tuple[str, ...]:
    """Return the inputs whose factors, all the same, the result of an operation has as well.

    Squeeze-and-excite multiplies every channel by a gate, [1, 1, 1, C]: what it multiplies
    carries its factors through, and the gate is computed from their mean by a convolution,
    which divides by them.
    """
    if op.kind in TRANSPARENT:
        return op.inputs
    if op.kind is not Kind.MUL or op.fused is Fused.RELU6:
        return ()
    gates = [name for name in op.inputs if _is_gate(graph, name)]
    return tuple(name for name in op.inputs if name not in gates) if len(gates) == 1 else ()


def _is_gate(graph: Graph, name: str) -> bool:
    """Whether a tensor is computed, and has one value per channel."""
    shape = graph.tensors[name].shape
    return not graph.is_constant(name) and len(shape) == 4 and shape[:3] == (1, 1, 1)


def _factors(graph: Graph, chain: list[str], calibration: Calibration) -> Array | None:
    """Return one factor per channel, or None where the chain cannot carry any."""
    if graph.input in chain or graph.output in chain:
        return None
    producers = [op for op in graph.ops if op.output in chain]
    consumers = [op for op in graph.ops if not set(op.inputs).isdisjoint(chain)]
    if not all(_scales_its_result(graph, op) for op in producers):
        return None
    if not all(op.kind in CONVOLUTIONS or op.output in chain for op in consumers):
        return None
    is_clipped = any(op.fused is Fused.RELU6 for op in producers)
    extremes = np.max(
        [
            np.maximum(-calibration.low[name], calibration.high[name])
            if not is_clipped
            else calibration.expected_reach(name, RETURN_GROUPS)
            for name in chain
        ],
        axis=0,
    )
    widest = float(extremes.max())
    if widest == 0:
        return None
    target, most = (RELU6_LIMIT, LARGEST_CLIPPED) if is_clipped else (widest, LARGEST_FACTOR)
    narrow = np.maximum(extremes, target / most)
    full = np.maximum(target / narrow, 1.0)
    absorbed = all(op.kind is Kind.DEPTHWISE for op in consumers if op.output not in chain)
    factors: Array = full if absorbed else full**CHAIN_EXPONENT
    return factors


def _scales_its_result(graph: Graph, op: Op) -> bool:
    """Whether a factor per channel can be given to this operation's result."""
    if op.kind in CONVOLUTIONS:
        return True
    if not _carried(graph, op) or op.fused is Fused.RELU6:
        return False
    shapes = {graph.tensors[name].shape[-1] for name in (*op.inputs, op.output)}
    return len(shapes) == 1 and not any(graph.is_constant(name) for name in op.inputs)


def _scaled_constants(graph: Graph, op: Op, factors: dict[str, Array]) -> tuple[Tensor, Tensor]:
    """Return weights and bias that divide by the input's factors and multiply by the output's."""
    weights = graph.data(op.inputs[1]).astype(np.float64)
    bias = graph.data(op.inputs[2]).astype(np.float64)
    channels = graph.tensors[op.inputs[0]].shape[3]
    before = at_inputs(graph, op, factors.get(op.inputs[0], np.ones(channels)))
    after = factors.get(op.output, np.ones(1))
    if op.kind is Kind.DEPTHWISE:
        scaled = weights * after / before
    else:
        scaled = weights / before * after.reshape(-1, 1, 1, 1)
    return (
        float_constant(f"{op.output}/weights", scaled),
        float_constant(f"{op.output}/bias", bias * after),
    )
