"""Write a quantized graph as a .tflite flatbuffer.

Source: TensorFlow Lite schema, version 3,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from strop.export.emit.tflite_metadata import add_metadata
from strop.export.emit.tflite_writer import TfliteWriter
from strop.export.ir.channel_shuffle import expand_shuffles
from strop.export.ir.graph import Fused, Graph, Kind
from strop.export.ir.tflite_bytes import packed
from strop.export.ir.tflite_options import with_tflite_padding
from strop.export.kernels.xnnpack import MOST_CONCATENATED
from strop.export.options.choices import Input, ResultType
from strop.export.passes.group_windows import XNNPACK, group_windows
from strop.export.passes.width_to_channels import merge_columns
from strop.export.quantize.quantize import QuantizedGraph
from strop.runtime.artifact.contract import Contract

# Six channels of eight that XNNPACK computes, in six windows, instead of three in nine: 0.985 of
# MobileNetV2's and MobileNetV3-Small's latency on x86; 4 columns: 1.01 and 1.02.
COLUMNS = 2


def emit_tflite(
    quantized: QuantizedGraph,
    input_type: Input | None = Input.UINT8,
    names: Sequence[str] = ("image", "scores"),
    result_type: ResultType = ResultType.INT8,
    contract: Contract | None = None,
    *,
    wide_in_groups: bool = True,
) -> bytes:
    """Write a .tflite: image in, scores out.

    Args:
        quantized: A graph with all integers decided. Its operations in float stand between
            DEQUANTIZE and QUANTIZE.
        input_type: UINT8 takes pixels, INT8 pixels less 128. Scale and zero point of the
            input say what the source takes: pixels, or (pixel - mean) / std. None takes that
            itself, float32.
        names: Of input and outputs in the signature "serving_default".
        result_type: Of codes; a result that is float stays so.
        contract: What the TFLite metadata say; without one, there are none.
        wide_in_groups: Whether `group_windows` is applied, for XNNPACK.

    Returns:
        The flatbuffer; the same graph gives the same bytes.
    """
    graph = group_windows(quantized.graph, XNNPACK) if wide_in_groups else quantized.graph
    graph = expand_shuffles(merge_columns(graph, COLUMNS))
    graph = _with_small_concatenations(with_tflite_padding(graph))
    writer = TfliteWriter(graph)
    image = writer.add_image(quantized, input_type)
    for op in graph.ops:
        writer.add_op(op)
    results = writer.add_results(result_type)
    model = writer.finish(image, results, names)
    if contract is not None:
        add_metadata(model, contract)
    return packed(model)


def _with_small_concatenations(graph: Graph) -> Graph:
    """Concatenations of more tensors than XNNPACK takes become several."""
    for op in graph.ops:
        if op.kind is not Kind.CONCATENATION or len(op.inputs) <= MOST_CONCATENATED:
            continue
        # The last ones: where strop chose the order, these are the smallest, and copied twice.
        first, last = op.inputs[: MOST_CONCATENATED - 1], op.inputs[MOST_CONCATENATED - 1 :]
        shape = list(graph.tensors[op.output].shape)
        shape[op.axis] = sum(graph.tensors[name].shape[op.axis] for name in last)
        rest = replace(graph.tensors[op.output], name=f"{op.output}/rest", shape=tuple(shape))
        new = [
            replace(op, inputs=last, output=rest.name, fused=Fused.NONE),
            replace(op, inputs=(*first, rest.name)),
        ]
        ops = [step for other in graph.ops for step in (new if other is op else [other])]
        return _with_small_concatenations(graph.rewired(ops, added=[rest]))
    return graph
