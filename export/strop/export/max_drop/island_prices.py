"""Measures what each island of an int8 file costs, with the quantizers around it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.inspect.latencies import latencies
from strop.export.ir.graph import Graph, Kind, Op, QuantParams, Tensor
from strop.export.ir.island import Island
from strop.export.max_drop.float_layers import FloatIsland, IslandPrice
from strop.export.options.choices import Input
from strop.export.quantize.quantize import QuantizedGraph
from strop.runtime.artifact.artifact import Format
from strop.runtime.bench.latency import MeasurePlan

# All islands and the file in one interleaved run, which is over when the fastest have enough.
PLAN = MeasurePlan(min_runs=20, min_duration_s=0.05, warmup_duration_s=0.05, max_duration_s=30.0)
UNIT = QuantParams(scales=(1.0,))


def price_islands(quantized: QuantizedGraph, paths: Sequence[Path]) -> tuple[FloatIsland, ...]:
    """Measure every island on its own, for each of the int8 files.

    Args:
        quantized: What the files were written from.
        paths: The files, .tflite or .onnx.
    """
    islands = {op.floats(): op for op in quantized.graph.ops if op.kind is Kind.FLOAT}
    if not islands:
        return ()
    prices: dict[Island, list[IslandPrice]] = {island: [] for island in islands}
    alone = [_alone(quantized.graph, op) for op in islands.values()]
    for path in paths:
        whole_ms, *found = _medians_ms(path, alone)
        for island, ms in zip(islands, found, strict=True):
            prices[island].append(IslandPrice(artifact=path.name, ms=ms, whole_ms=whole_ms))
    return tuple(
        FloatIsland(
            layer=op.output,
            kinds=island.kinds,
            causes=island.causes,
            prices=tuple(prices[island]),
        )
        for island, op in islands.items()
    )


def _medians_ms(path: Path, alone: Sequence[QuantizedGraph]) -> list[float]:
    """Measure a file, and each graph in its format, in one interleaved run."""
    form = Format(path.suffix.removeprefix("."))
    with tempfile.TemporaryDirectory() as name:
        files = [path]
        for at, graph in enumerate(alone):
            files.append(Path(name, f"{at}{path.suffix}"))
            is_onnx = form is Format.ONNX
            files[-1].write_bytes(
                emit_onnx(graph, {}) if is_onnx else emit_tflite(graph, Input.INT8)
            )
        return [found.p50_ms for found in latencies(files, plan=PLAN)]


def _alone(graph: Graph, op: Op) -> QuantizedGraph:
    """Let an island read and write codes: one operand is the image, the others are constants."""
    first = _coded(graph.tensors[op.inputs[0]])
    tensors = [_coded(graph.tensors[op.output]), first, *_constants(graph, op)]
    ops = [op]
    image = first.name
    if len(first.shape) != 4:
        pixels = replace(first, name=f"{first.name}/pixels", shape=(1, 1, 1, prod(first.shape)))
        ops = [Op(kind=Kind.RESHAPE, inputs=(pixels.name,), output=first.name), op]
        tensors.append(pixels)
        image = pixels.name
    made = Graph(
        ops=tuple(ops),
        tensors={tensor.name: tensor for tensor in tensors},
        input=image,
        output=op.output,
    )
    return QuantizedGraph(graph=made, input_offset=0)


def _coded(tensor: Tensor) -> Tensor:
    return tensor if tensor.quant is not None else replace(tensor, quant=UNIT)


def _constants(graph: Graph, op: Op) -> Iterator[Tensor]:
    for name in op.inputs[1:]:
        tensor = _coded(graph.tensors[name])
        yield replace(tensor, codes=np.ones(tensor.shape, np.int8))
