"""Writes float operations that slide or multiply: convolutions, products, pools, resizing."""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from strop.export.emit.float_nodes.elementwise import Write
from strop.export.emit.float_nodes.nodes import FloatNodes, FloatOp, UnwritableError
from strop.export.ir.graph import NO_PADS, Pads, same_pads

DEPTHWISE_ORDER = (3, 0, 1, 2)  # [1, h, w, out] to [out, 1, h, w]
TRANSPOSED_ORDER = (3, 0, 1, 2)  # [out, h, w, in] to [in, out, h, w]


def _pads(nodes: FloatNodes, op: FloatOp, window: tuple[int, int], dilation: Any) -> list[int]:
    """Padding as ONNX has it, [top, left, bottom, right]."""
    options, image = op.options, nodes.shape(op.inputs[0])
    pads: Pads = NO_PADS
    if options.padding == schema.Padding.SAME:
        stride = (options.strideH, options.strideW)
        pads = same_pads((image[1], image[2]), window, stride, dilation)
    (top, bottom), (left, right) = pads
    return [top, left, bottom, right]


def _bias(nodes: FloatNodes, op: FloatOp, place: int = 2) -> list[str]:
    given = op.inputs[place] if len(op.inputs) > place else -1
    return [] if given < 0 else [nodes.name(given)]


def _weights(nodes: FloatNodes, index: int, order: tuple[int, ...]) -> str:
    values = nodes.values(index)
    if values is not None:
        return nodes.constant(values.transpose(order))
    return nodes.node("Transpose", [nodes.name(index)], perm=order)


def _convolution(nodes: FloatNodes, op: FloatOp) -> None:
    options, (image, kernel) = op.options, op.inputs[:2]
    sides = nodes.shape(kernel)
    is_depthwise = op.kind == "DEPTHWISE_CONV_2D"
    channels = nodes.shape(image)[3]
    dilation = (options.dilationHFactor, options.dilationWFactor)
    if is_depthwise:
        weights, group = _weights(nodes, kernel, DEPTHWISE_ORDER), channels
    else:
        weights, group = nodes.name(kernel, nchw=True), channels // sides[3]
    found = nodes.node(
        "Conv",
        [nodes.name(image, nchw=True), weights, *_bias(nodes, op)],
        kernel_shape=sides[1:3],
        strides=(options.strideH, options.strideW),
        dilations=dilation,
        pads=_pads(nodes, op, (sides[1], sides[2]), dilation),
        group=group,
    )
    nodes.put(op, found, nchw=True)


def _transposed_convolution(nodes: FloatNodes, op: FloatOp) -> None:
    """Write ConvTranspose; TensorFlow pads what the convolution the other way round would."""
    options, (_, kernel, image) = op.options, op.inputs[:3]
    sides, (height, width) = nodes.shape(kernel), nodes.shape(op.outputs[0])[1:3]
    window, stride = (sides[1], sides[2]), (options.strideH, options.strideW)
    is_same = options.padding == schema.Padding.SAME
    (top, bottom), (left, right) = (
        same_pads((height, width), window, stride, (1, 1)) if is_same else NO_PADS
    )
    rows, columns = nodes.shape(image)[1:3]
    left_over = (
        height - ((rows - 1) * stride[0] + window[0] - top - bottom),
        width - ((columns - 1) * stride[1] + window[1] - left - right),
    )
    found = nodes.node(
        "ConvTranspose",
        [
            nodes.name(image, nchw=True),
            _weights(nodes, kernel, TRANSPOSED_ORDER),
            *_bias(nodes, op, 3),
        ],
        kernel_shape=window,
        strides=stride,
        pads=[top, left, bottom, right],
        output_padding=left_over,
    )
    nodes.put(op, found, nchw=True)


def _dense(nodes: FloatNodes, op: FloatOp) -> None:
    image, kernel = op.inputs[:2]
    name, features = nodes.name(image), nodes.shape(kernel)[1]
    if nodes.shape(image)[-1] != features or not op.options.keepNumDims:
        name = nodes.node("Reshape", [name, nodes.integers(-1, features)])
    found = nodes.node("MatMul", [name, _weights(nodes, kernel, (1, 0))])
    for bias in _bias(nodes, op):
        found = nodes.node("Add", [found, bias])
    nodes.put(op, found)


def _batch_matmul(nodes: FloatNodes, op: FloatOp) -> None:
    factors = []
    for index, is_turned in zip(op.inputs, (op.options.adjX, op.options.adjY), strict=True):
        order = list(range(nodes.rank(index)))
        turned = (*order[:-2], order[-1], order[-2])
        factors.append(_weights(nodes, index, turned) if is_turned else nodes.name(index))
    nodes.put(op, nodes.node("MatMul", factors))


def _pool(kind: str) -> Write:
    def write(nodes: FloatNodes, op: FloatOp) -> None:
        options = op.options
        window = (options.filterHeight, options.filterWidth)
        found = nodes.node(
            kind,
            [nodes.name(op.inputs[0], nchw=True)],
            kernel_shape=window,
            strides=(options.strideH, options.strideW),
            pads=_pads(nodes, op, window, (1, 1)),
        )
        nodes.put(op, found, nchw=True)

    return write


def _resize(mode: str) -> Write:
    def write(nodes: FloatNodes, op: FloatOp) -> None:
        options = op.options
        if options.alignCorners and options.halfPixelCenters:
            raise UnwritableError("corners aligned and pixels halved at once")
        asymmetric = "half_pixel" if options.halfPixelCenters else "asymmetric"
        places = "align_corners" if options.alignCorners else asymmetric
        # Halves go up; between two corners of an asymmetric picture there are none.
        rounding = "floor" if places == "asymmetric" else "round_prefer_ceil"
        batch, height, width, channels = nodes.shape(op.outputs[0])
        found = nodes.node(
            "Resize",
            [
                nodes.name(op.inputs[0], nchw=True),
                "",
                "",
                nodes.integers(batch, channels, height, width),
            ],
            mode=mode,
            coordinate_transformation_mode=places,
            nearest_mode=rounding,
        )
        nodes.put(op, found, nchw=True)

    return write


PRODUCTS: dict[str, Write] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _convolution),
    "TRANSPOSE_CONV": _transposed_convolution,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _batch_matmul,
    "AVERAGE_POOL_2D": _pool("AveragePool"),
    "MAX_POOL_2D": _pool("MaxPool"),
    "RESIZE_BILINEAR": _resize("linear"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("nearest"),
}
