"""Which operations of a .tflite XNNPACK takes on this machine, and why not the others."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from strop.export.frontend.tflite_names import layer_name, operator_name, result_name, results_of
from strop.export.inspect.audit import TFLITE_TYPES, UNREADABLE
from strop.export.kernels.xnnpack import CODES, UNKNOWN, Operand, refusal
from strop.runtime.engines.litert import open_artifact
from strop.runtime.errors import ArtifactError


@dataclass(frozen=True, kw_only=True, slots=True)
class Undelegated:
    """An operation that the builtin kernels compute.

    Attributes:
        kind: TFLite's name of it.
        layer: Name of its result; of the names that TFLiteConverter joined, the layer's.
        reason: Why XNNPACK did not take it, as far as that is known.
        takes_image: Whether it is the QUANTIZE that turns the image's uint8 into int8, as files
            with `--input uint8` have it; it splits nothing.
    """

    kind: str
    layer: str
    reason: str
    takes_image: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Delegation:
    """How LiteRT runs a file here: an observation, not a forecast.

    Attributes:
        partitions: Runs of operations that XNNPACK took as a whole.
        undelegated: The operations outside of them, in the file's order.
    """

    partitions: int
    undelegated: tuple[Undelegated, ...]

    @property
    def left(self) -> tuple[Undelegated, ...]:
        """What is outside of the partitions, but for what takes the image."""
        return tuple(op for op in self.undelegated if not op.takes_image)

    @property
    def is_whole(self) -> bool:
        """Whether there is one partition, and nothing is left outside of it."""
        return self.partitions == 1 and not self.left


def delegation(path: Path) -> Delegation | None:
    """Load a .tflite and look which nodes its interpreter runs.

    Args:
        path: An artifact.

    Returns:
        What XNNPACK left; None for an .onnx, which has no delegates, and where the
        interpreter does not tell.

    Raises:
        ArtifactError: LiteRT refuses the file, or it contradicts itself.
    """
    if path.suffix == ".onnx":
        return None
    with open_artifact(path, num_threads=1) as engine:
        partitions, places = engine.facts.partitions, engine.undelegated()
    if partitions is None or places is None:
        return None
    try:
        model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        operators = [model.subgraphs[0].operators[place] for place in places]
        undelegated = tuple(_undelegated(model, operator) for operator in operators)
    except UNREADABLE as err:
        raise ArtifactError(
            f"{path}: not a readable .tflite ({err}); export it again, or copy it again"
        ) from err
    return Delegation(partitions=partitions, undelegated=undelegated)


def delegation_record(found: Delegation | None) -> dict[str, object] | None:
    """It as plain values for JSON; null where it is not known."""
    return None if found is None else {**asdict(found), "is_whole": found.is_whole}


def _takes_image(model: Any, operator: Any) -> bool:
    if operator_name(model, operator) != "QUANTIZE":
        return False
    subgraph, image = model.subgraphs[0], operator.inputs[0]
    tensors = (subgraph.tensors[index] for index in (image, operator.outputs[0]))
    return image in subgraph.inputs and {TFLITE_TYPES[tensor.type] for tensor in tensors} == CODES


def _undelegated(model: Any, operator: Any) -> Undelegated:
    subgraph, kind = model.subgraphs[0], operator_name(model, operator)
    # -1 stands for an input that is left out.
    inputs, results = (
        [_operand(subgraph.tensors[index]) for index in places if index >= 0]
        for places in (() if operator.inputs is None else operator.inputs, results_of(operator))
    )
    return Undelegated(
        kind=kind,
        layer=layer_name(result_name(subgraph, operator)),
        reason=refusal(kind, inputs, results[0]) if results else UNKNOWN,
        takes_image=_takes_image(model, operator),
    )


def _operand(tensor: Any) -> Operand:
    scales = [] if tensor.quantization is None else tensor.quantization.scale
    # No scale is no array, not an empty one.
    first = next(iter(scales if scales is not None else []), 0.0)
    return Operand(dtype=TFLITE_TYPES[tensor.type], scale=float(first))
