"""The flatbuffer that `emit_tflite` fills: tensors, buffers and operators.

Source: TensorFlow Lite schema, version 3,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import (
    CODE_MAX,
    CODE_MIN,
    Array,
    Graph,
    Kind,
    Op,
    QuantParams,
    conv_groups,
)
from strop.export.ir.island import Island
from strop.export.ir.outputs import output_names
from strop.export.ir.tflite_file import GROUPED, TfliteFile
from strop.export.ir.tflite_options import operator_of, options_of, shape_inputs
from strop.export.ir.tflite_signature import signature
from strop.export.options.choices import Input, ResultType
from strop.export.quantize.quantize import QuantizedGraph

# First versions of the operations that have int8 kernels, so that old runtimes load the file.
# Source: tensorflow/compiler/mlir/lite/tools/versioning/op_version.cc
VERSIONS = {
    Kind.CONV: 3,
    Kind.DEPTHWISE: 3,
    Kind.ADD: 2,
    Kind.SUB: 2,
    Kind.MUL: 2,
    Kind.MEAN: 2,
    Kind.MAX_POOL: 2,
    Kind.AVERAGE_POOL: 2,
    Kind.BILINEAR: 3,
    Kind.PAD: 2,
    Kind.RESHAPE: 1,
    Kind.CONCATENATION: 2,
    Kind.SLICE: 2,
    Kind.CROP: 2,
    Kind.TRANSPOSE: 2,
    Kind.LOGISTIC: 2,
    Kind.TANH: 2,
    Kind.HARD_SWISH: 1,
    Kind.RELU: 2,
    Kind.RELU6: 2,
    Kind.ELU: 1,
    Kind.SOFTMAX: 2,
}
QUANTIZE, DEQUANTIZE = "QUANTIZE", "DEQUANTIZE"
REQUANTIZE_VERSION = 2  # int8 from uint8
QUANTIZE_VERSION = 1  # int8 from float
DEQUANTIZE_VERSION = 2  # float from int8
DTYPES = {
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.uint8): schema.TensorType.UINT8,
    np.dtype(np.float32): schema.TensorType.FLOAT32,
}


class TfliteWriter(TfliteFile):
    """A graph's int8 file being filled."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.index: dict[str, int] = {}
        from_islands = {op.output for op in graph.ops if op.kind is Kind.FLOAT}
        for name, tensor in graph.tensors.items():
            if name in from_islands and graph.is_real(name):
                continue  # the island brings it
            values = tensor.data if tensor.codes is None else tensor.codes
            dtype = np.dtype(np.float32 if graph.is_real(name) else np.int8)
            self.index[name] = self.add_tensor(
                name,
                tensor.shape,
                dtype if values is None else values.dtype,
                values=values,
                quant=tensor.quant,
            )
        self.reals: dict[str, int] = {}
        self.islands: dict[tuple[Island, tuple[str, ...]], list[int]] = {}

    def add_tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        values: Array | None = None,
        quant: QuantParams | None = None,
    ) -> int:
        """Add a tensor, with a buffer if it is constant, and give its place."""
        tensor = schema.TensorT()
        tensor.name = name.encode()
        tensor.shape = list(shape)
        tensor.type = DTYPES[dtype]
        tensor.hasRank = True
        tensor.quantization = _quantization(quant) if quant is not None else None
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def add_image(self, quantized: QuantizedGraph, input_type: Input | None) -> int:
        """The input, in the source's own values, and what makes the graph's input of it.

        None is float32, which a QUANTIZE makes codes of. A uint8 one gets a QUANTIZE to int8.
        Where the source's 0 is another pixel than the padding's, an ADD of their difference
        follows; no code changes by it.
        """
        name = self.graph.input
        shape, quant, index = (
            self.graph.tensors[name].shape,
            self.graph.quant(name),
            self.index[name],
        )
        distance = quantized.input_offset - quantized.values.zero
        taken = index
        if distance:
            declared = replace(quant, zero_point=quant.zero_point - distance)
            taken = self.add_tensor("image", shape, np.dtype(np.int8), quant=declared)
            self.tensors[index].name = b"image/less_padding"
        first = taken
        if input_type is None:
            first = self.add_tensor("image", shape, np.dtype(np.float32))
            self.tensors[taken].name = b"image/int8"
            self.operation(QUANTIZE, [first], [taken], version=QUANTIZE_VERSION)
        if input_type is Input.UINT8:
            pixels = replace(quant, zero_point=quantized.values.zero)
            first = self.add_tensor("image", shape, np.dtype(np.uint8), quant=pixels)
            self.tensors[taken].name = b"image/int8"
            self.operation(QUANTIZE, [first], [taken], version=REQUANTIZE_VERSION)
        if distance:
            term = self._add_term(distance, quant.scale)
            self.operation("ADD", [taken, term], [index], schema.AddOptionsT(), VERSIONS[Kind.ADD])
        return first

    def _add_term(self, distance: int, scale: float) -> int:
        """The constant -distance * scale, exactly, for a distance of -255 to 255."""
        code = CODE_MIN if distance > 0 else CODE_MAX
        quant = QuantParams(scales=(scale,), zero_point=code + distance)
        values = np.full((1, 1, 1, 1), code, np.int8)
        return self.add_tensor(
            "image/padding", values.shape, values.dtype, values=values, quant=quant
        )

    def add_op(self, op: Op) -> None:
        """Add an operation of the graph, and what stands around it if it computes in float."""
        if op.kind is Kind.OUTPUTS:
            return  # the file has them apart, see `add_results`
        if op.kind is Kind.FLOAT:
            self._add_island(op)
            return
        if op.kind is Kind.QUANTIZE:
            places = [self.index[name] for name in (*op.inputs, op.output)]
            self.operation(QUANTIZE, places[:1], places[1:], version=QUANTIZE_VERSION)
            return
        is_float = self.graph.is_float(op)
        inputs = [self.real(name) if is_float else self.index[name] for name in op.inputs]
        inputs += [self._add_int32(op, values) for values in shape_inputs(self.graph, op)]
        output = result = self.index[op.output]
        if is_float and not self.graph.is_real(op.output):
            output = self._add_real(op.output)
        options = options_of(self.graph, op)
        is_grouped = op.kind is Kind.CONV and conv_groups(self.graph, op) > 1
        version = GROUPED if is_grouped else VERSIONS[op.kind]
        self.operation(operator_of(op), inputs, [output], options, version)
        if output != result:
            self.operation(QUANTIZE, [output], [result], version=QUANTIZE_VERSION)

    def _add_island(self, op: Op) -> None:
        """The operations of an island, once for all of its results, and QUANTIZE behind one."""
        key = (op.floats(), op.inputs)
        if key not in self.islands:
            inputs = [self.real(name) for name in op.inputs]
            self.islands[key] = self.island(op.floats().model, inputs, f"{op.output}/float/")
        found = self.islands[key][op.result]
        if self.graph.is_real(op.output):
            self.index[op.output] = found
        else:
            result = self.index[op.output]
            self.operation(QUANTIZE, [found], [result], version=QUANTIZE_VERSION)

    def real(self, name: str) -> int:
        """A tensor's reals; dequantized once, for all that read them."""
        if self.graph.is_real(name):
            return self.index[name]
        if name not in self.reals:
            codes, reals = self.index[name], self._add_real(name)
            self.reals[name] = reals
            self.operation(DEQUANTIZE, [codes], [reals], version=DEQUANTIZE_VERSION)
        return self.reals[name]

    def _add_real(self, name: str) -> int:
        return self.add_tensor(f"{name}/real", self.graph.tensors[name].shape, np.dtype(np.float32))

    def _add_int32(self, op: Op, values: Array) -> int:
        name = f"{op.output}/{op.kind.value.lower()}"
        return self.add_tensor(name, values.shape, values.dtype, values=values)

    def add_results(self, result_type: ResultType) -> list[int]:
        """Give the outputs' places, behind what turns int8 codes into another type."""
        found: list[int] = []
        for name in output_names(self.graph):
            place = self._add_result(name, result_type)
            found.append(self._copied(place) if place in found else place)
        return found

    def _copied(self, place: int) -> int:
        """Add a copy of a tensor: a file has each output once."""
        tensor = self.tensors[place]
        copied = copy(tensor)
        copied.name = tensor.name + b"/again"
        self.tensors.append(copied)
        made = len(self.tensors) - 1
        sides = np.array(tensor.shape, np.int32)
        name = f"{copied.name.decode()}/shape"
        shape = self.add_tensor(name, sides.shape, sides.dtype, values=sides)
        self.operation("RESHAPE", [place, shape], [made], schema.ReshapeOptionsT(), 1)
        return made

    def _add_result(self, name: str, result_type: ResultType) -> int:
        codes, shape = self.index[name], self.graph.tensors[name].shape
        if self.graph.is_real(name) or result_type is ResultType.INT8:
            return codes
        if result_type is ResultType.FLOAT32:
            return self.real(name)
        quant = self.graph.quant(name)
        shifted = replace(quant, zero_point=quant.zero_point - CODE_MIN)
        result = self.add_tensor(f"{name}/uint8", shape, np.dtype(np.uint8), quant=shifted)
        self.operation(QUANTIZE, [codes], [result], version=REQUANTIZE_VERSION)
        return result

    def finish(self, image: int, results: Sequence[int], names: Sequence[str]) -> Any:
        """Return a schema.ModelT of all; `names` are of input and outputs in the signature."""
        own = ["scores"] if len(results) == 1 else names[1:]
        _name_once(self.tensors, {image: "image", **dict(zip(results, own, strict=True))})
        model = self.model([image], results, "strop int8")
        model.signatureDefs = [signature((image, *results), names)]
        return model


def _name_once(tensors: Sequence[Any], names: Mapping[int, str]) -> None:
    """Give tensors their names, and the others numbers behind names that are taken.

    ai-edge-quantizer refuses a file in which a name stands twice.
    """
    taken = set(names.values())
    for index, tensor in enumerate(tensors):
        name, count = tensor.name.decode(), 1
        while index not in names and name in taken:
            count += 1
            name = f"{tensor.name.decode()}_{count}"
        taken.add(name)
        tensor.name = names.get(index, name).encode()


def _quantization(quant: QuantParams) -> Any:
    parameters = schema.QuantizationParametersT()
    parameters.scale = list(quant.scales)
    parameters.zeroPoint = [quant.zero_point] * len(quant.scales)
    parameters.quantizedDimension = quant.axis or 0
    return parameters
