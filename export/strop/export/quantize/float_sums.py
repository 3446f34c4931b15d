"""Lets the sums of residual chains stay in float, and rounds them only for the int8 layers behind.

A chain of sums, each of the one before it and of a layer's result, is the trunk of a residual
network. In int8 every sum is rounded, and all that follow have its error. Here the layers' results
are dequantized, added in float, and rounded only where a layer in int8 reads a sum. A sum that no
other sum reads is rounded once in either way, so that a chain needs two.

Both engines add float32 alike. They do not quantize alike: XNNPACK multiplies by the inverse of the
scale, ONNX Runtime divides by it. So the scales stay multiples of one unit, odd ones of sums
(`tie_free_scales`): the exact sum of several codes over the scale of a sum is then an integer over
an odd number too, and as far from a rounding tie.

Sources: XNNPACK, src/operators/unary-elementwise-nc.c, xnn_init_f32_qs8_cvt; ONNX Runtime,
core/mlas/lib/quantize.cpp, MlasQuantizeLinear.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from strop.export.ir.graph import Graph, Kind, Op, Tensor
from strop.export.quantize.quantize import QuantizedGraph
from strop.export.quantize.tie_free_scales import MAX_MULTIPLE, SAME_SCALE


def chained_sums(graph: Graph, *, without: Collection[str] = ()) -> frozenset[str]:
    """Find the sums of two activations that read such a sum, or are read by one.

    Args:
        graph: Of any kind.
        without: Results of operations that are none.
    """
    sums = {
        op.output: op
        for op in graph.ops
        if op.kind is Kind.ADD
        and op.output not in without
        and not any(map(graph.is_constant, op.inputs))
    }
    pairs = ((read, op.output) for op in sums.values() for read in op.inputs if read in sums)
    return frozenset(name for pair in pairs for name in pair)


def with_float_sums(quantized: QuantizedGraph, sums: Collection[str]) -> QuantizedGraph:
    """Add in float, and quantize sums for whatever else than these sums reads them.

    Args:
        quantized: A graph with all integers decided.
        sums: Results of ADD operations, as `chained_sums` finds them.

    Returns:
        The same tensors with the same scales; a sum that operations in int8 read has a QUANTIZE.
    """
    if not sums:
        return quantized
    graph = quantized.graph
    real = {name: f"{name}/sum" for name in sums}
    ops: list[Op] = []
    ties = []
    for op in graph.ops:
        is_sum = op.output in real
        if not is_sum and not graph.is_float(op):
            ops.append(op)
            continue
        read = tuple(real.get(name, name) for name in op.inputs)
        ops.append(replace(op, inputs=read, output=real.get(op.output, op.output)))
        if is_sum and _is_read_as_codes(graph, op.output, real):
            ops.append(Op(kind=Kind.QUANTIZE, inputs=(real[op.output],), output=op.output))
            ties += [] if _is_tie_free(graph, op, real) else [op.output]
    added = [Tensor(name=made, shape=graph.tensors[name].shape) for name, made in real.items()]
    return replace(
        quantized,
        graph=graph.rewired(ops, added=added),
        near_ties=tuple(dict.fromkeys((*quantized.near_ties, *ties))),
    )


def _is_read_as_codes(graph: Graph, name: str, sums: Collection[str]) -> bool:
    """Whether a sum is the result, or what is no such sum and computes in int8 reads it."""
    readers = (op for op in graph.consumers(name) if op.output not in sums)
    return name == graph.output or not all(map(graph.is_float, readers))


def _is_tie_free(graph: Graph, op: Op, sums: Collection[str]) -> bool:
    """Whether the scales of all that is in a sum are multiples of an odd part of its scale."""
    scales = np.array(list(_summed(graph, op, sums)))
    odd = np.arange(1, MAX_MULTIPLE + 1, 2)[:, None]
    multiples = scales / graph.quant(op.output).scale * odd
    return bool((np.abs(multiples / np.rint(multiples).clip(1) - 1) <= 2 * SAME_SCALE).all(1).any())


def _summed(graph: Graph, op: Op, sums: Collection[str]) -> Iterator[float]:
    """Scales of the results that a float sum, and those in it, add up."""
    for name in op.inputs:
        made = graph.producer(name)
        if made is not None and name in sums:
            yield from _summed(graph, made, sums)
        else:
            yield graph.quant(name).scale
