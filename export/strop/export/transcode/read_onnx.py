"""Reads a quantized .onnx as a float .tflite with the integers beside it.

Its form is QDQ: float operations between DequantizeLinear and QuantizeLinear. These become other
names of the same values, so that what is left is a float .onnx, which `onnx_files` reads. A
quantizer behind a dequantizer of other scale becomes a product with 1.

Source: ONNX operators, https://onnx.ai/onnx/operators/ ; ONNX Runtime, Quantize ONNX Models,
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from strop.export.ir.graph import CODE_MAX, CODE_MIN, RELU6_LIMIT, Array, QuantParams
from strop.export.onnx_files.read import CONTRADICTIONS, as_tflite
from strop.export.onnx_files.vet import initial, parsed, place_of, vetted
from strop.export.transcode.coded_model import CODES, FLOAT32, CodedModel, params_of
from strop.runtime.errors import ArtifactError, SourceError

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})
ON_INTEGERS = ("QLinear", "QGemm", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear")
AVERAGING = frozenset({"AveragePool", "Resize"})
UPPER = 2  # of Clip's inputs
SAME_SCALE = 2e-4  # relative; emit/onnx.py makes averages larger by up to half of it
SAME_SUMMAND = 2e-6  # relative; XNNPACK's scales of summands have 21 bits


def read_coded_onnx(path: Path) -> CodedModel:
    """Read a .onnx with uint8 or int8 activations in QDQ form.

    Raises:
        ArtifactError: It is damaged, has another form or other codes, or holds what strop does not
            read.
    """
    try:
        model, content = parsed(path)
        reading = _Reading(model.graph, path)
        reading.read()
        file = vetted(model, content, path)
        written = as_tflite(
            file,
            mean=(0.0,),
            std=(1.0,),
            kept=reading.activations,
            positive=[
                name for name, each in reading.activations.items() if each.zero_point == CODE_MIN
            ],
        )
    except SourceError as err:
        raise ArtifactError(str(err)) from err
    except CONTRADICTIONS as err:
        raise ArtifactError(
            f"{path}: what it says does not fit together ({err!s:.200}); export it again"
        ) from err
    places = {name: place for name, place in written.places.items() if name in reading.known}
    activations: dict[int, QuantParams] = {}
    for name, params in reading.activations.items():
        place = places.get(name)
        if place is not None and activations.setdefault(place, params) != params:
            raise ArtifactError(
                f"{path}: {name}: only renamed, and has another scale than before; transcode takes"
                " one scale for values that are the same"
            )
    return CodedModel(
        where=str(path),
        tflite=written.tflite,
        activations=activations,
        values=frozenset(written.places.values()),
        weights=_by_place(reading.weights, places),
        biases=_by_place(reading.biases, places),
        operands=_by_place(reading.operands, places),
        paddings=_by_place(reading.paddings, places),
        image=reading.image,
        result=reading.result,
    )


T = TypeVar("T")


def _by_place(found: Mapping[str, T], places: Mapping[str, int]) -> dict[int, T]:
    return {places[name]: each for name, each in found.items() if name in places}


class _Constant:
    """A constant of codes: its reals are what stands in the graph.

    Attributes:
        params: What the codes mean.
        codes: As the file has them.
    """

    def __init__(self, params: QuantParams, codes: Array) -> None:
        self.params = params
        self.codes = codes


class _Reading:
    """A graph whose quantizers are taken out, in place."""

    def __init__(self, graph: onnx.GraphProto, path: Path) -> None:
        self.graph = graph
        self.path = path
        self.constants = {tensor.name: initial(tensor, path) for tensor in graph.initializer}
        self.coded: dict[str, _Constant] = {}
        self.same: dict[str, str] = {}
        self.kept: list[onnx.NodeProto] = []
        self.added: list[onnx.TensorProto] = []
        self.activations: dict[str, QuantParams] = {}
        self.weights: dict[str, QuantParams] = {}
        self.biases: dict[str, Array] = {}
        self.operands: dict[str, QuantParams] = {}
        self.averages: set[str] = set()
        self.paddings: dict[str, int] = {}
        self.image = FLOAT32
        self.result = FLOAT32

    @property
    def known(self) -> set[str]:
        """Names of values of which something is to be put back."""
        return {*self.activations, *self.weights, *self.biases, *self.operands, *self.paddings}

    def read(self) -> None:
        """Take the quantizers out of the graph."""
        self.image = self._end(self.graph.input, "input")
        self._find_averages()
        for node in self.graph.node:
            self._take(node)
        self.result = self._end(self.graph.output, "output")
        for value in self.graph.output:
            value.name = self._name(value.name)
        del self.graph.node[:], self.graph.value_info[:]
        self.graph.node.extend(self.kept)
        self.graph.initializer.extend(self.added)

    def _find_averages(self) -> None:
        """Find the quantizers around averages of codes, whatever scale these are taken to have."""
        makers = {name: node for node in self.graph.node for name in node.output}
        for node in self.graph.node:
            if node.op_type == "Constant":
                self._take_constant(node)
            pool = makers.get(node.input[0]) if node.op_type == QUANTIZE else None
            before = makers.get(pool.input[0]) if pool and pool.op_type in AVERAGING else None
            if before is None or before.op_type != DEQUANTIZE:
                continue
            (given, _), (found, _) = self._params(before), self._params(node)
            is_same = np.allclose(given.scales, found.scales, rtol=SAME_SCALE, atol=0)
            if is_same and given.zero_point == found.zero_point:
                self.averages |= {before.output[0], node.output[0]}

    def _take_constant(self, node: onnx.NodeProto) -> None:
        for each in node.attribute:
            if each.HasField("t"):
                self.constants[node.output[0]] = numpy_helper.to_array(each.t)

    def _end(self, values: Any, what: str) -> str:
        """The type of input or output, which is float from here on."""
        ends = [value for value in values if value.name not in self.constants]
        if len(ends) != 1:
            raise ArtifactError(f"{self.path}: {len(ends)} {what}s; transcode takes one")
        tensor = ends[0].type.tensor_type
        name = TensorProto.DataType.Name(tensor.elem_type).lower()
        found: str = FLOAT32 if name == "float" else name
        if found not in (*CODES, FLOAT32):
            raise ArtifactError(
                f"{self.path}: its {what} is {found}; transcode takes uint8, int8 and float32"
            )
        tensor.elem_type = TensorProto.FLOAT
        return found

    def _name(self, name: str) -> str:
        return self.same.get(name, name)

    def _take(self, node: onnx.NodeProto) -> None:
        if node.output[0] in self.averages:
            self.same[node.output[0]] = self._name(node.input[0])
        elif node.op_type == DEQUANTIZE:
            self._dequantize(node)
        elif node.op_type == QUANTIZE:
            self._quantize(node)
        elif node.op_type.startswith(ON_INTEGERS):
            raise ArtifactError(
                f"{self.path}: {place_of(node)} is {node.op_type}, an operation on integers;"
                " transcode takes the QDQ form: quantize_static(..., quant_format=QuantFormat.QDQ)"
            )
        else:
            self._operation(node)

    def _params(self, node: onnx.NodeProto) -> tuple[QuantParams, Array]:
        """What a quantizer says, and the zero point in the type of its codes."""
        where = f"{self.path}: {place_of(node)}"
        given = [self.constants.get(name) for name in node.input[1:] if name]
        if not given or any(each is None for each in given):
            raise ArtifactError(f"{where}: its scale is computed; needed are constants")
        scales = np.asarray(given[0]).reshape(-1)
        zeros = np.asarray(given[1] if len(given) > 1 else np.uint8(0)).reshape(-1)
        dtype = str(zeros.dtype)
        if dtype not in (*CODES, "int32"):
            raise ArtifactError(f"{where}: its codes are {dtype}; transcode takes int8 and uint8")
        params = params_of(scales.tolist(), zeros.tolist(), dtype, where=where)
        return params, zeros

    def _dequantize(self, node: onnx.NodeProto) -> None:
        params, zeros = self._params(node)
        name, result = self._name(node.input[0]), node.output[0]
        codes = self.constants.get(name)
        if codes is None:
            self._mean(node, name, params)
            self.same[result] = name
            return
        axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
        shape = [1] * codes.ndim
        if len(params.scales) > 1:
            shape[axis] = -1
        scales = np.array(params.scales, np.float32).reshape(shape)
        reals = (codes.astype(np.int64) - int(zeros[0])) * scales
        self.constants[result] = reals.astype(np.float32)
        self.coded[result] = _Constant(params, codes)
        self.added.append(numpy_helper.from_array(self.constants[result], result))

    def _mean(self, node: onnx.NodeProto, name: str, params: QuantParams) -> None:
        """Note what an activation's codes mean."""
        if len(params.scales) > 1:
            raise ArtifactError(
                f"{self.path}: {place_of(node)}: {len(params.scales)} scales of an activation;"
                " needed is one: quantize activations per tensor"
            )
        known = self.activations.setdefault(name, params)
        is_same = abs(known.scale - params.scale) <= SAME_SUMMAND * known.scale
        if not is_same or known.zero_point != params.zero_point:
            raise ArtifactError(
                f"{self.path}: {place_of(node)}: other scales than those that {name} was quantized"
                " with; quantize it again"
            )

    def _quantize(self, node: onnx.NodeProto) -> None:
        params = self._params(node)[0]
        name, result = self._name(node.input[0]), node.output[0]
        if self.activations.get(name, params) != params:
            one = f"{result}/one"
            self.added.append(numpy_helper.from_array(np.ones(1, np.float32), one))
            scaled = f"{result}/scaled"
            self.kept.append(helper.make_node("Mul", [name, one], [scaled], name=scaled))
            self.operands[scaled] = QuantParams(scales=(1.0,))
            name = scaled
        self._mean(node, name, params)
        self.same[result] = name

    def _operation(self, node: onnx.NodeProto) -> None:
        inputs = [self._name(name) for name in node.input]
        if node.op_type == "Pad" and len(inputs) > 2 and inputs[2] in self.constants:
            inputs[2] = self._padding(node, inputs[2])
        if node.op_type == "Clip" and inputs[0] in self.activations:
            inputs[1:] = [self._limit(node, place) for place in range(1, len(inputs))]
        if node.op_type in WEIGHTED and len(inputs) > 1 and inputs[1] in self.coded:
            self._take_weights(node.output[0], inputs)
        else:
            for name in inputs:
                if name in self.coded:
                    self.operands[node.output[0]] = self.coded[name].params
        del node.input[:]
        node.input.extend(inputs)
        self.kept.append(node)

    def _padding(self, node: onnx.NodeProto, name: str) -> str:
        """The real value of what codes are padded with, which has to be 0."""
        if self.constants[name].dtype.kind == "f":
            return name
        code = self.constants[name]
        shift = CODE_MIN if code.dtype == np.uint8 else 0
        self.paddings[node.output[0]] = int(code.item()) + shift
        real = f"{name}/real"
        if real not in self.constants:
            self.constants[real] = np.zeros((), np.float32)
            self.added.append(numpy_helper.from_array(self.constants[real], real))
        return real

    def _limit(self, node: onnx.NodeProto, place: int) -> str:
        """The real value of a limit; 6 of an upper one whose code is nearest to it."""
        name = self._name(node.input[place])
        code = self.constants.get(name)
        if code is None or code.dtype.kind == "f":
            return name
        params = self.activations[self._name(node.input[0])]
        self.activations[node.output[0]] = params
        shift = CODE_MIN if code.dtype == np.uint8 else 0
        six = min(
            np.rint(np.float32(RELU6_LIMIT) / np.float32(params.scale)) + params.zero_point,
            CODE_MAX,
        )
        found = int(code.item()) + shift
        is_six = place == UPPER and found == six
        value = RELU6_LIMIT if is_six else (found - params.zero_point) * params.scale
        real = f"{node.output[0]}/limit{place}"
        self.constants[real] = np.array(value, np.float32)
        self.added.append(numpy_helper.from_array(self.constants[real], real))
        return real

    def _take_weights(self, result: str, inputs: list[str]) -> None:
        weights = self.coded[inputs[1]].params
        self.weights[result] = weights
        bias = self.coded.get(inputs[2]) if len(inputs) > 2 else None
        image = self.activations.get(inputs[0])
        if bias is None or image is None or bias.codes.dtype != np.int32:
            return
        units = image.scale * np.array(weights.scales)
        if np.allclose(np.array(bias.params.scales), units, rtol=SAME_SCALE, atol=0):
            self.biases[result] = bias.codes.reshape(-1)
