"""Parses an .onnx and refuses by name what strop cannot take, before anything is made of it.

Limits come first: the file's size, its outermost fields, and that all tensors are in it.
Protobuf itself refuses messages that are nested more than a hundred deep.

Source: onnx/onnx.proto; https://onnx.ai/onnx/operators/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from strop.export.ir.graph import Array
from strop.export.ir.output_names import chosen_outputs
from strop.export.ir.picture import PictureFile
from strop.export.onnx_files.final_argmax import final_argmax
from strop.export.onnx_files.node_order import put_in_order
from strop.export.onnx_files.picture_input import (
    first_computing_in_bytes,
    input_picture,
    is_bytes,
)
from strop.export.onnx_files.widen import widened
from strop.runtime.artifact.onnx_external import refuse_external_data
from strop.runtime.artifact.onnx_fields import check_onnx
from strop.runtime.errors import ArtifactError, SourceError

MAX_BYTES = 2**31 - 1  # protobuf's own limit
MAX_NODES = 100_000  # EfficientNet-B7 has 1,200
MIN_OPSET, MAX_OPSET = 9, 24
OWN_DOMAINS = ("", "ai.onnx")
CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
QUANTIZED = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "ConvInteger"}
)
RANDOM = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class OnnxFile(PictureFile):
    """A vetted .onnx.

    Attributes:
        model: As it was parsed, with float32 for float16, and with the scores of the classes that
            it gives.
        opset: Version of ONNX' own operators.
    """

    model: onnx.ModelProto
    opset: int


def open_onnx(
    path: Path, *, size: tuple[int, int] | None = None, outputs: Sequence[str] = ()
) -> OnnxFile:
    """Read an .onnx and check that strop can take it.

    Args:
        path: The file.
        size: Height and width in pixels, for a model that leaves them open.
        outputs: Names of those that are wanted; none for all.

    Raises:
        SourceError: It cannot be parsed, keeps tensors elsewhere, holds what no int8 file can,
            or does not take one picture.
    """
    model, content = parsed(path)
    return vetted(model, content, path, size=size, outputs=outputs)


def vetted(
    model: onnx.ModelProto,
    content: bytes,
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    outputs: Sequence[str] = (),
) -> OnnxFile:
    """Check that strop can take a model that was parsed.

    Args:
        model: What is read further.
        content: The bytes of its file.
        path: The file.
        size: Height and width in pixels, for a model that leaves them open.
        outputs: Names of those that are wanted; none for all.

    Raises:
        SourceError: As `open_onnx`.
    """
    opset = _opset(model, path)
    _check_graph(model.graph, path)
    _put_in_order(model.graph, path)
    wide = _in_float32(model, path)
    is_widened, model = wide is not model, wide
    _check_finite(model.graph, path)
    image = _single_input(model.graph, path)
    inner = _give_results(model.graph, outputs)
    given = [value.name for value in model.graph.output]
    places = chosen_outputs(given, outputs, where=str(path))
    picture = input_picture(image, size, path)
    _check_bytes(model.graph, image, path)
    argmax = final_argmax(model, given[places[0]]) if len(places) == 1 else None
    model = model if argmax is None else argmax.model
    is_changed = is_widened or inner or argmax is not None
    return OnnxFile(
        path=path,
        model=model,
        content=content,
        float32_content=model.SerializeToString() if is_changed else content,
        takes_bytes=is_bytes(image),
        is_widened=is_widened,
        gives_classes=argmax is not None,
        has_classes_last=argmax is not None and argmax.has_classes_last,
        opset=opset,
        names=(image.name, *(given[place] for place in places)),
        is_nchw=picture.is_nchw,
        height=picture.height,
        width=picture.width,
        channels=picture.channels,
    )


def _give_results(graph: onnx.GraphProto, wanted: Sequence[str]) -> bool:
    """Make outputs of results inside of the graph that are wanted; whether there are any."""
    given = {value.name for value in graph.output}
    results = {name for node in graph.node for name in node.output}
    inner = [name for name in dict.fromkeys(wanted) if name in results - given]
    graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in inner
    )
    return bool(inner)


def place_of(node: onnx.NodeProto) -> str:
    """Name a node for a person: its own name, or its first result's."""
    own = node.name or (node.output[0] if node.output else "")
    return own.strip("/") or node.op_type


def parsed(path: Path) -> tuple[onnx.ModelProto, bytes]:
    """Parse an .onnx that is not too large and has all tensors in it; its bytes.

    Raises:
        SourceError: It is, has not, or is damaged.
    """
    if path.stat().st_size > MAX_BYTES:
        raise SourceError(
            f"{path}: {path.stat().st_size} bytes; an .onnx has at most {MAX_BYTES}, for protobuf"
            " reads no more"
        )
    try:
        check_onnx(str(path))
        refuse_external_data(str(path))
    except ArtifactError as err:
        raise SourceError(str(err)) from err
    content = path.read_bytes()
    try:
        return onnx.ModelProto.FromString(content), content
    except DecodeError as err:
        raise SourceError(f"{path}: damaged ({err}); copy or export it again") from err


def _opset(model: onnx.ModelProto, path: Path) -> int:
    versions = {entry.domain: entry.version for entry in model.opset_import}
    opset = max((versions.get(domain, 0) for domain in OWN_DOMAINS), default=0)
    if not MIN_OPSET <= opset <= MAX_OPSET:
        raise SourceError(
            f"{path}: opset {opset}; strop reads {MIN_OPSET} to {MAX_OPSET}: export it again, in"
            " PyTorch with torch.onnx.export(..., opset_version=17)"
        )
    if model.functions:
        name = model.functions[0].name
        raise SourceError(
            f"{path}: {len(model.functions)} functions of its own, {name} first; write them out"
            " with onnx.inliner.inline_local_functions, or export it again"
        )
    if model.training_info:
        raise SourceError(f"{path}: holds a training graph; export it for inference")
    return opset


def _check_graph(graph: onnx.GraphProto, path: Path) -> None:
    if len(graph.node) > MAX_NODES:
        raise SourceError(f"{path}: {len(graph.node)} nodes; strop reads up to {MAX_NODES}")
    # Names are shown in errors of one line.
    if not all(isinstance(name, str) and name.isprintable() for name in _names(graph)):
        raise SourceError(f"{path}: a name in it is no text; it is damaged: export it again")
    if graph.sparse_initializer:
        raise SourceError(f"{path}: holds sparse weights; store them as plain tensors")
    for node in graph.node:
        reason = _why_not(node)
        if reason:
            raise SourceError(f"{path}: {place_of(node)} is {node.op_type}; {reason}")


def _names(graph: onnx.GraphProto) -> Iterator[str | bytes]:
    """Every name; protobuf gives one that is no UTF-8 as bytes."""
    for value in (*graph.input, *graph.output, *graph.initializer):
        yield value.name
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (item.name for item in node.attribute)


def _why_not(node: onnx.NodeProto) -> str:
    """Why no int8 file can have a node; empty if nothing is against it so far."""
    subgraphs = any(item.HasField("g") or item.graphs for item in node.attribute)
    if node.domain not in OWN_DOMAINS:
        return f"an operator of {node.domain}, not of ONNX; replace it by ONNX' own"
    if subgraphs or node.op_type in CONTROL_FLOW:
        return "neither TFLite's nor ONNX' int8 models hold control flow; write it out and export"
    if node.op_type in QUANTIZED:
        return "this model is quantized already, and strop starts from float; give that"
    if node.op_type in RANDOM:
        return "the certificate needs the same answer each time; export it for inference"
    return ""


def _put_in_order(graph: onnx.GraphProto, path: Path) -> None:
    try:
        put_in_order(graph)
    except CycleError as err:
        raise SourceError(
            f"{path}: its nodes wait for each other's results; it is damaged: export it again"
        ) from err


def _in_float32(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """The model without float16; itself where it has none."""
    try:
        return widened(model)
    except (TypeError, ValueError, KeyError) as err:
        raise SourceError(
            f"{path}: the values of a float16 tensor do not fit its shape ({err}); export it again"
        ) from err


def _check_finite(graph: onnx.GraphProto, path: Path) -> None:
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = initial(tensor, path)
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad and values.size > 1:  # limits of a Clip may be infinite
            raise SourceError(
                f"{path}: {bad} of {values.size} weights of {tensor.name} are NaN or infinite;"
                " train again, or restore a checkpoint from before they were"
            )


def initial(tensor: onnx.TensorProto, path: Path) -> Array:
    """Values of a tensor that the file holds.

    Raises:
        SourceError: Its bytes do not fit its shape.
    """
    try:
        return numpy_helper.to_array(tensor)
    except (TypeError, ValueError, KeyError) as err:
        raise SourceError(
            f"{path}: the values of {tensor.name} do not fit its shape ({err}); export it again"
        ) from err


def _check_bytes(graph: onnx.GraphProto, image: onnx.ValueInfoProto, path: Path) -> None:
    node = first_computing_in_bytes(graph, image) if is_bytes(image) else None
    if node is not None:
        raise SourceError(
            f"{path}: {place_of(node)} is {node.op_type} of a picture in bytes; needed is a Cast to"
            " float32 in front of it"
        )


def _single_input(graph: onnx.GraphProto, path: Path) -> onnx.ValueInfoProto:
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs)
        raise SourceError(
            f"{path}: {len(inputs)} inputs ({names}), needed is one; export the model with a single"
            " input, or cut the others off with onnx.utils.extract_model"
        )
    image: onnx.ValueInfoProto = inputs[0]
    return image
