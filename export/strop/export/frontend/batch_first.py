"""Gives every activation the batch as its first dimension.

TensorFlow's converter works at batch 1, where a dimension more or less in front makes no
difference: it drops the Reshape between a dense layer and the map that its gate multiplies,
and squeezes [1, 1, 1, C] to [C]. For one image that says the same. For several, and for a
format whose images are NCHW, it says something else. Here every activation is
[1, ...], and the operands of a sum or product have as many dimensions as its result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from strop.export.ir.graph import ELEMENTWISE, Graph, Kind, Op, Tensor
from strop.export.passes.merge_reshapes import merge_reshapes

Shape = tuple[int, ...]
# What they do along one dimension, or to their order, is meant of the shape as it was read.
ALONG_DIMENSIONS = frozenset({Kind.CONCATENATION, Kind.TRANSPOSE})


def batch_first(graph: Graph) -> Graph:
    """Reshape the activations of which the converter left the batch out.

    Args:
        graph: As it was read, at batch 1.

    Returns:
        The same function at batch 1, and image by image at any other.
    """
    work = _Shaping(graph)
    ops = [step for op in graph.ops for step in work.steps(op)]
    return merge_reshapes(graph.rewired(ops, added=work.added.values()))


def with_batch(shape: Shape) -> Shape:
    """Return the shape with the batch in front, of two dimensions at least."""
    if not shape or shape[0] != 1:
        return (1, *shape) if shape else (1, 1)
    return shape if len(shape) > 1 else (1, 1)


class _Shaping:
    """The tensors that change while a graph is gone through."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.added: dict[str, Tensor] = {}
        for name in graph.activations():
            tensor = graph.tensors[name]
            if with_batch(tensor.shape) != tensor.shape:
                self.added[name] = replace(tensor, shape=with_batch(tensor.shape))

    def steps(self, op: Op) -> Iterator[Op]:
        """Return an operation, with what has to be reshaped before and behind it."""
        if op.kind in ELEMENTWISE:
            yield from self.elementwise(op)
        elif op.kind in ALONG_DIMENSIONS:
            yield from self.along_dimensions(op)
        elif op.kind is Kind.DENSE:
            yield from self.dense(op)
        else:
            yield op

    def dense(self, op: Op) -> Iterator[Op]:
        """Give rows the shape that the result has, as kernels keep that of the rows."""
        image, *others = op.inputs
        found = self.shape(op.output)[:-1]
        if len(found) > 1 and self.shape(image)[:-1] != found:
            features = self.graph.tensors[others[0]].shape[1]
            reshaped = self.reshaped(image, (*found, features), at=op.output)
            image = reshaped.output
            yield reshaped
        yield replace(op, inputs=(image, *others))

    def elementwise(self, op: Op) -> Iterator[Op]:
        rank = len(self.shape(op.output))
        inputs = []
        for name in op.inputs:
            shape = self.shape(name)
            if self.graph.is_constant(name) or len(shape) >= rank:
                inputs.append(name)
                continue
            wide = (1, *(1,) * (rank - len(shape)), *shape[1:])
            reshaped = self.reshaped(name, wide, at=op.output)
            inputs.append(reshaped.output)
            yield reshaped
        yield replace(op, inputs=tuple(inputs))

    def along_dimensions(self, op: Op) -> Iterator[Op]:
        names = (*op.inputs, op.output)
        if all(self.keeps_batch(name) for name in names) and _is_behind_batch(op):
            yield op
            return
        inputs = []
        for name in op.inputs:
            reshaped = self.reshaped(name, (1, *self.graph.tensors[name].shape), at=op.output)
            inputs.append(reshaped.output)
            yield reshaped
        result = f"{op.output}/behind_batch"
        shape = (1, *self.graph.tensors[op.output].shape)
        self.added[result] = Tensor(name=result, shape=shape)
        order = (0, *(place + 1 for place in op.order)) if op.order else ()
        yield replace(op, inputs=tuple(inputs), output=result, axis=op.axis + 1, order=order)
        yield Op(kind=Kind.RESHAPE, inputs=(result,), output=op.output)

    def reshaped(self, name: str, shape: Shape, *, at: str) -> Op:
        """Return the operation that gives `name` another shape, for the reader `at`."""
        result = f"{at}/of/{name}"
        self.added[result] = Tensor(name=result, shape=shape)
        return Op(kind=Kind.RESHAPE, inputs=(name,), output=result)

    def shape(self, name: str) -> Shape:
        return self.added.get(name, self.graph.tensors[name]).shape

    def keeps_batch(self, name: str) -> bool:
        return self.shape(name) == self.graph.tensors[name].shape


def _is_behind_batch(op: Op) -> bool:
    """Whether an operation leaves the first dimension alone."""
    return op.order[0] == 0 if op.kind is Kind.TRANSPOSE else op.axis != 0
