"""Random int8 networks as other programs leave them, in .tflite; no float model stands behind.

Scales are drawn, so that nothing keeps them from rounding ties, as strop's own export does.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.emit.tflite import emit_tflite
from strop.export.ir.graph import (
    CODE_MIN,
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    Pads,
    QuantParams,
    Tensor,
    same_pads,
)
from strop.export.ir.tflite_bytes import packed
from strop.export.options.choices import Input, ResultType
from strop.export.passes.fold import InputValues
from strop.export.quantize.quantize import QuantizedGraph

SPREAD = 40.0  # of codes, in steps
# Both engines compute these with the same integers.
EXACT = (
    *("conv", "depthwise", "max_pool", "average_pool", "pad", "concat", "relu", "add_up"),
    *("bilinear", "wide"),
)
# These they round apart where what they round is next to a tie.
ROUNDED = ("multiply", "mean", "hard_swish", "logistic")


class RandomNetwork:
    """A graph being drawn."""

    def __init__(
        self,
        seed: int,
        layers: tuple[str, ...],
        *,
        most: int = 7,
        widest: int = 8,
        zero_points: bool = False,
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.widest = widest
        self.zero_points = zero_points
        side = int(self.random.integers(6, 12))
        self.ops: list[Op] = []
        self.tensors: dict[str, Tensor] = {}
        x = self.add("image", (1, side, side + 2, 3), self.params(0.02))
        x = self.conv(x)
        for _ in range(int(self.random.integers(1, most))):
            x = getattr(self, str(self.random.choice(layers)))(x)
        self.flatten(x)

    def graph(self) -> Graph:
        return Graph(
            ops=tuple(self.ops),
            tensors=self.tensors,
            input="image",
            output=self.ops[-1].output,
        )

    def params(self, scale: float) -> QuantParams:
        zero_point = int(self.random.integers(-40, 40))
        return QuantParams(scales=(float(np.float32(scale)),), zero_point=zero_point)

    def add(self, name: str, shape: tuple[int, ...], quant: QuantParams) -> str:
        self.tensors[name] = Tensor(name=name, shape=shape, quant=quant)
        return name

    def put(self, op: Op, shape: tuple[int, ...], quant: QuantParams) -> str:
        name = self.add(f"t{len(self.ops)}", shape, quant)
        self.ops.append(replace(op, output=name))
        return name

    def quant(self, name: str) -> QuantParams:
        found = self.tensors[name].quant
        assert found is not None
        return found

    def constants(
        self, shape: tuple[int, ...], axis: int, outputs: int, scale: float
    ) -> tuple[str, str, float]:
        """Weights and bias; the scale that spreads the result over its codes."""
        place = len(self.tensors)
        zero_point = int(self.random.integers(-30, 30)) if self.zero_points else 0
        scales = self.random.uniform(0.5, 2, 1 if self.zero_points else outputs) * 0.01
        weights = scales.astype(np.float32)
        codes = self.random.normal(0, SPREAD, shape).clip(-127, 127).astype(np.int8)
        units = np.float32(scale) * weights
        taps = prod(shape) / outputs
        spread = SPREAD**2 * np.sqrt(taps)
        bias = self.random.normal(0, spread, outputs).astype(np.int32)
        quant = QuantParams(
            scales=tuple(weights.tolist()),
            zero_point=zero_point,
            axis=None if self.zero_points else axis,
        )
        self.tensors[f"w{place}"] = Tensor(name=f"w{place}", shape=shape, codes=codes, quant=quant)
        self.tensors[f"b{place}"] = Tensor(
            name=f"b{place}",
            shape=(outputs,),
            codes=bias,
            quant=QuantParams(scales=tuple(units.tolist()), axis=0),
        )
        return f"w{place}", f"b{place}", float(units.mean() * spread / SPREAD)

    def fused(self) -> Fused:
        return list(Fused)[int(self.random.integers(3))]

    def windowed(
        self, x: str, window: tuple[int, int], *, keeps_shape: bool = False
    ) -> tuple[tuple[int, int], Pads, list[int]]:
        _, rows, columns, _ = self.tensors[x].shape
        steps = not keeps_shape and min(rows, columns) > 4 and self.random.random() < 0.3
        stride = (2, 2) if steps else (1, 1)
        pads: Pads = ((0, 0), (0, 0))
        if self.random.random() < 0.6 or min(rows, columns) < max(4, *window):
            pads = same_pads((rows, columns), window, stride, (1, 1))
        sides = [
            (side + sum(pad) - taps) // step + 1
            for side, pad, taps, step in zip((rows, columns), pads, window, stride, strict=True)
        ]
        return stride, pads, sides

    def conv(self, x: str, taps: int = 3, *, outputs: int = 0) -> str:
        channels, keeps_shape = self.tensors[x].shape[3], outputs > 0
        outputs = outputs or int(self.random.integers(self.widest // 2, self.widest + 1))
        weights, bias, scale = self.constants(
            (outputs, taps, taps, channels), 0, outputs, self.quant(x).scale
        )
        stride, pads, sides = self.windowed(x, (taps, taps), keeps_shape=keeps_shape)
        op = Op(
            kind=Kind.CONV,
            inputs=(x, weights, bias),
            output="",
            stride=stride,
            pads=pads,
            fused=self.fused(),
        )
        return self.put(op, (1, *sides, outputs), self.params(scale))

    def depthwise(self, x: str) -> str:
        return self.grouped(x, (3, 3))

    def wide(self, x: str) -> str:
        """A window that the .tflite has in merged groups."""
        return self.grouped(x, (5, 6))

    def grouped(self, x: str, window: tuple[int, int]) -> str:
        channels = self.tensors[x].shape[3]
        shape = (1, *window, channels)
        weights, bias, scale = self.constants(shape, 3, channels, self.quant(x).scale)
        stride, pads, sides = self.windowed(x, window)
        op = Op(
            kind=Kind.DEPTHWISE,
            inputs=(x, weights, bias),
            output="",
            stride=stride,
            pads=pads,
            fused=self.fused(),
        )
        return self.put(op, (1, *sides, channels), self.params(scale))

    def pooled(self, x: str, kind: Kind) -> str:
        stride, pads, sides = self.windowed(x, (2, 2))
        op = Op(kind=kind, inputs=(x,), output="", window=(2, 2), stride=stride, pads=pads)
        return self.put(op, (1, *sides, self.tensors[x].shape[3]), self.quant(x))

    def max_pool(self, x: str) -> str:
        return self.pooled(x, Kind.MAX_POOL)

    def average_pool(self, x: str) -> str:
        return self.pooled(x, Kind.AVERAGE_POOL)

    def bilinear(self, x: str) -> str:
        _, rows, columns, channels = self.tensors[x].shape
        op = Op(kind=Kind.BILINEAR, inputs=(x,), output="")
        return self.put(op, (1, 2 * rows, 4 * columns, channels), self.quant(x))

    def pad(self, x: str) -> str:
        _, rows, columns, channels = self.tensors[x].shape
        op = Op(kind=Kind.PAD, inputs=(x,), output="", pads=((1, 0), (2, 1)))
        return self.put(op, (1, rows + 1, columns + 3, channels), self.quant(x))

    def concat(self, x: str) -> str:
        *sides, channels = self.tensors[x].shape
        op = Op(kind=Kind.CONCATENATION, inputs=(x, x), output="", axis=3)
        return self.put(op, (*sides, 2 * channels), self.quant(x))

    def unary(self, x: str, kind: Kind, quant: QuantParams) -> str:
        return self.put(Op(kind=kind, inputs=(x,), output=""), self.tensors[x].shape, quant)

    def relu(self, x: str) -> str:
        return self.unary(x, Kind.RELU, self.quant(x))

    def hard_swish(self, x: str) -> str:
        return self.unary(x, Kind.HARD_SWISH, self.params(self.quant(x).scale))

    def logistic(self, x: str) -> str:
        return self.unary(x, Kind.LOGISTIC, QuantParams(scales=(1 / 256,), zero_point=CODE_MIN))

    def add_up(self, x: str) -> str:
        return self.together(x, Kind.ADD)

    def multiply(self, x: str) -> str:
        return self.together(x, Kind.MUL)

    def together(self, x: str, kind: Kind) -> str:
        """Sum or product with a convolution of the same."""
        shape = self.tensors[x].shape
        other = self.conv(x, 1, outputs=shape[3])
        scales = [self.quant(name).scale for name in (x, other)]
        scale = prod(scales) * SPREAD if kind is Kind.MUL else float(np.hypot(scales[0], scales[1]))
        op = Op(kind=kind, inputs=(x, other), output="", fused=self.fused())
        return self.put(op, shape, self.params(scale))

    def mean(self, x: str) -> str:
        channels = self.tensors[x].shape[3]
        op = Op(kind=Kind.MEAN, inputs=(x,), output="")
        spread = float(self.random.uniform(0.1, 0.9))
        return self.put(op, (1, 1, 1, channels), self.params(self.quant(x).scale * spread))

    def flatten(self, x: str) -> str:
        op = Op(kind=Kind.RESHAPE, inputs=(x,), output="")
        return self.put(op, (1, prod(self.tensors[x].shape)), self.quant(x))


def tflite_of(graph: Graph, image: Input | None, result: ResultType) -> bytes:
    """The graph as a .tflite whose input means what its codes do."""
    quant = graph.quant(graph.input)
    zero = quant.zero_point - CODE_MIN
    quantized = QuantizedGraph(
        graph=graph, input_offset=zero, values=InputValues(zero=zero, unit=1 / quant.scale)
    )
    return emit_tflite(quantized, image, result_type=result)


def as_uint8(content: bytes) -> bytes:
    """The same .tflite with all codes 128 higher, as TensorFlow 1 wrote them."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (subgraph,) = model.subgraphs
    for tensor in subgraph.tensors:
        if tensor.type != schema.TensorType.INT8:
            continue
        tensor.type = schema.TensorType.UINT8
        tensor.quantization.zeroPoint = [place + 128 for place in tensor.quantization.zeroPoint]
        buffer = model.buffers[tensor.buffer]
        if buffer.data is not None and len(buffer.data):
            buffer.data = _shifted(np.asarray(buffer.data))
    for code in model.operatorCodes:
        code.version = 1 if code.builtinCode != schema.BuiltinOperator.STRIDED_SLICE else 2
    return packed(model)


def _shifted(data: Array) -> Array:
    signed = data.astype(np.uint8).view(np.int8).astype(np.int16)
    return (signed - CODE_MIN).astype(np.uint8)
