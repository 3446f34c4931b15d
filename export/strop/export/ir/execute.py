"""Run a deploy graph in float, any batch, watching its activations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from strop.export.ir.channel_shuffle import shuffle_order
from strop.export.ir.float_library import Floats, tf
from strop.export.ir.graph import Fused, Graph, Kind, Op, Pads
from strop.export.ir.run_island import run_island

Observer = Callable[[str, Floats], Floats]
"""Called with an activation's name and values [N, ...]; what it returns is used instead."""

BATCH_SIZE = 25  # images in memory at once; 25 of 224 x 224 take 4 MB, activations 200 MB
ACTIVATIONS: dict[Fused, Callable[[Floats], Floats]] = {
    Fused.NONE: lambda x: x,
    Fused.RELU: lambda x: tf.nn.relu(x),
    Fused.RELU6: lambda x: tf.nn.relu6(x),
}
UNARY: dict[Kind, Callable[[Floats], Floats]] = {
    Kind.LOGISTIC: lambda x: tf.sigmoid(x),
    Kind.TANH: lambda x: tf.tanh(x),
    Kind.HARD_SWISH: lambda x: x * tf.nn.relu6(x + 3.0) / 6.0,
    Kind.RELU: lambda x: tf.nn.relu(x),
    Kind.RELU6: lambda x: tf.nn.relu6(x),
    Kind.ELU: lambda x: tf.nn.elu(x),
    Kind.SOFTMAX: lambda x: tf.nn.softmax(x),
}
ELEMENTWISE: dict[Kind, Callable[[Floats, Floats], Floats]] = {
    Kind.ADD: lambda x, y: tf.add(x, y),
    Kind.SUB: lambda x, y: tf.subtract(x, y),
    Kind.MUL: lambda x, y: tf.multiply(x, y),
}


def unobserved(name: str, values: Floats) -> Floats:
    """The observer that watches nothing."""
    del name
    return values


def execute(
    graph: Graph,
    images: Floats,
    observer: Observer = unobserved,
    unfused_observer: Callable[[Op, Floats], None] = lambda op, values: None,
) -> Floats:
    """Run `graph` on a batch, operation by operation.

    An activation is freed as soon as nothing reads it any more.

    Args:
        graph: A float deploy graph.
        images: float32 [N, H, W, C], what the graph's input stands for.
        observer: Sees, and may replace, the input and every operation's result.
        unfused_observer: Sees every operation's result before its fused activation.

    Returns:
        float32 [N, ...], the graph's output.
    """
    readers_left = count_readers(graph)
    values = {graph.input: observer(graph.input, images)}
    for op in graph.ops:
        unfused = compute_unfused(op, operands_of(op, graph, values), graph)
        unfused_observer(op, unfused)
        values[op.output] = observer(op.output, ACTIVATIONS[op.fused](unfused))
        for name in finished(op, readers_left):
            values.pop(name, None)
    return values[graph.output]


def operands_of(op: Op, graph: Graph, values: Mapping[str, Floats]) -> list[Floats]:
    """An operation's inputs: constants of the graph, and activations among `values`."""
    return [
        tf.constant(graph.data(name)) if graph.is_constant(name) else values[name]
        for name in op.inputs
    ]


def count_readers(graph: Graph) -> Counter[str]:
    """How often each tensor is still to be read before the first operation runs."""
    readers_left = Counter(name for op in graph.ops for name in op.inputs)
    readers_left[graph.output] += 1
    return readers_left


def finished(op: Op, readers_left: Counter[str]) -> Iterator[str]:
    """Count an operation's reads off, and give the tensors that nothing reads any more."""
    for name in op.inputs:
        readers_left[name] -= 1
        if readers_left[name] == 0:
            yield name


def compute_unfused(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    """One operation on its operands, [N, ...] each, without its fused activation."""
    if op.kind in UNARY:
        return UNARY[op.kind](operands[0])
    if op.kind in ELEMENTWISE:
        return ELEMENTWISE[op.kind](*operands)
    return STRUCTURED[op.kind](op, operands, graph)


def _conv(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    del graph
    image, weights, bias = operands
    kernel = tf.transpose(weights, (1, 2, 3, 0))
    # TensorFlow's own kernel has groups on some processors only.
    groups = image.shape[3] // kernel.shape[2]
    parts = [
        tf.nn.conv2d(part, own, op.stride, _tf_pads(op.pads), dilations=op.dilation)
        for part, own in zip(tf.split(image, groups, 3), tf.split(kernel, groups, 3), strict=True)
    ]
    return (parts[0] if groups == 1 else tf.concat(parts, 3)) + bias


def _depthwise(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    del graph
    image, weights, bias = operands
    channels = image.shape[3]
    rows, columns, outputs = weights.shape[1:]
    # TFLite's output channel is input channel * multiplier + m, as TensorFlow's is.
    kernel = tf.reshape(weights, (rows, columns, channels, outputs // channels))
    padded = tf.pad(image, ((0, 0), *op.pads, (0, 0)))
    height_stride, width_stride = op.stride
    if height_stride != width_stride:
        # TensorFlow's kernel takes equal strides only: run at 1 and keep every n-th.
        full = tf.nn.depthwise_conv2d(padded, kernel, (1, 1, 1, 1), "VALID", dilations=op.dilation)
        return full[:, ::height_stride, ::width_stride, :] + bias
    strides = (1, height_stride, width_stride, 1)
    return tf.nn.depthwise_conv2d(padded, kernel, strides, "VALID", dilations=op.dilation) + bias


def _dense(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    features, weights, bias = operands
    flat = tf.reshape(features, (-1, weights.shape[1]))
    result = tf.matmul(flat, weights, transpose_b=True) + bias
    return tf.reshape(result, (-1, *graph.tensors[op.output].shape[1:]))


def _mean(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    del graph
    return tf.reduce_mean(operands[0], (1, 2), keepdims=op.keep_dims)


def _pool(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    del graph
    if op.kind is Kind.MAX_POOL:
        return tf.nn.max_pool2d(operands[0], op.window, op.stride, _tf_pads(op.pads))
    return _average_pool(op, operands[0])


def _average_pool(op: Op, image: Floats) -> Floats:
    """Average over the pixels inside the image: padding does not count."""
    pads = ((0, 0), *op.pads, (0, 0))
    ones = tf.pad(tf.ones_like(image[:1, :, :, :1]), pads)
    total = tf.nn.avg_pool2d(tf.pad(image, pads), op.window, op.stride, "VALID")
    return total / tf.nn.avg_pool2d(ones, op.window, op.stride, "VALID")


def _pad(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    del graph
    return tf.pad(operands[0], ((0, 0), *op.pads, (0, 0)))


def _reshape(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    return tf.reshape(operands[0], (-1, *graph.tensors[op.output].shape[1:]))


def _concatenate(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    del graph
    return tf.concat(operands, op.axis)


def _slice(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    return operands[0][..., op.begin :][..., : graph.tensors[op.output].shape[-1]]


def _crop(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    sides = graph.tensors[op.output].shape[1:]
    places = (slice(first, first + side) for first, side in zip(op.corner[1:], sides, strict=True))
    return operands[0][(slice(None), *places)]


def _shuffle(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    del graph
    return tf.gather(operands[0], shuffle_order(operands[0].shape[-1], op.groups), axis=-1)


def _transpose(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    del graph
    return tf.transpose(operands[0], op.order)


def _float(op: Op, operands: list[Floats], graph: Graph) -> Floats:
    return run_island(op.floats(), op.result, operands, graph.tensors[op.output].shape)


def _tf_pads(pads: Pads) -> list[tuple[int, int]]:
    return [(0, 0), *pads, (0, 0)]


STRUCTURED: dict[Kind, Callable[[Op, list[Floats], Graph], Floats]] = {
    Kind.CONV: _conv,
    Kind.DEPTHWISE: _depthwise,
    Kind.DENSE: _dense,
    Kind.MEAN: _mean,
    Kind.MAX_POOL: _pool,
    Kind.AVERAGE_POOL: _pool,
    Kind.PAD: _pad,
    Kind.RESHAPE: _reshape,
    Kind.CONCATENATION: _concatenate,
    Kind.SLICE: _slice,
    Kind.CROP: _crop,
    Kind.SHUFFLE: _shuffle,
    Kind.TRANSPOSE: _transpose,
    Kind.FLOAT: _float,
}
