"""Names of the operations and tensors of a .tflite."""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

OPERATOR_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}
MAIN_OPERATIONS = ("/convolution", "/depthwise", "/MatMul")


def operator_code(model: Any, operator: Any) -> int:
    """Return the schema's BuiltinOperator of an operator."""
    code = model.operatorCodes[operator.opcodeIndex]
    # Codes up to 127 are kept in the old, 8-bit field too; the larger one is the true one.
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def operator_name(model: Any, operator: Any) -> str:
    """Return TFLite's name of an operator."""
    name: str = OPERATOR_NAMES[operator_code(model, operator)]
    return name


def results_of(operator: Any) -> list[int]:
    """Return the tensors that an operator makes; one that only writes a variable makes none."""
    return [] if operator.outputs is None else [int(index) for index in operator.outputs]


def result_name(subgraph: Any, operator: Any) -> str:
    """Name of an operator's first result; empty where it has none."""
    results = results_of(operator)
    name = subgraph.tensors[results[0]].name if results else None
    return (name or b"").decode("utf-8", "replace")


def layer_name(name: str) -> str:
    """Return the name of the layer in a tensor's name.

    The converter joins the names of all operations that it merged, with semicolons; the
    convolution or product among them is the layer that the user knows.
    """
    parts = name.split(";")
    main = [part for part in parts if part.endswith(MAIN_OPERATIONS)]
    chosen = main[0] if main else parts[0]
    for ending in MAIN_OPERATIONS:
        chosen = chosen.removesuffix(ending)
    return chosen


def unique_names(tensors: list[Any], constants: set[int]) -> list[str]:
    """Give each tensor a name of its own; where several share one, the activation keeps it."""
    names = [""] * len(tensors)
    seen: set[str] = set()
    for index in sorted(range(len(tensors)), key=lambda index: index in constants):
        name = layer_name((tensors[index].name or b"").decode("utf-8", "replace"))
        unique = f"{name}#{index}" if name in seen or not name else name
        seen.add(unique)
        names[index] = unique
    return names
