"""Fixes a .tflite to one picture: every tensor's shape, and all that depends on no pixel.

LiteRT runs the file once. A shape that the file computes of its own input's is a number then, and
so are float32 weights that it makes of float16 or sparse ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from strop.engine_watch import EngineAtWork
from strop.export.ir.tflite_bytes import unpacked
from strop.export.ir.tflite_edit import set_values
from strop.export.tensorflow_logs import native_stderr_held
from strop.export.tflite_files.tensors import indices_of, is_constant, kind_of, name_of
from strop.export.tflite_files.vet import FloatTflite
from strop.runtime.engines.tensors import in_one_line
from strop.runtime.errors import SourceError

MAX_ELEMENTS = 2**28  # of one result: 1 GiB in float32, as for Keras' models
OF_SHAPES = ("SHAPE", "RANK")


def pinned(file: FloatTflite) -> Any:
    """Return the model as a schema.ModelT for one picture, its constants computed.

    Raises:
        SourceError: LiteRT refuses it, or a result is too large.
    """
    model = unpacked(file.float32_content)
    (subgraph,) = model.subgraphs
    interpreter = _run_once(file)
    shapes = {each["index"]: each["shape"] for each in interpreter.get_tensor_details()}
    _check_weights(file, model, shapes)
    for index, tensor in enumerate(subgraph.tensors):
        sides = [int(side) for side in shapes.get(index, ())]
        if prod(sides) > MAX_ELEMENTS:
            raise SourceError(
                f"{file.path}: {name_of(tensor)} is {'x'.join(map(str, sides))}; strop takes up to"
                f" {MAX_ELEMENTS} numbers in one result"
            )
        tensor.shape, tensor.shapeSignature, tensor.hasRank = sides, None, True
    subgraph.operators = _without_known(model, interpreter)
    return model


def _run_once(file: FloatTflite) -> Interpreter:
    try:
        with EngineAtWork(file.path, "LiteRT", opens=True), native_stderr_held():
            interpreter = Interpreter(
                model_content=file.float32_content,
                num_threads=1,
                # Delegates give the places of their tensors to others.
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
            (image,) = interpreter.get_input_details()
            interpreter.resize_tensor_input(image["index"], file.shape)
            interpreter.allocate_tensors()
            interpreter.set_tensor(image["index"], np.zeros(file.shape, image["dtype"]))
            interpreter.invoke()
    except (ValueError, RuntimeError) as err:
        raise SourceError(
            f"{file.path}: LiteRT does not run it ({in_one_line(err)}); convert it again"
        ) from err
    return interpreter


def _check_weights(file: FloatTflite, model: Any, shapes: Mapping[int, Any]) -> None:
    """Refuse weights that are made of others and are said to have another shape.

    XNNPACK reads as much of them as the file says.
    """
    (subgraph,) = model.subgraphs
    made: set[int] = set()
    for operator in subgraph.operators:
        inputs = [index for index in indices_of(operator.inputs) if index >= 0]
        if not inputs or not all(index in made or is_constant(model, index) for index in inputs):
            continue
        for index in indices_of(operator.outputs):
            made.add(index)
            said, found = indices_of(subgraph.tensors[index].shape), indices_of(shapes[index])
            if said != found:
                raise SourceError(
                    f"{file.path}: {name_of(subgraph.tensors[index])} is said to be {said}, and is"
                    f" {found}; it is damaged: copy or convert it again"
                )


def _without_known(model: Any, interpreter: Interpreter) -> list[Any]:
    """The operators that depend on the picture; results of the others are constants now."""
    (subgraph,) = model.subgraphs
    known: set[int] = set()
    kept = []
    for operator in subgraph.operators:
        inputs = [index for index in indices_of(operator.inputs) if index >= 0]
        is_known = all(index in known or is_constant(model, index) for index in inputs)
        if inputs and (is_known or kind_of(model, operator) in OF_SHAPES):
            known.update(indices_of(operator.outputs))
        else:
            kept.append(operator)
    read = {index for operator in kept for index in indices_of(operator.inputs)}
    for index in known & read:
        tensor = subgraph.tensors[index]
        set_values(model, tensor, interpreter.get_tensor(index))
        tensor.quantization = tensor.sparsity = None
    return kept
