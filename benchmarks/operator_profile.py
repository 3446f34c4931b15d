r"""Shows where an int8 network's time goes by kind of operation, and what each could do at best.

    uv run python benchmarks/operator_profile.py m.int8.tflite m.int8.onnx \
        --output benchmarks/results/operator_profile.json --page docs/depthwise.md

LiteRT's profiler is in C++ only: each operation of the .tflite is written as a file of its own and
all are timed in turn, in short blocks, by processor time, on one thread. Of the .onnx it is ONNX
Runtime's own profile. At best, multiply-adds run as fast as in a 1x1 convolution of 512 channels to
512 at 14x14, in the same engine and run, and an operation moves its bytes as fast as they are
copied; the larger of the two is the bound.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from statistics import median

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from record_file import artifact, origin, write_record

from strop import console
from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.ir.graph import LINEAR, Graph, Kind, Op, QuantParams, Tensor
from strop.export.options.choices import Input
from strop.export.quantize.quantize import QuantizedGraph
from strop.export.transcode.assign import quantized_graph
from strop.export.transcode.read_tflite import read_coded_tflite
from strop.runtime import open as open_artifact
from strop.runtime.bench.layer_times import LayerTimes, layer_times
from strop.runtime.units import NS_PER_US

FORMAT_VERSION = 1
BLOCKS, BLOCK_NS = 15, 2_000_000
WIDE, SIDE = 512, 14  # of the convolution that says how fast multiply-adds can be
WHOLE, PEAK = "the whole file", "1x1, 512 channels"
LARGER = "larger kernel"
START, END = "<!-- operators, from the record: -->", "<!-- until here -->"
HEADINGS = ("engine", "kind", "operations", "µs", "%", "million MACs", "GMAC/s", "at best, µs")


def kind_of(graph: Graph, op: Op) -> str:
    """Name what an operation multiplies, or its kind."""
    if op.kind not in LINEAR:
        return op.kind.value.lower().replace("_", " ")
    rows, columns = graph.tensors[op.inputs[1]].shape[1:3] if op.kind is not Kind.DENSE else (1, 1)
    if op.kind is Kind.DEPTHWISE:
        return f"depthwise {rows}x{columns}, stride {op.stride[0]}"
    if prod(graph.tensors[op.output].shape[:-1]) == 1:
        return "dense"
    if (rows, columns) != (1, 1):
        return LARGER
    read, made = (graph.tensors[name].shape[-1] for name in (op.inputs[0], op.output))
    return "1x1 to more channels" if made > read else "1x1 to fewer channels"


def multiply_adds(graph: Graph, op: Op) -> int:
    """Count those of a layer with weights."""
    if op.kind not in LINEAR:
        return 0
    return prod(graph.tensors[op.output].shape[1:-1]) * prod(graph.tensors[op.inputs[1]].shape)


def moved_bytes(graph: Graph, op: Op) -> int:
    """Count the bytes that it reads and writes, each once."""
    return sum(prod(graph.tensors[name].shape) for name in (*op.inputs, op.output))


def alone(graph: Graph, op: Op) -> QuantizedGraph:
    """Return a graph of one operation; both operands of a sum are the same tensor."""
    image = op.inputs[0]
    inputs = tuple(name if graph.is_constant(name) else image for name in op.inputs)
    tensors = {name: graph.tensors[name] for name in (*inputs, op.output)}
    part = Graph(ops=(replace(op, inputs=inputs),), tensors=tensors, input=image, output=op.output)
    return QuantizedGraph(graph=part, input_offset=0)


def wide_layer() -> QuantizedGraph:
    """Draw the convolution that says how fast multiply-adds can be."""
    random = np.random.default_rng(0)
    quant = QuantParams(scales=(0.05,), zero_point=-3)
    each, product = (QuantParams(scales=(scale,) * WIDE, axis=0) for scale in (0.001, 0.05 * 0.001))
    image = (1, SIDE, SIDE, WIDE)
    codes = random.integers(-127, 128, (WIDE, 1, 1, WIDE)).astype(np.int8)
    bias = np.zeros(WIDE, np.int32)
    tensors = {
        "0": Tensor(name="0", shape=image, quant=quant),
        "weights": Tensor(name="weights", shape=codes.shape, codes=codes, quant=each),
        "bias": Tensor(name="bias", shape=bias.shape, codes=bias, quant=product),
        "1": Tensor(name="1", shape=image, quant=quant),
    }
    op = Op(kind=Kind.CONV, inputs=("0", "weights", "bias"), output="1")
    graph = Graph(ops=(op,), tensors=tensors, input="0", output="1")
    return QuantizedGraph(graph=graph, input_offset=0)


def opened(content: bytes) -> Callable[[], object]:
    """Open a .tflite with one thread."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    invoke: Callable[[], object] = interpreter.invoke
    return invoke


def _elapsed_ns(run: Callable[[], object], count: int) -> int:
    start = time.process_time_ns()
    for _ in range(count):
        run()
    return time.process_time_ns() - start


def medians_us(named: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Time all in turn, in microseconds."""
    counts = {}
    for name, run in named.items():
        run()
        counts[name] = max(1, BLOCK_NS // max(_elapsed_ns(run, 3) // 3, 1))
    samples = defaultdict(list)
    for _ in range(BLOCKS):
        for name, run in named.items():
            samples[name].append(_elapsed_ns(run, counts[name]) / counts[name])
    return {name: median(found) / NS_PER_US for name, found in samples.items()}


def copied(size: int) -> Callable[[], object]:
    """Copy half of so many bytes: that reads and writes them all."""
    read, made = np.zeros((2, max(size // 2, 1)), np.int8)
    return lambda: np.copyto(made, read)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What an engine runs: its kind, and the operation of the network, if it is one's."""

    kind: str
    us: float
    op: Op | None


def parts_of_onnx(graph: Graph, times: LayerTimes) -> list[Part]:
    """Tell of ONNX Runtime's nodes which operation each computes; the .onnx has the same names.

    A convolution may be named below its operation there, as the first, which reads other columns.
    """
    ops = {op.output: op for op in graph.ops}
    found = []
    for each in times.operations:
        op = ops.get(each.layer)
        if "Conv" in each.kind or "Gemm" in each.kind:
            op = op or ops.get(each.layer.rpartition("/")[0])
        elif op is not None and op.kind in LINEAR:
            op = None
        kind = each.kind.lower() if op is None else kind_of(graph, op)
        found.append(Part(kind=kind, us=each.microseconds, op=op))
    return found


def rows_of(
    graph: Graph, parts: Sequence[Part], *, macs_per_us: float, copies: Mapping[str, float]
) -> list[dict[str, object]]:
    """Sum up the operations of each kind, the longest first."""
    kinds: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        kinds[part.kind].append(part)
    total = sum(part.us for part in parts)
    found = []
    for kind, alike in sorted(kinds.items(), key=lambda item: -sum(each.us for each in item[1])):
        us = sum(each.us for each in alike)
        ops = [each.op for each in alike if each.op is not None]
        macs = [multiply_adds(graph, op) for op in ops]
        best = [max(n / macs_per_us, copies[op.output]) for op, n in zip(ops, macs, strict=True)]
        row: dict[str, object] = {"kind": kind, "operations": len(alike), "us": us}
        found.append({**row, "share": us / total, "macs": sum(macs), "best_us": sum(best)})
    return found


def cells(engine: str, row: Mapping[str, object]) -> str:
    """Write a row of the table."""
    us, macs = float(str(row["us"])), int(str(row["macs"]))
    shown = (
        *(engine, str(row["kind"]), str(row["operations"]), f"{us:.0f}"),
        *(f"{100 * float(str(row['share'])):.0f}", f"{macs / 1e6:.1f}" if macs else ""),
        *(f"{macs / us / 1e3:.0f}" if macs else "", f"{float(str(row['best_us'])):.0f}"),
    )
    return f"| {' | '.join(shown)} |"


def main() -> int:
    """Measure both files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tflite", type=Path)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the record")
    parser.add_argument("--page", type=Path, metavar="FILE", help="to put the table into")
    args = parser.parse_args()
    graph = quantized_graph(read_coded_tflite(args.tflite))
    named = {op.output: opened(emit_tflite(alone(graph, op), Input.INT8)) for op in graph.ops}
    named |= {WHOLE: opened(args.tflite.read_bytes())}
    named |= {PEAK: opened(emit_tflite(wide_layer(), Input.INT8))}
    us = medians_us(named)
    copies = medians_us({op.output: copied(moved_bytes(graph, op)) for op in graph.ops})
    work = multiply_adds(wide_layer().graph, wide_layer().graph.ops[0])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "wide.onnx")
        path.write_bytes(emit_onnx(wide_layer(), {}))
        onnx_peak = max(each.microseconds for each in layer_times(path).operations)
    profile = layer_times(args.onnx)
    parts = [Part(kind=kind_of(graph, op), us=us[op.output], op=op) for op in graph.ops]
    engines = {
        "LiteRT": (us[WHOLE], work / us[PEAK], parts),
        "ONNX Runtime": (
            sum(each.microseconds for each in profile.operations),
            work / onnx_peak,
            parts_of_onnx(graph, profile),
        ),
    }
    record: list[dict[str, object]] = []
    lines = [f"| {' | '.join(HEADINGS)} |", f"| --- | --- |{' ---: |' * 6}"]
    for engine, (whole, macs_per_us, each) in engines.items():
        rows = rows_of(graph, each, macs_per_us=macs_per_us, copies=copies)
        lines += [cells(engine, row) for row in rows]
        best = macs_per_us / 1e3
        record.append({"engine": engine, "whole_us": whole, "best_gmacs_per_s": best, "rows": rows})
        console.note(f"{engine}: {whole:.0f} µs in one file, {best:.0f} GMAC/s at best")
    for line in lines:
        console.note(line)
    files = []
    for path in (args.tflite, args.onnx):
        with open_artifact(path, num_threads=1) as classifier:
            files.append(artifact(path, classifier.facts))
    write_record(
        {"format_version": FORMAT_VERSION, **origin(), "files": files, "engines": record},
        args.output,
    )
    if args.page is not None:
        before, rest = args.page.read_text(encoding="utf-8").split(START)
        table = "\n".join(lines)
        text = f"{before}{START}\n\n{table}\n\n{END}{rest.split(END, 1)[1]}"
        args.page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
