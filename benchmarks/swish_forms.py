r"""Times ways to write an int8 swish in an .onnx, over QLinearSigmoid and QLinearMul.

    uv run python benchmarks/swish_forms.py --output benchmarks/results/swish_forms.json

Each form is a model of its own, from uint8 codes to uint8 codes, of sizes that an EfficientNet-B0
has at 160 pixels. All are timed in turn, in short blocks, by processor time, on one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from record_file import origin, write_record

from strop import console
from strop.runtime.engines.silent_onnxruntime import onnxruntime

FORMAT_VERSION = 1
SHAPES = ((1, 96, 80, 80), (1, 144, 40, 40), (1, 672, 10, 10))
BLOCKS, RUNS = 15, 4
FIRST = "QLinearSigmoid, QLinearMul"
CONTRIB = "com.microsoft"
X, S, Y = ("x_scale", "x_zero"), ("s_scale", "s_zero"), ("y_scale", "y_zero")
Node = tuple[str, tuple[str, ...], str, dict[str, Any]]


def _float(*nodes: Node) -> list[Node]:
    """Stand between a DequantizeLinear and a QuantizeLinear, from "real" to "made"."""
    return [
        ("DequantizeLinear", ("x", *X), "real", {}),
        *nodes,
        ("QuantizeLinear", ("made", *Y), "y", {}),
    ]


SIGMOID: Node = ("Sigmoid", ("real",), "gate", {})
FORMS: Mapping[str, Sequence[Node]] = {
    FIRST: _float(
        SIGMOID,
        ("QuantizeLinear", ("gate", *S), "coded", {}),
        ("DequantizeLinear", ("coded", *S), "coded_gate", {}),
        ("Mul", ("real", "coded_gate"), "made", {}),
    ),
    "QLinearSigmoid alone": [
        ("DequantizeLinear", ("x", *X), "real", {}),
        SIGMOID,
        ("QuantizeLinear", ("gate", *S), "y", {}),
    ],
    "QLinearMul alone": _float(("Mul", ("real", "real"), "made", {})),
    "Gather of a table, indices int32": [
        ("Cast", ("x",), "index", {"to": TensorProto.INT32}),
        ("Gather", ("table", "index"), "y", {}),
    ],
    "Gather of a table, indices int64": [
        ("Cast", ("x",), "index", {"to": TensorProto.INT64}),
        ("Gather", ("table", "index"), "y", {}),
    ],
    "float: Sigmoid, Mul": _float(SIGMOID, ("Mul", ("real", "gate"), "made", {})),
    "float: QuickGelu": _float(("QuickGelu", ("real",), "made", {"alpha": 1.0, "domain": CONTRIB})),
    "float: HardSwish (another function)": _float(("HardSwish", ("real",), "made", {})),
    "QLinearLeakyRelu (another function)": [
        ("QLinearLeakyRelu", ("x", *X, *Y), "y", {"alpha": 0.1, "domain": CONTRIB})
    ],
}


def opened(nodes: Sequence[Node], shape: tuple[int, ...]) -> Callable[[], object]:
    """Make and open a model, with random codes for it."""
    constants: dict[str, np.float32 | np.uint8] = {
        **dict(zip((X[0], S[0], Y[0]), map(np.float32, (0.05, 1 / 256, 0.04)), strict=True)),
        **dict(zip((X[1], S[1], Y[1]), map(np.uint8, (100, 0, 10)), strict=True)),
    }
    initializers = [numpy_helper.from_array(np.array(v), name) for name, v in constants.items()]
    initializers.append(numpy_helper.from_array(np.arange(256, dtype=np.uint8)[::-1], "table"))
    graph = helper.make_graph(
        [helper.make_node(kind, read, [made], **more) for kind, read, made, more in nodes],
        "swish",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, shape)],
        initializers,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    codes = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return lambda: session.run(None, {"x": codes})


def samples_ns(named: Mapping[str, Callable[[], object]]) -> dict[str, list[int]]:
    """Time all in turn: the least of RUNS in each block."""
    found: dict[str, list[int]] = {name: [] for name in named}
    for _ in range(BLOCKS):
        for name, run in named.items():
            block = []
            for _ in range(RUNS):
                start = time.process_time_ns()
                run()
                block.append(time.process_time_ns() - start)
            found[name].append(min(block))
    return found


def main() -> int:
    """Measure every form at every size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the record")
    args = parser.parse_args()
    cases = []
    for shape in SHAPES:
        found = samples_ns({name: opened(nodes, shape) for name, nodes in FORMS.items()})
        for name, samples in found.items():
            ratio = median(one / first for one, first in zip(samples, found[FIRST], strict=True))
            value_ns = median(samples) / prod(shape)
            console.note(f"{shape} {name}: {value_ns:.3f} ns for a value, {ratio:.2f}")
            cases.append({"shape": shape, "form": name, "ns_per_value": value_ns, "ratio": ratio})
    write_record({"format_version": FORMAT_VERSION, **origin(), "cases": cases}, args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
