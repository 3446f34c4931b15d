"""Refuse a TensorFlow graph by its operations, before TensorFlow makes anything of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from strop.export.source.graph_operations import CHANGES_STATE, LOOPS
from strop.runtime.errors import SourceError

MAX_NODES = 1_000_000  # EfficientNet-B7 as a SavedModel has 30,000, training functions included
MAX_CONSTANT_ELEMENTS = 2**26
"""Beyond what the file's own size accounts for: a constant may be one number, repeated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """What runs when some of a graph's operations run.

    Attributes:
        nodes: NodeDefs of the graph itself, by name.
        functions: FunctionDefs of its library, by name.
    """

    nodes: dict[str, Any]
    functions: dict[str, Any]

    def operations(self) -> Iterator[Any]:
        """Every NodeDef: the graph's own, and those of the functions."""
        yield from self.nodes.values()
        for function in self.functions.values():
            yield from function.node_def


def reach(graph_def: Any, roots: list[str], *, where: str, given: str = "") -> Reached:
    """Find all that running some operations runs: what they take, and every function called.

    A function counts as a whole, as TensorFlow runs what has effects in it whether or not
    a result depends on it.

    Args:
        graph_def: A GraphDef.
        roots: Names of operations, or of tensors of theirs.
        where: Named in the error.
        given: Name of an operation whose value is given, so that what it takes does not run.

    Raises:
        SourceError: An operation or function is missing, functions call themselves, or they
            call each other so often that the graph written out has over a million nodes.
    """
    every = {node.name: node for node in graph_def.node}
    library = {function.signature.name: function for function in graph_def.library.function}
    nodes: dict[str, Any] = {}
    pending = [_operation(root) for root in roots]
    while pending:
        name = pending.pop()
        if name in nodes:
            continue
        if name not in every:
            raise SourceError(
                f"{where}: damaged: its graph has no operation {name!r}; copy it again"
            )
        nodes[name] = every[name]
        if name != given:
            pending.extend(_operation(tensor) for tensor in every[name].input)
    sizes: dict[str, int] = {}
    called = [name for node in nodes.values() for name in _calls(node, library)]
    total = len(nodes) + sum(_size(name, library, sizes, (), where) for name in called)
    if total > MAX_NODES:
        raise SourceError(f"{where}: its functions call each other {total} times; no model's do")
    return Reached(nodes=nodes, functions={name: library[name] for name in sizes})


def check_operations(reached: Reached, allowed: frozenset[str], *, where: str, part: str) -> None:
    """Check a part of a graph against the operations that it may hold.

    Args:
        reached: The part.
        allowed: Names of operations; functions of the library may be called by name too.
        where: Named in the error.
        part: What is being checked ("serving_default", "the initializer").

    Raises:
        SourceError: Another operation; it is named, with its node.
    """
    for node in reached.operations():
        if node.op not in allowed and node.op not in reached.functions:
            raise SourceError(f"{where}: {part} holds {node.op} at {node.name!r}; {_why(node.op)}")


def check_constants(reached: Reached, *, size_bytes: int, where: str) -> None:
    """Check that the constants are not larger than the file lets expect.

    Raises:
        SourceError: They have over 2**26 elements more than the file has bytes.
    """
    elements = 0
    for node in reached.operations():
        if "value" in node.attr:
            sides = [dim.size for dim in node.attr["value"].tensor.tensor_shape.dim]
            elements += math.prod(max(side, 0) for side in sides)
    if elements > MAX_CONSTANT_ELEMENTS + size_bytes:
        raise SourceError(
            f"{where}: its constants have {elements} elements in a graph of {size_bytes} bytes;"
            " no model's have"
        )


def pruned(graph_def: Any, *parts: Reached) -> Any:
    """A GraphDef of those parts only, without devices and marks on where to place nodes.

    Its functions have the content's hash in their names: TensorFlow knows a function by its
    name for as long as the process runs, and other files use the same names.
    """
    made = type(graph_def)(versions=graph_def.versions)
    nodes = {name: node for part in parts for name, node in part.nodes.items()}
    made.node.extend(nodes.values())
    functions = {name: item for part in parts for name, item in part.functions.items()}
    made.library.function.extend(functions.values())
    suffix = hashlib.sha256(made.SerializeToString(deterministic=True)).hexdigest()[:16]
    for function in made.library.function:
        function.signature.name += f"_{suffix}"
    for node in (*made.node, *(n for item in made.library.function for n in item.node_def)):
        node.device = ""
        node.attr.pop("_class", None)
        if node.op in functions:
            node.op += f"_{suffix}"
        for value in _function_values(node):
            value.name += f"_{suffix}"
    return made


def _why(operation: str) -> str:
    if operation in LOOPS:
        return "neither TFLite's nor ONNX's int8 models hold loops; unroll it and export again"
    if operation in CHANGES_STATE:
        return (
            "it changes the model's own variables, as training does; export the model for"
            " inference, with model(x, training=False)"
        )
    return (
        "strop runs arithmetic on tensors only, nothing that may read or write files, use a"
        " network or call Python; export the model without it"
    )


def _operation(tensor: str) -> str:
    return tensor.removeprefix("^").split(":")[0]


def _calls(node: Any, library: dict[str, Any]) -> Iterator[str]:
    """Names of the library's functions that a node may call."""
    if node.op in library:
        yield node.op
    for value in _function_values(node):
        yield value.name


def _function_values(node: Any) -> Iterator[Any]:
    """The NameAttrLists of a node's attributes, those inside others included."""
    pending = list(node.attr.values())
    while pending:
        value = pending.pop()
        for item in (value.func, *value.list.func):
            if item.name:
                yield item
                pending.extend(item.attr.values())


def _size(
    name: str, library: dict[str, Any], sizes: dict[str, int], callers: tuple[str, ...], where: str
) -> int:
    """Nodes of a function with all that it calls written out."""
    if name in callers or len(callers) > 100 or name not in library:
        problem = "calls itself" if name in library else "is missing"
        raise SourceError(f"{where}: function {name!r} of its graph {problem}; export it again")
    if name not in sizes:
        nodes = library[name].node_def
        inner = [called for node in nodes for called in _calls(node, library)]
        sizes[name] = len(nodes) + sum(
            _size(called, library, sizes, (*callers, name), where) for called in inner
        )
    return sizes[name]
