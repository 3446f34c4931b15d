"""Replaces hard-swish and hard-sigmoid by operations that have int8 kernels.

XNNPACK has no int8 HARD_SWISH: each one ends a delegate partition, and MobileNetV3 has
twenty. x * relu6(x + 3) / 6 is an addition with a fused RELU6 and a product, and the
division by 6 moves into the weights of what reads it.

Source: A. Howard et al., Searching for MobileNetV3, ICCV 2019, section 5.2 (hard-swish).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from strop.export.ir.graph import (
    LINEAR,
    POOLS,
    Fused,
    Graph,
    Kind,
    Op,
    Tensor,
    float_constant,
)

SHIFT, LIMIT = 3.0, 6.0
# What these do to c * x, for c > 0, is c times what they do to x.
HOMOGENEOUS = POOLS | {
    Kind.BILINEAR,
    Kind.MEAN,
    Kind.PAD,
    Kind.CROP,
    Kind.RESHAPE,
    Kind.RELU,
    Kind.MUL,
}


def expand_hard_swish(graph: Graph) -> Graph:
    """Replace every HARD_SWISH, and move constant factors into the weights behind them.

    Args:
        graph: A float graph.

    Returns:
        The same function; a factor that cannot move (the network adds it to something)
        stays a product with a constant.
    """
    ops: list[Op] = []
    added: list[Tensor] = []
    for op in graph.ops:
        if op.kind is not Kind.HARD_SWISH:
            ops.append(op)
            continue
        shape = graph.tensors[op.output].shape
        shift = float_constant(f"{op.output}/shift", np.array(SHIFT))
        sixth = float_constant(f"{op.output}/sixth", np.array(1 / LIMIT))
        gate = Tensor(name=f"{op.output}/gate", shape=shape)
        product = Tensor(name=f"{op.output}/product", shape=shape)
        added += [shift, sixth, gate, product]
        image = op.inputs[0]
        ops += [
            Op(
                kind=Kind.ADD,
                inputs=(image, shift.name),
                output=gate.name,
                fused=Fused.RELU6,
            ),
            Op(kind=Kind.MUL, inputs=(image, gate.name), output=product.name),
            Op(kind=Kind.MUL, inputs=(product.name, sixth.name), output=op.output),
        ]
    return _move_factors(graph.rewired(ops, added=added))


def _move_factors(graph: Graph) -> Graph:
    """Take products with one positive constant out, where all that reads them can absorb it."""
    for op in graph.ops:
        factor = _constant_factor(graph, op)
        if factor is None:
            continue
        absorbed = _absorbers(graph, op.output)
        if absorbed is None:
            continue
        return _move_factors(_without(graph, op, factor, absorbed))
    return graph


def _constant_factor(graph: Graph, op: Op) -> float | None:
    """Return the c of c * x, if `op` is that."""
    if op.kind is not Kind.MUL or op.fused is not Fused.NONE:
        return None
    constants = [name for name in op.inputs if graph.is_constant(name)]
    if len(constants) != 1 or graph.data(constants[0]).size != 1:
        return None
    factor = float(graph.data(constants[0]).reshape(()))
    # The normalization in front of the first convolution is folded exactly, elsewhere.
    return factor if factor > 0 and graph.input not in op.inputs else None


def _absorbers(graph: Graph, name: str) -> list[Op] | None:
    """Return the linear operations that a factor on `name` ends in; None if it ends elsewhere."""
    carried, found = [name], []
    for carrier in carried:
        if carrier == graph.output:
            return None
        for reader in graph.consumers(carrier):
            if reader.kind in LINEAR and reader.inputs[0] == carrier:
                found.append(reader)
                continue
            is_carried = reader.kind in HOMOGENEOUS and reader.fused is not Fused.RELU6
            # A product of two that have the factor has its square.
            if not is_carried or sum(one in carried for one in reader.inputs) > 1:
                return None
            carried.append(reader.output)
    return found


def _without(graph: Graph, op: Op, factor: float, absorbers: list[Op]) -> Graph:
    image = next(name for name in op.inputs if not graph.is_constant(name))
    scaled = {
        reader.output: float_constant(
            f"{reader.inputs[1]}*", graph.data(reader.inputs[1]).astype(np.float64) * factor
        )
        for reader in absorbers
    }
    ops = []
    for other in graph.ops:
        if other is op:
            continue
        inputs = tuple(image if name == op.output else name for name in other.inputs)
        if other.output in scaled:
            inputs = (inputs[0], scaled[other.output].name, *inputs[2:])
        ops.append(replace(other, inputs=inputs))
    return graph.rewired(ops, added=scaled.values())
