"""Builds the ONNX graph of `emit_onnx`: nodes, constants, quantizers and dequantizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from strop.export.emit.island_onnx import inlined
from strop.export.emit.onnx_conventions import IR_VERSION, OPSET, TO_NCHW, TO_NHWC
from strop.export.emit.sum_scales import sum_scales
from strop.export.frontend.find_islands import HEAVY
from strop.export.ir.graph import (
    CODE_MIN,
    RELU6_LIMIT,
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    Pads,
    QuantParams,
    Tensor,
)
from strop.export.ir.island import Island
from strop.export.ir.outputs import output_names
from strop.export.options.choices import OnnxInput
from strop.export.quantize.quantize import CODES
from strop.runtime.artifact.artifact import ONNX_BATCH

IMAGE = "image"  # the input's name
# Of NCHW. Sources: https://onnx.ai/onnx/repo-docs/DimensionDenotation.html and TypeDenotation.html
DENOTATIONS = ("DATA_BATCH", "DATA_CHANNEL", "DATA_FEATURE", "DATA_FEATURE")


class OnnxWriter:
    """An ONNX graph being filled."""

    def __init__(self, graph: Graph, image: OnnxInput | None) -> None:
        self.graph = graph
        self.image = image
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.known: set[str] = set()
        self.read: set[str] = set()
        self.domains = {"": OPSET}
        self.sums_as_xnnpack = False
        self.averages_from = 0
        self.reals: dict[str, str] = {}
        self.islands: dict[tuple[Island, tuple[str, ...]], list[str]] = {}

    def add_image(self) -> None:
        """Add the input: pixels, which are the codes of the graph's, or reals."""
        codes = codes_of(self.graph.input)
        if self.image is OnnxInput.BYTES:
            self.node("Transpose", [IMAGE], codes, perm=TO_NCHW)
            return
        if self.image is None:
            reals = self.node("Transpose", [IMAGE], f"{IMAGE}:nchw", perm=TO_NCHW)
            self.quantized(reals, self.graph.input)
            return
        one = self.constant(f"{IMAGE}:pixel_scale", np.array(1, np.float32))
        none = self.constant(f"{IMAGE}:pixel_zero_point", np.array(0, np.uint8))
        self.node("QuantizeLinear", [IMAGE, one, none], codes)

    def _image_info(self) -> Any:
        shape = self.graph.tensors[self.graph.input].shape
        if self.image is not OnnxInput.FLOAT_NCHW:
            dtype = TensorProto.UINT8 if self.image else TensorProto.FLOAT
            return helper.make_tensor_value_info(IMAGE, dtype, self._open(shape))
        sides = self._open(tuple(shape[axis] for axis in TO_NCHW))
        info = helper.make_tensor_value_info(
            IMAGE, TensorProto.FLOAT, sides, shape_denotation=list(DENOTATIONS)
        )
        info.type.denotation = "IMAGE"
        return info

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node with one output, and give that."""
        self.nodes.append(
            helper.make_node(kind, inputs, [output], name=f"{output}:{kind}", **attributes)
        )
        return output

    def inline(self, graph: Any, op: Op, inputs: list[str]) -> list[str]:
        """Add the nodes of an island, once for all of its results, and give their names."""
        key = (op.floats(), op.inputs)
        if key not in self.islands:
            nodes, constants, self.islands[key] = inlined(graph, op, inputs)
            self.nodes += nodes
            self.initializers += constants
        return self.islands[key]

    def constant(self, name: str, values: Array) -> str:
        """Add an initializer, unless it is there, and give its name."""
        if name not in self.known:
            self.known.add(name)
            # Not ascontiguousarray, which makes scalars into vectors, and ONNX Runtime fuses
            # additions and pools with scalar scales only.
            self.initializers.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def scale_and_zero_point(self, name: str) -> list[str]:
        """An activation's scale and zero point."""
        quant = self.graph.quant(name)
        scale = self.constant(f"{name}:scale", np.array(quant.scale, np.float32))
        zero_point = np.uint8(quant.zero_point - CODE_MIN)
        return [scale, self.constant(f"{name}:zero_point", np.asarray(zero_point))]

    def real(self, name: str, reader: Op | None) -> str:
        """Reals of an activation or constant operand; a node for each reader, as fusion needs."""
        tensor = self.graph.tensors[name]
        rank = len(self.graph.tensors[reader.output if reader else name].shape)
        if tensor.data is not None:
            return self.constant(name, constant_in_nchw(tensor.data, rank))
        if name in self.reals:
            return self.reals[name]
        self.code_constant(name, rank)
        at = f"{name}:real:{reader.output if reader else 'output'}"
        if at in self.read:
            return at  # twice, as in x + x
        self.read.add(at)
        if reader and self.graph.is_float(reader) and _has_weights(reader):
            # ONNX Runtime quantizes float weights itself, and per tensor, where a convolution
            # reads what is dequantized by one scale; so it is the same scale for each channel.
            # Source: onnxruntime/core/optimizer/qdq_transformer/weight_bias_quantization.cc
            axis = 1 if len(tensor.shape) == 4 else len(tensor.shape) - 1
            return self.dequantized(name, at, axis=axis)
        return self.dequantized(name, at)

    def summands(self, op: Op) -> list[str]:
        """Reals of what a sum adds, by scales that round as XNNPACK does."""
        signs = (1, -1 if op.kind is Kind.SUB else 1)
        quants = [self.graph.quant(name) for name in op.inputs]
        scales = sum_scales(quants, self.graph.quant(op.output), signs)
        rank = len(self.graph.tensors[op.output].shape)
        reals = []
        for place, (name, scale) in enumerate(zip(op.inputs, scales, strict=True)):
            self.code_constant(name, rank)
            real = f"{name}:summand{place}:{op.output}"
            own = self.constant(f"{real}:scale", np.array(scale, np.float32))
            inputs = [codes_of(name), own, self.zero_code(name)]
            reals.append(self.node("DequantizeLinear", inputs, real))
        return reals

    def code_constant(self, name: str, rank: int) -> None:
        """Add the codes of a constant operand of a result of `rank`; nothing for others."""
        codes = self.graph.tensors[name].codes
        if codes is not None:
            self.constant(codes_of(name), constant_in_nchw(self.stored(codes), rank))

    def stored(self, codes: Array) -> Array:
        """Codes as the file has them."""
        return (codes.astype(np.int16) - CODE_MIN).astype(np.uint8)

    def dequantized(self, name: str, output: str, *, axis: int | None = None) -> str:
        """Add what makes reals of an activation's codes; with an axis, channel by channel."""
        if axis is None:
            inputs = [codes_of(name), *self.scale_and_zero_point(name)]
            return self.node("DequantizeLinear", inputs, output)
        inputs = [codes_of(name), *self.for_each_channel(name)]
        return self.node("DequantizeLinear", inputs, output, axis=axis)

    def quantized(self, real: str, name: str) -> None:
        """Add what makes an activation's codes of reals."""
        self.node("QuantizeLinear", [real, *self.scale_and_zero_point(name)], codes_of(name))

    def zero_code(self, name: str) -> str:
        """The code of an activation's 0."""
        return self.scale_and_zero_point(name)[1]

    def convolved(self, op: Op) -> tuple[str, str, Pads]:
        """What a convolution takes beside its weights: image, bias and padding."""
        bias = self.graph.tensors[op.inputs[2]]
        return self.real(op.inputs[0], op), self.channels(bias, (0,)), op.pads

    def for_each_channel(self, name: str) -> list[str]:
        """Return an activation's scale and zero point, repeated for each channel."""
        quant, channels = self.graph.quant(name), self.graph.tensors[name].shape[-1]
        scales = np.full(channels, quant.scale, np.float32)
        zero_points = np.full(channels, quant.zero_point - CODE_MIN, np.uint8)
        return [
            self.constant(f"{name}:scales", scales),
            self.constant(f"{name}:zero_points", zero_points),
        ]

    def channels(self, tensor: Tensor, order: tuple[int, ...]) -> str:
        """Reals of weights or a bias, transposed so that their channels are first."""
        if tensor.data is not None:
            return self.constant(tensor.name, tensor.data.transpose(order))
        quant = self.graph.quant(tensor.name)
        codes = self.graph.codes(tensor.name).transpose(order)
        scales = self.constant(f"{tensor.name}:scale", np.array(quant.scales, np.float32))
        zeros = np.full(len(quant.scales), quant.zero_point, codes.dtype)
        zero_point = self.constant(f"{tensor.name}:zero_point", zeros)
        inputs = [self.constant(f"{tensor.name}:codes", codes), scales, zero_point]
        return self.node("DequantizeLinear", inputs, f"{tensor.name}:real", axis=0)

    def coded(self, real: str, op: Op) -> None:
        """Apply the fused activation where saturation does not, and quantize the result."""
        if self.graph.is_real(op.output):
            self.reals[op.output] = self.limited(real, op)
        elif self.ends_by_itself(op) or not self.limits_codes(op):
            self.quantized(self.limited(real, op), op.output)
        else:
            # ONNX Runtime fuses nothing with a ReLU between an operation and its quantizer.
            codes = f"{codes_of(op.output)}:unlimited"
            self.node("QuantizeLinear", [real, *self.scale_and_zero_point(op.output)], codes)
            self.node("Clip", [codes, *self._limits(op)], codes_of(op.output))

    def limits_codes(self, op: Op) -> bool:
        """Whether a fused activation that saturation does not apply is one of codes."""
        return not self.graph.is_float(op)

    def _limits(self, op: Op) -> list[str]:
        """The codes of 0 and, of a ReLU6, of 6."""
        quant, zero = self.graph.quant(op.output), self.zero_code(op.output)
        if op.fused is Fused.RELU:
            return [zero]
        six = np.rint(np.float32(RELU6_LIMIT) / np.float32(quant.scale)) + quant.zero_point
        code = np.array(min(six - CODE_MIN, CODES), np.uint8)
        return [zero, self.constant(f"{op.output}:six", code)]

    def ends_by_itself(self, op: Op) -> bool:
        """Whether there is no fused activation, or the result's codes end where it does."""
        if op.fused is Fused.NONE:
            return True
        quant = self.graph.tensors[op.output].quant
        return quant is not None and _saturates(op.fused, quant)

    def limited(self, real: str, op: Op) -> str:
        """Apply the fused activation, if the result's codes do not end where it does."""
        if self.ends_by_itself(op):
            return real
        if op.fused is Fused.RELU:
            return self.node("Relu", [real], f"{op.output}:relu")
        return self.clip(real, f"{op.output}:relu6")

    def clip(self, real: str, output: str) -> str:
        """Limit to ReLU6's range."""
        low = self.constant("zero", np.array(0, np.float32))
        high = self.constant("six", np.array(RELU6_LIMIT, np.float32))
        return self.node("Clip", [real, low, high], output)

    def _results(self, outputs: Sequence[str]) -> list[Any]:
        """Add the outputs as reals, and describe them."""
        names = output_names(self.graph)
        if len(names) == 1:
            outputs = ("scores",)
        taken = {IMAGE, *self.known, *(each for node in self.nodes for each in node.output)}
        infos = []
        given: dict[str, str] = {}
        for tensor, wanted in zip(names, outputs, strict=True):
            name = f"{wanted}:output" if wanted in taken else wanted
            shape = self.graph.tensors[tensor].shape
            infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, self._open(shape)))
            if tensor in given:
                self.node("Identity", [given[tensor]], name)
                continue
            given[tensor] = name
            reals = self.real(tensor, None)
            if len(shape) == 4:
                self.node("Transpose", [reals], name, perm=TO_NHWC)
            elif self.nodes[-1].output[0] == reals and not self._is_read(tensor):
                self.nodes[-1].output[0] = name
            else:
                self.node("Identity", [reals], name)
        return infos

    def _is_read(self, name: str) -> bool:
        """Whether an operation reads the reals of a tensor."""
        return name in self.reals and any(
            op.kind is not Kind.OUTPUTS for op in self.graph.consumers(name)
        )

    def finish(self, metadata: Mapping[str, str], outputs: Sequence[str] = ("scores",)) -> bytes:
        """Add the scores as reals, and serialize all."""
        results = self._results(outputs)
        onnx_graph = helper.make_graph(
            self.nodes,
            "strop",
            [self._image_info()],
            results,
            self.initializers,
        )
        model = helper.make_model(
            onnx_graph,
            opset_imports=[helper.make_opsetid(*pair) for pair in sorted(self.domains.items())],
            producer_name="strop",
            ir_version=IR_VERSION,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)  # type: ignore[no-any-return]

    def _open(self, shape: tuple[int, ...]) -> tuple[int | str, ...]:
        """The shape for any batch; islands hold shapes of one image."""
        return shape if self.islands else (ONNX_BATCH, *shape[1:])


def _saturates(fused: Fused, quant: QuantParams) -> bool:
    """Whether the lowest and highest code are the activation's limits."""
    highest = (CODES + CODE_MIN - quant.zero_point) * quant.scale
    # Half a step: the highest code rounds to 6 or below.
    is_below_6 = highest <= RELU6_LIMIT + quant.scale / 2
    return quant.zero_point == CODE_MIN and (fused is Fused.RELU or is_below_6)


def _has_weights(op: Op) -> bool:
    kinds = {op.kind.value} if op.island is None else set(op.island.kinds)
    return not kinds.isdisjoint(HEAVY)


def codes_of(name: str) -> str:
    """Name of the tensor that holds an activation's codes."""
    return f"{name}:codes"


def constant_in_nchw(values: Array, rank: int) -> Array:
    """A constant operand of a result of `rank`, for the same broadcasting in NCHW."""
    if rank != 4 or values.size == 1:
        return values
    return values.reshape((1,) * (rank - values.ndim) + values.shape).transpose(TO_NCHW)
