"""Writes MediaPipe's own operators as those of TFLite that are the same function.

Source: https://github.com/google-ai-edge/mediapipe, mediapipe/util/tflite/operations/
transpose_conv_bias.cc: TFLite's TRANSPOSE_CONV with a bias, whose options are the C structure
TfLiteTransposeConvParams: padding, stride of columns, stride of rows, each an int32.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.tflite_edit import add_constant, new_operator
from strop.export.tflite_files.tensors import indices_of, kind_of
from strop.runtime.errors import SourceError

TRANSPOSE_CONV = "Convolution2DTransposeBias"
OPTIONS = struct.Struct("<3i")
PADDINGS = {1: schema.Padding.SAME, 2: schema.Padding.VALID}
MAX_STRIDE = 1024
WITH_BIAS = 3  # the version of TRANSPOSE_CONV that may have one


def write_as_tflite(model: Any, path: Path) -> bool:
    """Replace MediaPipe's transposed convolutions by TFLite's, in place.

    Args:
        model: A schema.ModelT of one graph.
        path: Of its file, for errors.

    Returns:
        Whether there were any.

    Raises:
        SourceError: One has other inputs, padding or strides than such an operator has.
    """
    (subgraph,) = model.subgraphs
    found = [kind_of(model, operator) == TRANSPOSE_CONV for operator in subgraph.operators]
    subgraph.operators = [
        _transposed(model, operator, path) if is_one else operator
        for operator, is_one in zip(subgraph.operators, found, strict=True)
    ]
    return any(found)


def _transposed(model: Any, operator: Any, path: Path) -> Any:
    inputs, outputs = indices_of(operator.inputs), indices_of(operator.outputs)
    custom = operator.customOptions
    packed = b"" if custom is None else bytes(custom)
    if len(inputs) != 3 or len(outputs) != 1 or len(packed) != OPTIONS.size:
        raise SourceError(
            f"{path}: {TRANSPOSE_CONV} has {len(inputs)} inputs, {len(outputs)} results and"
            f" {len(packed)} bytes of options, where MediaPipe's has 3, 1 and {OPTIONS.size}; it is"
            " damaged: copy it again"
        )
    padding, columns, rows = OPTIONS.unpack(packed)
    if padding not in PADDINGS or not all(0 < each <= MAX_STRIDE for each in (rows, columns)):
        raise SourceError(
            f"{path}: {TRANSPOSE_CONV} has padding {padding} and strides {rows} and {columns};"
            f" needed are padding 1 or 2 and strides of 1 to {MAX_STRIDE}"
        )
    options = schema.TransposeConvOptionsT()
    options.padding, options.strideH, options.strideW = PADDINGS[padding], rows, columns
    image, weights, bias = inputs
    shape = indices_of(model.subgraphs[0].tensors[outputs[0]].shape)
    size = add_constant(model, "transposed_size", np.array(shape, np.int32))
    made = new_operator(model, "TRANSPOSE_CONV", (size, weights, image, bias), outputs[0], options)
    model.operatorCodes[made.opcodeIndex].version = WITH_BIAS
    return made
