"""Reads an int8 .tflite as a float one with the integers beside it.

QUANTIZE and DEQUANTIZE become other names of the same values; one from codes to other codes
becomes a product with 1. Weights, biases and other constants become the reals that they stand for.

Source: TensorFlow Lite schema, version 3,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.frontend.read_limits import REWRITTEN
from strop.export.inspect.audit import TFLITE_TYPES, UNREADABLE
from strop.export.ir.graph import CODE_MIN, Array, QuantParams
from strop.export.ir.tflite_bytes import packed, unpacked
from strop.export.ir.tflite_edit import add_constant, new_operator, set_values
from strop.export.ir.tflite_names import layer_name, operator_name, results_of
from strop.export.tflite_files.tensors import is_constant, name_of
from strop.export.transcode.coded_model import CODES, FLOAT32, CodedModel, params_of
from strop.runtime.errors import ArtifactError

LINEAR = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
# Read as other operations, between which are values that have no codes in the file.
SEVERAL = REWRITTEN.keys() - {"REDUCE_MAX"} | {"DIV", "SUM", "TRANSPOSE_CONV"}
CONSTANTS = {"uint8": np.uint8, "int8": np.int8, "int32": np.int32}
OTHER_CODES = frozenset({"int16", "int4", "uint4", "int2"})


def read_coded_tflite(path: Path) -> CodedModel:
    """Read a .tflite with uint8 or int8 activations.

    Raises:
        ArtifactError: It is damaged, has other codes, or several inputs or outputs.
    """
    try:
        return _Reading(unpacked(path.read_bytes()), str(path)).coded()
    except UNREADABLE as err:
        raise ArtifactError(
            f"{path}: not a readable .tflite ({err}); export it again, or copy it again"
        ) from err


class _Reading:
    """A model whose tensors become float one after another."""

    def __init__(self, model: Any, where: str) -> None:
        self.model = model
        self.where = where
        if len(model.subgraphs) != 1:
            raise ArtifactError(f"{where}: {len(model.subgraphs)} subgraphs; transcode takes one")
        (self.subgraph,) = model.subgraphs
        self.tensors = self.subgraph.tensors
        self.types = [TFLITE_TYPES[tensor.type] for tensor in self.tensors]
        self.params = [self._params(place) for place in range(len(self.tensors))]
        self.activations: dict[int, QuantParams] = {}
        self.weights: dict[int, QuantParams] = {}
        self.biases: dict[int, Array] = {}
        self.operands: dict[int, QuantParams] = {}
        self.same: dict[int, int] = {}
        self.averages_from = 0
        self.readers = Counter(
            int(place) for operator in self.subgraph.operators for place in operator.inputs
        )

    def coded(self) -> CodedModel:
        image, result = self._ends()
        for place, params in enumerate(self.params):
            if params is not None and not is_constant(self.model, place):
                self.activations[place] = params
        operators = [self._read(operator) for operator in self.subgraph.operators]
        self.subgraph.operators = [operator for operator in operators if operator is not None]
        for place, dtype in enumerate(self.types):
            if self.params[place] is not None or (
                dtype in CODES and not is_constant(self.model, place)
            ):
                self._make_real(place)
        self.subgraph.outputs = [self._name(result)]
        self.model.signatureDefs, self.model.metadata = [], []
        return CodedModel(
            where=self.where,
            tflite=packed(self.model),
            activations=self.activations,
            values=frozenset(range(len(self.types))),
            weights=self.weights,
            biases=self.biases,
            operands=self.operands,
            averages_from=self.averages_from,
            image=self.types[image],
            result=self.types[result],
        )

    def _ends(self) -> tuple[int, int]:
        ends = []
        for what, places in (("input", self.subgraph.inputs), ("output", self.subgraph.outputs)):
            if len(places) != 1:
                raise ArtifactError(f"{self.where}: {len(places)} {what}s; transcode takes one")
            place = int(places[0])
            if self.types[place] not in (*CODES, FLOAT32):
                raise ArtifactError(
                    f"{self.where}: its {what} is {self.types[place]}; transcode takes uint8, int8"
                    " and float32"
                )
            ends.append(place)
        return ends[0], ends[1]

    def _params(self, place: int) -> QuantParams | None:
        """What a tensor's codes mean; None where it has none."""
        quantization, dtype = self.tensors[place].quantization, self.types[place]
        scales = None if quantization is None else quantization.scale
        if scales is None or not len(scales):
            return None
        where = f"{self.where}: {self._in_words(place)}"
        if dtype in OTHER_CODES:
            raise ArtifactError(f"{where}: its codes are {dtype}; transcode takes int8 and uint8")
        if dtype not in CONSTANTS:
            return None
        zero_points = quantization.zeroPoint
        if zero_points is None or not len(zero_points):
            zero_points = [0] * len(scales)
        return params_of(list(scales), [int(each) for each in zero_points], dtype, where=where)

    def _in_words(self, place: int) -> str:
        return layer_name(name_of(self.tensors[place])) or f"tensor {place}"

    def _name(self, place: int) -> int:
        """The tensor that stands for this one from here on."""
        return self.same.get(int(place), int(place))

    def _read(self, operator: Any) -> Any | None:
        """Take an operation over; None if it gives the values that are there another name."""
        kind = operator_name(self.model, operator)
        if kind in ("QUANTIZE", "DEQUANTIZE"):
            return self._renamed(operator, kind)
        result = results_of(operator)[0]
        if kind in SEVERAL:
            raise ArtifactError(
                f"{self.where}: {self._in_words(result)}: {kind}, which the other format has as"
                " several operations, whose scales the file does not say; replace the layer"
            )
        if kind == "SHAPE":
            shape = self.tensors[self._name(operator.inputs[0])].shape  # of one image
            set_values(self.model, self.tensors[result], np.array(shape, np.int32))
            return None
        if kind == "AVERAGE_POOL_2D" and self.types[result] == "uint8":
            self.averages_from = CODE_MIN  # the code 0 of uint8
        inputs = [int(place) for place in operator.inputs]
        if kind in LINEAR:
            self._take_weights(inputs, result)
        else:
            for place in inputs:
                if place >= 0 and is_constant(self.model, place):
                    self._take_operand(place, result)
        operator.inputs = [self._name(place) for place in inputs]
        return operator

    def _take_weights(self, inputs: list[int], result: int) -> None:
        weights = self.params[inputs[1]]
        if weights is not None:
            self.weights[result] = weights
        if len(inputs) > 2 and inputs[2] >= 0 and self.types[inputs[2]] == "int32":
            self.biases[result] = self._values(inputs[2]).reshape(-1)
            if self.params[inputs[2]] is None:
                # Kernels do not read a bias' scale: it is input times weights.
                self.params[inputs[2]] = QuantParams(scales=(1.0,))

    def _take_operand(self, place: int, result: int) -> None:
        params = self.params[place]
        if params is not None:
            self.operands[result] = params

    def _renamed(self, operator: Any, kind: str) -> Any | None:
        source, result = self._name(operator.inputs[0]), int(operator.outputs[0])
        before, after = self.activations.get(source), self.params[result]
        if is_constant(self.model, source):
            raise ArtifactError(
                f"{self.where}: {self._in_words(result)}: {kind} of a constant; its weights are"
                " quantized, its activations are not: export it as static int8"
            )
        if kind == "QUANTIZE" and before is None and after is not None:
            if self.readers[int(operator.inputs[0])] > 1:
                raise ArtifactError(
                    f"{self.where}: {self._in_words(source)}: read in float and as codes; transcode"
                    " takes what is quantized for all of its readers"
                )
            self.activations[source] = after
        elif kind == "QUANTIZE" and before != after:
            return self._product_with_1(operator, source)
        self.same[result] = source
        self.activations.pop(result, None)
        return None

    def _product_with_1(self, operator: Any, source: int) -> Any:
        """Write what gives codes another scale as x * 1, which both formats have."""
        one = add_constant(self.model, "one", np.ones(1, np.float32))
        result = int(operator.outputs[0])
        self.operands[result] = QuantParams(scales=(1.0,))
        return new_operator(self.model, "MUL", [source, one], result, schema.MulOptionsT())

    def _values(self, place: int) -> Array:
        tensor = self.tensors[place]
        data = bytes(self.model.buffers[tensor.buffer].data)
        shape = () if tensor.shape is None else tuple(int(side) for side in tensor.shape)
        values: Array = np.frombuffer(data, CONSTANTS[self.types[place]]).reshape(shape)
        return values

    def _make_real(self, place: int) -> None:
        """Turn a tensor of codes into one of reals, in place."""
        tensor, params = self.tensors[place], self.params[place]
        if params is not None and is_constant(self.model, place):
            quantization = tensor.quantization
            shape = [1] * len(tensor.shape)
            if len(params.scales) > 1:
                shape[quantization.quantizedDimension] = -1
            scales = np.array(params.scales, np.float32).reshape(shape)
            codes = self._values(place).astype(np.int64)
            zero_point = params.zero_point - (CODE_MIN if self.types[place] == "uint8" else 0)
            reals = (codes - zero_point) * scales
            set_values(self.model, tensor, reals.astype(np.float32))
        tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
