"""Small float .tflite files as other programs write them: open batch, float16, channels first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array
from strop.export.ir.tflite_bytes import packed, unpacked
from strop.export.ir.tflite_edit import add_constant, add_tensor, new_operator, set_values
from strop.export.ir.tflite_file import TfliteFile
from strop.export.tflite_files.tensors import indices_of, is_constant

SIDE, CLASSES, WIDTH = 12, 5, 4
Change = Callable[[Any], None]


def plain(seed: int = 0) -> bytes:
    """Convolution, mean, dense layer: [1, SIDE, SIDE, 3] to [1, CLASSES]."""
    random = np.random.default_rng(seed)
    file = TfliteFile()
    image = file.tensor("image", (1, SIDE, SIDE, 3))
    convolved = file.tensor("features", (1, SIDE, SIDE, WIDTH))
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    weights = file.constant("kernel", random.normal(0, 0.02, (WIDTH, 3, 3, 3)))
    bias = file.constant("bias", random.normal(0, 1, WIDTH))
    file.operation("CONV_2D", (image, weights, bias), (convolved,), options)
    pooled, scores = file.tensor("pooled", (1, WIDTH)), file.tensor("scores", (1, CLASSES))
    axes = file.constant("axes", np.array([1, 2], np.int32))
    file.operation("MEAN", (convolved, axes), (pooled,), schema.ReducerOptionsT())
    dense = file.constant("dense", random.normal(0, 1, (CLASSES, WIDTH)))
    inputs = (pooled, dense, file.constant("zeros", np.zeros(CLASSES)))
    file.operation("FULLY_CONNECTED", inputs, (scores,), schema.FullyConnectedOptionsT())
    return file.packed([image], [scores])


def changed(content: bytes, *changes: Change) -> bytes:
    """The file with changes made to its schema.ModelT."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for change in changes:
        change(model)
    return packed(model)


def saved(content: bytes, folder: Path) -> Path:
    path = folder / "net.tflite"
    path.write_bytes(content)
    return path


def with_values_behind(content: bytes) -> bytes:
    """The same with all constants behind the flatbuffer, as AI Edge Quantizer writes them."""
    model = unpacked(content)
    held = [each for each in model.buffers[1:] if each.data is not None and len(each.data)]
    values = [bytes(each.data) for each in held]
    size = 2  # of the flatbuffer; the same for all offsets above 1
    for _ in range(2):
        for each, data in zip(held, values, strict=True):
            each.data, each.offset, each.size = None, size, len(data)
            size += len(data)
        front = packed(model)
        size = len(front)
    return front + b"".join(values)


def open_batch(model: Any) -> None:
    (subgraph,) = model.subgraphs
    tensor = subgraph.tensors[subgraph.inputs[0]]
    tensor.shapeSignature = [-1, *indices_of(tensor.shape)[1:]]


def half_weights(model: Any) -> None:
    """Store float32 weights as float16, with a DEQUANTIZE that makes them float32."""
    (subgraph,) = model.subgraphs
    front = []
    for index, tensor in enumerate(list(subgraph.tensors)):
        if not is_constant(model, index) or tensor.type != schema.TensorType.FLOAT32:
            continue
        values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.float32)
        stored = add_tensor(model, f"half/{index}", indices_of(tensor.shape))
        subgraph.tensors[stored].type = schema.TensorType.FLOAT16
        set_values(model, subgraph.tensors[stored], values.astype(np.float16))
        tensor.buffer = 0
        front.append(new_operator(model, "DEQUANTIZE", [stored], index))
    subgraph.operators = [*front, *subgraph.operators]


def int8_weights(model: Any) -> None:
    """Store weights as int8, which operations in float read: dynamic range."""
    (subgraph,) = model.subgraphs
    for index, tensor in enumerate(subgraph.tensors):
        shape = indices_of(tensor.shape)
        if not is_constant(model, index) or len(shape) < 2:
            continue
        values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.float32).reshape(shape)
        scales = np.abs(values).max(axis=tuple(range(1, len(shape)))) / 127
        codes = np.rint(values / scales.reshape(-1, *[1] * (len(shape) - 1))).astype(np.int8)
        set_values(model, tensor, codes)
        tensor.type, tensor.quantization = (
            schema.TensorType.INT8,
            schema.QuantizationParametersT(),
        )
        tensor.quantization.scale = scales.tolist()
        tensor.quantization.zeroPoint = [0] * len(scales)
        tensor.quantization.quantizedDimension = 0


def sparse_weights(model: Any) -> None:
    """Store the dense layer's weights as float16, without their zeros, as MediaPipe does."""
    (subgraph,) = model.subgraphs
    (index,) = (at for at, each in enumerate(subgraph.tensors) if each.name == b"dense")
    tensor = subgraph.tensors[index]
    rows, columns = indices_of(tensor.shape)
    values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.float32)
    values = np.where(np.arange(rows * columns) % 3, 0, values).reshape(rows, columns)
    kept = [np.flatnonzero(row) for row in values]
    stored, half = (add_tensor(model, name, (rows, columns)) for name in ("stored", "half"))
    for place in (stored, half):
        subgraph.tensors[place].type = schema.TensorType.FLOAT16
    numbers = np.concatenate([row[at] for row, at in zip(values, kept, strict=True)])
    set_values(model, subgraph.tensors[stored], numbers.astype(np.float16))
    subgraph.tensors[stored].sparsity = _rows_of(rows, kept)
    tensor.buffer = 0
    subgraph.operators = [
        new_operator(model, "DENSIFY", [stored], half, schema.DensifyOptionsT()),
        new_operator(model, "DEQUANTIZE", [half], index),
        *subgraph.operators,
    ]


def _rows_of(rows: int, kept: Sequence[Array]) -> Any:
    """Compressed sparse rows: where each row begins among the numbers, and their columns."""
    made, dense, sparse = (
        schema.SparsityParametersT(),
        *(schema.DimensionMetadataT() for _ in range(2)),
    )
    dense.format, dense.denseSize = schema.DimensionType.DENSE, rows
    sparse.format = schema.DimensionType.SPARSE_CSR
    begins, columns = schema.Int32VectorT(), schema.Int32VectorT()
    begins.values = [0, *np.cumsum([len(row) for row in kept]).tolist()]
    columns.values = np.concatenate(kept).tolist()
    kind = schema.SparseIndexVector.Int32Vector
    sparse.arraySegmentsType, sparse.arraySegments = kind, begins
    sparse.arrayIndicesType, sparse.arrayIndices = kind, columns
    made.traversalOrder, made.dimMetadata = [0, 1], [dense, sparse]
    return made


def in_front(kind: str, shape: tuple[int, ...], type_: int, second: Any = None) -> Change:
    """A change that puts an operation in front of the model's own input."""

    def change(model: Any) -> None:
        (subgraph,) = model.subgraphs
        image = add_tensor(model, "given", shape)
        subgraph.tensors[image].type = type_
        inputs = [image]
        options: Any = schema.CastOptionsT()
        if second is not None:
            inputs.append(add_constant(model, "order", np.array(second, np.int32)))
            options = schema.TransposeOptionsT()
        own = int(subgraph.inputs[0])
        subgraph.operators.insert(0, new_operator(model, kind, inputs, own, options))
        subgraph.inputs = [image]

    return change


channels_first = in_front("TRANSPOSE", (1, 3, SIDE, SIDE), schema.TensorType.FLOAT32, (0, 2, 3, 1))
takes_bytes = in_front("CAST", (1, SIDE, SIDE, 3), schema.TensorType.UINT8)
