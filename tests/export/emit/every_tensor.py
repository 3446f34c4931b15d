"""Every activation of the emitted files, as the engines compute it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
import onnxruntime
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from strop.export.emit.onnx import emit_onnx
from strop.export.emit.onnx_writer import codes_of
from strop.export.emit.tflite import emit_tflite
from strop.export.ir.graph import CODE_MIN, Array, Graph
from strop.export.ir.quiet_session import quiet_options
from strop.export.ir.tflite_bytes import packed
from strop.export.quantize.quantize import QuantizedGraph

TO_NHWC = (0, 2, 3, 1)


def by_litert(quantized: QuantizedGraph, images: Iterable[Array]) -> list[dict[str, Array]]:
    """int8 codes of every activation by name, an image at a time."""
    graph = quantized.graph
    names = [op.output for op in graph.ops]
    interpreter = Interpreter(model_content=_with_all_outputs(emit_tflite(quantized), graph))
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    details = interpreter.get_output_details()
    found = []
    for pixels in images:
        interpreter.set_tensor(image["index"], pixels[None])
        interpreter.invoke()
        codes = [interpreter.get_tensor(detail["index"]) for detail in details]
        found.append(_input_codes(graph, pixels) | dict(zip(names, codes, strict=True)))
    return found


def _with_all_outputs(content: bytes, graph: Graph) -> bytes:
    """The file with all results as outputs, in their order: XNNPACK keeps no others."""
    model = schema.ModelT.InitFromPackedBuf(content)
    (subgraph,) = model.subgraphs
    index = {tensor.name.decode(): at for at, tensor in enumerate(subgraph.tensors)}
    (scores,) = subgraph.outputs
    index[graph.output] = scores
    subgraph.outputs = [index[op.output] for op in graph.ops]
    return packed(model)


def by_onnxruntime(quantized: QuantizedGraph, images: Iterable[Array]) -> list[dict[str, Array]]:
    """The same of the .onnx, whose uint8 codes are 128 higher and NCHW."""
    graph = quantized.graph
    model = onnx.load_from_string(emit_onnx(quantized, {}))
    names = [op.output for op in graph.ops]
    for name in names:
        value = onnx.helper.make_tensor_value_info(codes_of(name), onnx.TensorProto.UINT8, None)
        model.graph.output.append(value)
    options = quiet_options()
    # Without VNNI x86 saturates 16-bit sums; strop.runtime sets it where it is needed.
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = []
    for pixels in images:
        codes = session.run([codes_of(name) for name in names], {"image": pixels[None]})
        signed = [_as_int8(graph, *pair) for pair in zip(names, codes, strict=True)]
        found.append(_input_codes(graph, pixels) | dict(zip(names, signed, strict=True)))
    return found


def _input_codes(graph: Graph, pixels: Array) -> dict[str, Array]:
    return {graph.input: (pixels[None].astype(np.int16) + CODE_MIN).astype(np.int8)}


def _as_int8(graph: Graph, name: str, codes: Array) -> Array:
    nhwc = codes.transpose(TO_NHWC) if codes.ndim == 4 else codes
    # The file may have more channels, which nothing reads.
    nhwc = nhwc[..., : graph.tensors[name].shape[-1]]
    signed: Array = (nhwc.astype(np.int16) + CODE_MIN).astype(np.int8)
    return signed.reshape(graph.tensors[name].shape)
