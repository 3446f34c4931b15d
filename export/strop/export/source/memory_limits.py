"""Refuses a model whose intermediate results or variables would not fit into memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from strop.export.source.load_errors import LOAD_ERRORS
from strop.runtime.errors import SourceError

# 1 GiB in float32; the largest of EfficientNet-B7, 600x600x32, has a hundredth of it.
MAX_ELEMENTS = 2**28
# States of random generators and counters, which files need not hold.
FREE_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Frozen:
    """A function of images as a graph without variables.

    Attributes:
        graph: As it was traced.
        image: The tensor that is given.
        outputs: The tensors that are computed.
        captured: Values of tensors outside of the function that it reads, by their operation.
    """

    graph: Any
    image: Any
    outputs: tuple[Any, ...]
    captured: Mapping[str, Any]

    def graph_def(self) -> Any:
        """Return TensorFlow's GraphDef of it, in which what it has captured is constant."""
        made = self.graph.as_graph_def()
        for node in made.node:
            if node.name in self.captured:
                value = self.captured[node.name]
                node.op = "Const"
                node.attr.clear()
                node.attr["dtype"].type = value.dtype.as_datatype_enum
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        return made


def frozen(
    run: Any, shape: tuple[int | None, ...], *, where: str, variables: Sequence[Any] = ()
) -> Frozen:
    """Trace a function of images, its variables made constants, and check its results' sizes.

    Args:
        run: Takes float32 `shape`, returns a tensor.
        shape: Of the images, with their number.
        where: Named in the error.
        variables: Keras' variables, which are traced as the constants that they are now.

    Raises:
        SourceError: A result has over 2**28 elements.
    """
    spec = tf.TensorSpec(shape, tf.float32, name="image")
    values = [(variable, keras.ops.convert_to_numpy(variable)) for variable in variables]

    def constant(image: tf.Tensor) -> tf.Tensor:
        known = [(variable, tf.constant(value)) for variable, value in values]
        with keras.StatelessScope(state_mapping=known):
            return run(image)

    made = tf.function(constant, autograph=False).get_concrete_function(spec)
    # To inline calls, and to make constants of what is a variable still, TensorFlow copies the
    # graph operation by operation, which takes longer than tracing it.
    has_variables = any(tensor.dtype == tf.resource for tensor in made.captured_inputs)
    if has_variables or any(map(_calls, made.graph.get_operations())):
        traced = tf.function(run, autograph=False).get_concrete_function(spec)
        made = convert_variables_to_constants_v2(traced)
    tensors = (t for operation in made.graph.get_operations() for t in operation.outputs)
    sized = ((tensor.name, tensor.shape.as_list()) for tensor in tensors if tensor.shape.rank)
    check_sizes(sized, where)
    image, *captured = made.inputs
    outside = zip(captured, made.captured_inputs, strict=True)
    return Frozen(
        graph=made.graph,
        image=image,
        outputs=tuple(made.outputs),
        captured={tensor.op.name: value for tensor, value in outside},
    )


def _calls(operation: Any) -> bool:
    """Whether an operation is a call of a function, or has one as its branch or its loop."""
    return any(attribute.type in ("func", "list(func)") for attribute in operation.op_def.attr)


def check_sizes(shapes: Iterable[tuple[str, Iterable[int | None]]], where: str) -> None:
    """Check results by their shapes, name and sides; a side that is open counts as 1.

    Raises:
        SourceError: One has over 2**28 elements.
    """
    for name, sides in shapes:
        known = [side or 1 for side in sides]
        if math.prod(known) > MAX_ELEMENTS:
            raise SourceError(
                f"{where}: {name!r} has a result of {'x'.join(map(str, known))}; strop takes up to"
                f" {MAX_ELEMENTS} numbers in one"
            )


@contextmanager
def variable_budget(stored_bytes: int, *, where: str) -> Iterator[None]:
    """Refuse to make variables that the file does not hold, before they are allocated.

    A configuration of a kilobyte can ask for layers of terabytes. The variables' sizes are
    found by running their initializers in a graph, which allocates nothing.

    Args:
        stored_bytes: Of the weights in the file.
        where: Named in the error, usually the file's path.

    Raises:
        SourceError: The variables made inside have over twice as many bytes as the file
            stores (and over 64 MiB).
    """
    limit = 2 * stored_bytes + FREE_BYTES  # twice: half precision becomes float32
    graph = tf.Graph()
    made = 0
    refusals: list[SourceError] = []

    def creator(next_creator: Callable[..., Any], **arguments: Any) -> Any:
        nonlocal made
        initial = arguments["initial_value"]
        if callable(initial):
            with graph.as_default():
                value = initial()
            made += value.shape.num_elements() * value.dtype.size
            if made > limit:
                refusals.append(
                    SourceError(
                        f"{where}: its layers need over {made - 1} bytes of weights, and the file"
                        f" holds {stored_bytes}; save the model again"
                    )
                )
                raise refusals[0]
        return next_creator(**arguments)

    try:
        with tf.variable_creator_scope(creator):
            yield
    except LOAD_ERRORS as err:
        if refusals:  # Keras puts errors of its layers into its own
            raise refusals[0] from err
        raise
