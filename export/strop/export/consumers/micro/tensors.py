"""Reads what goes into a .tflite and what comes out of it, for C++ sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from strop.export.consumers.micro.sources import MicroTensor
from strop.export.inspect.audit import TFLITE_TYPES


def micro_tensors(path: Path) -> tuple[MicroTensor, tuple[MicroTensor, ...]]:
    """Return the input and the results of a file that strop wrote, for one image."""
    subgraph = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0).subgraphs[0]
    (put,) = subgraph.inputs
    results = tuple(_tensor(subgraph.tensors[got]) for got in subgraph.outputs)
    return _tensor(subgraph.tensors[put]), results


def _tensor(tensor: Any) -> MicroTensor:
    shape, dtype = tuple(map(int, tensor.shape)), TFLITE_TYPES[tensor.type]
    quantization = tensor.quantization
    if dtype == "float32" or quantization is None or quantization.scale is None:
        return MicroTensor(shape=shape, dtype=dtype)
    return MicroTensor(
        shape=shape,
        dtype=dtype,
        scale=float(quantization.scale[0]),
        zero_point=int(quantization.zeroPoint[0]),
    )
