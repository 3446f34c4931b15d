r"""Times convolutions in groups as they are and with the groups merged, in both engines.

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
from dataclasses import asdict, dataclass, replace
from itertools import product
from math import inf
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
from strop.export.passes.group_windows import (
    ONNXRUNTIME,
    XNNPACK,
    GroupKernels,
    group_windows,
    merged_groups,
)
from strop.export.quantize.quantize import QuantizedGraph
from strop.runtime.engines.silent_onnxruntime import onnxruntime
from strop.runtime.units import NS_PER_US

# History: 2, groups of several channels; the .onnx merged as strop writes it. 1, the first.
FORMAT_VERSION = 2
WINDOWS = (3, 5, 7, 9)
STRIDES = (1, 2)
SIDES = ((28, 44), (14, 96), (14, 88), (7, 384))  # of the image, and its channels
GROUPS = ((14, 128, 2), (14, 128, 4), (7, 512, 4), (14, 128, 8), (28, 128, 8), (14, 256, 16))
GROUP_WINDOWS = (1, 3)
LAYERS = 3  # in a row, so that what stands around them counts little
BLOCKS = 25
BLOCK_NS = 5_000_000
SCALE, ZERO_POINT = 0.05, -3  # of all activations
START, END = "<!-- from the record: -->", "<!-- until here -->"
HEADINGS = (
    *("window", "stride", "image", "channels", "in a group", "merged", "int8, µs", "int8 / float"),
    *("merged / int8", "merged / float", ".onnx: merged", ".onnx: merged / int8"),
)
EACH = GroupKernels(depthwise_taps=inf, work=lambda read, made: read * made)  # merges nothing
ALL = {"tflite": replace(XNNPACK, depthwise_taps=0), "onnx": replace(ONNXRUNTIME, depthwise_taps=0)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Layers that are alike: rows and columns of window and image, stride, channels in groups."""

    window: int
    stride: int
    side: int
    channels: int
    group: int = 1


def layers_of(case: Case) -> Graph:
    """Draw convolutions in groups, with their integers and with what these mean in float."""
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
        kind, shape, axis = Kind.DEPTHWISE, (1, *window, channels), 3
        if case.group > 1:
            kind, shape, axis = Kind.CONV, (channels, *window, case.group), 0
        weights = random.integers(-127, 128, shape)
        bias = random.integers(-500, 500, channels)
        for name, codes, units, along in (
            (f"weights{at}", weights.astype(np.int8), scales, axis),
            (f"bias{at}", bias.astype(np.int32), scales * SCALE, 0),
        ):
            quant = QuantParams(scales=tuple(units.tolist()), axis=along)
            reals = np.moveaxis(np.moveaxis(codes, along, -1) * units, -1, along)
            data = reals.astype(np.float32)
            tensors[name] = Tensor(
                name=name, shape=codes.shape, codes=codes, data=data, quant=quant
            )
        name, names = str(at), (str(at - 1), f"weights{at}", f"bias{at}")
        tensors[name] = Tensor(name=name, shape=(1, side, side, channels), quant=activation)
        ops.append(Op(kind=kind, inputs=names, output=name, stride=stride, pads=pads))
    return Graph(ops=tuple(ops), tensors=tensors, input="0", output=str(LAYERS))


def runs(case: Case) -> dict[str, Callable[[], object]]:
    """Return what computes the layers, by how they are written."""
    graph = layers_of(case)
    codes = {name: replace(tensor, data=None) for name, tensor in graph.tensors.items()}
    plain = replace(graph, tensors=codes)
    found = {"float": _litert(float_tflite(graph, graph.ops, [graph.input], [graph.output]))}
    for name, kernels in (("int8", dict.fromkeys(ALL, EACH)), ("merged", ALL)):
        tflite, onnx = (
            QuantizedGraph(graph=group_windows(plain, kernels[form]), input_offset=0)
            for form in ("tflite", "onnx")
        )
        found[name] = _litert(emit_tflite(tflite, Input.INT8, wide_in_groups=False))
        found[f"{name}, .onnx"] = _onnxruntime(emit_onnx(onnx, {}, kernels=EACH), case)
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
    merged = {
        form: case.group * merged_groups(graph, graph.ops[0], kernels)
        for form, kernels in ALL.items()
    }
    cells = (
        *(f"{case.window}x{case.window}", str(case.stride), f"{case.side}x{case.side}"),
        *(str(case.channels), str(case.group), str(merged["tflite"])),
        f"{us['int8']:.0f}",
        f"{us['int8'] / us['float']:.2f}",
        f"{us['merged'] / us['int8']:.2f}",
        f"{us['merged'] / us['float']:.2f}",
        str(merged["onnx"]),
        f"{us['merged, .onnx'] / us['int8, .onnx']:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def all_cases() -> list[Case]:
    """Depthwise windows, and groups of several channels."""
    depthwise = [
        Case(window=window, stride=stride, side=side, channels=channels)
        for window, (side, channels), stride in product(WINDOWS, SIDES, STRIDES)
    ]
    groups = [
        Case(window=window, stride=1, side=side, channels=channels, group=group)
        for window, (side, channels, group) in product(GROUP_WINDOWS, GROUPS)
    ]
    return depthwise + groups


def main() -> int:
    """Measure every case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the record")
    parser.add_argument("--page", type=Path, metavar="FILE", help="to put the table into")
    options = parser.parse_args()
    lines = [f"| {' | '.join(HEADINGS)} |", f"|{' ---: |' * len(HEADINGS)}"]
    cases = []
    for case in all_cases():
        us = medians_us(runs(case))
        lines.append(row(case, us))
        console.note(lines[-1])
        cases.append({**asdict(case), "layers": LAYERS, "median_us": us})
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
