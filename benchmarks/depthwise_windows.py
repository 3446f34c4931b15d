r"""Times depthwise convolutions as they are and in groups of channels, in both engines.

    uv run python benchmarks/depthwise_windows.py \
        --output benchmarks/results/depthwise_windows.json --page docs/depthwise.md

Each case is a few layers in a row, of random weights, on one thread. All its files are timed in
turn, in short blocks, by processor time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from record_file import origin, write_record

from strop import console
from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.ir.float_tflite import float_tflite
from strop.export.ir.graph import Graph, Kind, Op, QuantParams, Tensor, same_pads
from strop.export.options.choices import Input
from strop.export.passes.group_windows import group_windows, merged_groups
from strop.export.quantize.quantize import QuantizedGraph
from strop.runtime.engines.silent_onnxruntime import onnxruntime
from strop.runtime.units import NS_PER_US

FORMAT_VERSION = 1
WINDOWS = (3, 5, 7, 9)
STRIDES = (1, 2)
SIDES = ((28, 44), (14, 96), (14, 88), (7, 384))  # of the image, and its channels
LAYERS = 3  # in a row, so that what stands around them counts little
BLOCKS = 25
BLOCK_NS = 5_000_000
SCALE, ZERO_POINT = 0.05, -3  # of all activations
START, END = "<!-- from the record: -->", "<!-- until here -->"
HEADINGS = (
    *("window", "stride", "image", "channels", "in a group"),
    *("int8, µs", "int8 / float", "groups / int8", "groups / float", ".onnx: groups / int8"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Layers that are alike: rows and columns of window and image, stride, channels."""

    window: int
    stride: int
    side: int
    channels: int


def layers_of(case: Case) -> Graph:
    """Draw depthwise convolutions, with their integers and with what these mean in float."""
    random = np.random.default_rng(0)
    activation = QuantParams(scales=(SCALE,), zero_point=ZERO_POINT)
    side, channels = case.side, case.channels
    tensors = {"0": Tensor(name="0", shape=(1, side, side, channels), quant=activation)}
    ops = []
    for at in range(1, LAYERS + 1):
        window, stride = (case.window, case.window), (case.stride, case.stride)
        pads = same_pads((side, side), window, stride, (1, 1))
        side = -(-side // case.stride)
        scales = random.uniform(0.001, 0.002, channels)
        weights = random.integers(-127, 128, (1, *window, channels))
        bias = random.integers(-500, 500, channels)
        for name, codes, units, axis in (
            (f"weights{at}", weights.astype(np.int8), scales, 3),
            (f"bias{at}", bias.astype(np.int32), scales * SCALE, 0),
        ):
            quant = QuantParams(scales=tuple(units.tolist()), axis=axis)
            data = (codes * units).astype(np.float32)
            tensors[name] = Tensor(
                name=name, shape=codes.shape, codes=codes, data=data, quant=quant
            )
        name, names = str(at), (str(at - 1), f"weights{at}", f"bias{at}")
        tensors[name] = Tensor(name=name, shape=(1, side, side, channels), quant=activation)
        ops.append(Op(kind=Kind.DEPTHWISE, inputs=names, output=name, stride=stride, pads=pads))
    return Graph(ops=tuple(ops), tensors=tensors, input="0", output=str(LAYERS))


def runs(case: Case) -> dict[str, Callable[[], object]]:
    """Return what computes the layers, by how they are written."""
    graph = layers_of(case)
    codes = {name: replace(tensor, data=None) for name, tensor in graph.tensors.items()}
    depthwise = replace(graph, tensors=codes)
    forms = {"depthwise": depthwise, "groups": group_windows(depthwise, most_taps=0)}
    found = {"float": _litert(float_tflite(graph, graph.ops, [graph.input], [graph.output]))}
    for name, form in forms.items():
        quantized = QuantizedGraph(graph=form, input_offset=0)
        found[name] = _litert(emit_tflite(quantized, Input.INT8, wide_in_groups=False))
        found[f"{name}, .onnx"] = _onnxruntime(emit_onnx(quantized, {}), case)
    return found


def _litert(content: bytes) -> Callable[[], object]:
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    invoke: Callable[[], object] = interpreter.invoke
    return invoke


def _onnxruntime(content: bytes, case: Case) -> Callable[[], object]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    image = np.zeros((1, case.side, case.side, case.channels), np.uint8)
    return lambda: session.run(None, {"image": image})


def medians_us(named: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Time them in turn; microseconds for one layer."""
    counts = {}
    for name, invoke in named.items():
        invoke()
        counts[name] = max(1, BLOCK_NS // max(_elapsed_ns(invoke, 1), 1))
    samples: dict[str, list[float]] = {name: [] for name in named}
    for _ in range(BLOCKS):
        for name, invoke in named.items():
            samples[name].append(_elapsed_ns(invoke, counts[name]) / counts[name])
    return {name: median(found) / NS_PER_US / LAYERS for name, found in samples.items()}


def _elapsed_ns(invoke: Callable[[], object], count: int) -> int:
    start = time.process_time_ns()
    for _ in range(count):
        invoke()
    return time.process_time_ns() - start


def row(case: Case, us: Mapping[str, float]) -> str:
    """A case as a line of the table."""
    graph = layers_of(case)
    cells = (
        *(f"{case.window}x{case.window}", str(case.stride), f"{case.side}x{case.side}"),
        *(str(case.channels), str(merged_groups(graph, graph.ops[0], 0))),
        f"{us['depthwise']:.0f}",
        f"{us['depthwise'] / us['float']:.2f}",
        f"{us['groups'] / us['depthwise']:.2f}",
        f"{us['groups'] / us['float']:.2f}",
        f"{us['groups, .onnx'] / us['depthwise, .onnx']:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Measure every case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the record")
    parser.add_argument("--page", type=Path, metavar="FILE", help="to put the table into")
    options = parser.parse_args()
    lines = [f"| {' | '.join(HEADINGS)} |", f"|{' ---: |' * len(HEADINGS)}"]
    cases = []
    for window, (side, channels), stride in product(WINDOWS, SIDES, STRIDES):
        case = Case(window=window, stride=stride, side=side, channels=channels)
        us = medians_us(runs(case))
        lines.append(row(case, us))
        console.note(lines[-1])
        sizes = {"window": window, "stride": stride, "side": side, "channels": channels}
        cases.append({**sizes, "layers": LAYERS, "median_us": us})
    write_record({"format_version": FORMAT_VERSION, **origin(), "cases": cases}, options.output)
    if options.page is not None:
        before, rest = options.page.read_text(encoding="utf-8").split(START)
        after = rest.split(END)[1]
        table = "\n".join(lines)
        text = f"{before}{START}\n\n{table}\n\n{END}{after}"
        options.page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
