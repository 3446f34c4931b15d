"""Writes operations of a float graph as a .tflite, for LiteRT to compute."""

from __future__ import annotations

from collections.abc import Sequence

from strop.export.ir.channel_shuffle import expand_shuffles
from strop.export.ir.graph import Graph, Kind, Op, conv_groups
from strop.export.ir.island import Island
from strop.export.ir.outputs import expand_outputs
from strop.export.ir.tflite_file import GROUPED, TfliteFile
from strop.export.ir.tflite_options import (
    operator_of,
    options_of,
    shape_inputs,
    with_tflite_padding,
)


def float_tflite(
    graph: Graph, ops: Sequence[Op], inputs: Sequence[str], outputs: Sequence[str]
) -> bytes:
    """Write operations as a float32 .tflite of batch 1.

    Args:
        graph: Float; the operations' tensors are among its own.
        ops: In the order they run.
        inputs: Activations that are given.
        outputs: Activations that are asked for.

    Returns:
        The flatbuffer, its inputs and outputs in the order of the arguments.
    """
    part = with_tflite_padding(expand_shuffles(expand_outputs(graph.rewired(ops))))
    from_islands = {op.output for op in part.ops if op.kind is Kind.FLOAT}
    file = TfliteFile()
    places = {
        name: file.tensor(name, tensor.shape)
        if tensor.data is None
        else file.constant(name, tensor.data)
        for name, tensor in part.tensors.items()
        if name not in from_islands
    }
    islands: dict[tuple[Island, tuple[str, ...]], list[int]] = {}
    for op in part.ops:
        read = [places[name] for name in op.inputs]
        if op.kind is Kind.FLOAT:
            key = (op.floats(), op.inputs)
            if key not in islands:
                islands[key] = file.island(op.floats().model, read)
            places[op.output] = islands[key][op.result]
            continue
        shapes = [file.constant(f"{op.output}/shape", values) for values in shape_inputs(part, op)]
        is_grouped = op.kind is Kind.CONV and conv_groups(part, op) > 1
        file.operation(
            operator_of(op),
            [*read, *shapes],
            [places[op.output]],
            options_of(part, op),
            GROUPED if is_grouped else 1,
        )
    return file.packed([places[name] for name in inputs], [places[name] for name in outputs])
