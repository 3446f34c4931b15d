"""Finds the GELUs that an .onnx has as five operators around an Erf, which TFLite has not."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from strop.export.onnx_files.reading import Node

CLOSE = 1e-3  # relative; PyTorch writes the root of 2 as 1.4142135


def gelus(nodes: list[Node], constants: Mapping[str, float]) -> list[Node]:
    """Write x * (1 + erf(x / sqrt 2)) / 2 as one Gelu, where its parts are read by nothing else.

    Args:
        nodes: In order.
        constants: Values of the constants that are one number.

    Returns:
        The same function; TFLite has no Erf.
    """
    for erf in [node for node in nodes if node.kind == "Erf"]:
        found = _Gelu(nodes, constants, erf)
        if found.is_one:
            last = found.parts[-1]
            last.kind, last.inputs, last.attributes = "Gelu", (found.source,), {}
            gone = {id(part) for part in found.parts[:-1]}
            nodes = [node for node in nodes if id(node) not in gone]
    return nodes


class _Gelu:
    """The operations around an Erf, if they are a GELU.

    Attributes:
        is_one: Whether they are.
        source: What it is computed of.
        parts: In order, the result's last.
    """

    def __init__(self, nodes: list[Node], constants: Mapping[str, float], erf: Node) -> None:
        self._constants = constants
        self._readers: dict[str, list[Node]] = {}
        for node in nodes:
            for name in node.inputs:
                self._readers.setdefault(name, []).append(node)
        made = {name: node for node in nodes for name in node.outputs}
        before = made.get(erf.inputs[0])
        self.parts: list[Node] = []
        self.source = ""
        self.is_one = before is not None and self._matches(before, erf)

    def _matches(self, before: Node, erf: Node) -> bool:
        factors = {"Div": sqrt(2), "Mul": 1 / sqrt(2)}
        if before.kind not in factors or not self._has(before, factors[before.kind]):
            return False
        self.source = next(name for name in before.inputs if name not in self._constants)
        plus_one = self._only(erf)
        if plus_one is None or plus_one.kind != "Add" or not self._has(plus_one, 1.0):
            return False
        # x * (...) * 0.5, (x * 0.5) * (...) or x * ((...) * 0.5).
        first = self._only(plus_one)
        halved = self._half_of_source()
        if first is None or first.kind != "Mul":
            return False
        if halved is not None and set(first.inputs) == {halved.outputs[0], plus_one.outputs[0]}:
            self.parts = [halved, before, erf, plus_one, first]
            return self._only(halved) is first and self._only(before) is erf
        last = self._only(first)
        if last is None or last.kind != "Mul" or self._only(before) is not erf:
            return False
        self.parts = [before, erf, plus_one, first, last]
        one, other = (first, last) if self.source in first.inputs else (last, first)
        return self.source in one.inputs and self._has(other, 0.5)

    def _half_of_source(self) -> Node | None:
        readers = self._readers.get(self.source, [])
        return next((each for each in readers if each.kind == "Mul" and self._has(each, 0.5)), None)

    def _only(self, node: Node) -> Node | None:
        readers = self._readers.get(node.outputs[0], [])
        return readers[0] if len(readers) == 1 else None

    def _has(self, node: Node, number: float) -> bool:
        """Whether one of two inputs is a constant of about this value."""
        found = [self._constants[name] for name in node.inputs if name in self._constants]
        return len(node.inputs) == 2 and len(found) == 1 and abs(found[0] / number - 1) < CLOSE
