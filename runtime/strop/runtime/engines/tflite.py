"""Runs a .tflite with a TFLite interpreter; LiteRT's and tflite-runtime's are alike."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from strop.engine_watch import EngineAtWork
from strop.runtime.engines.engine import Array, EngineFacts, TensorInfo
from strop.runtime.engines.tensors import check_inputs, check_outputs, check_written, in_one_line
from strop.runtime.errors import ArtifactError

if TYPE_CHECKING:
    from strop.runtime.engines.operation import Operation

_OPEN = -1  # a side that the file leaves open
_DELEGATE = "DELEGATE"  # Source: tensorflow/lite schema.fbs, BuiltinOperator 51
# Dimensions of the weights, input 1, over which one result is not summed up.
_RESULT_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}


class TfliteEngine:
    """One .tflite in an interpreter.

    Attributes:
        facts: What runs it; `kernels` is "xnnpack" only where delegate nodes are in the
            execution plan, "unknown" if the interpreter does not say.
        inputs: The input tensors.
        outputs: The output tensors.
        remark: Why it runs otherwise than such files do; "" where it does not.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        interpreter_type: Any,
        engine: str,
        version: str,
        num_threads: int,
        without_delegates: Any = None,
    ) -> None:
        """Load the file and allocate all tensors.

        Where a delegate that is applied by default refuses the file, and the builtin kernels
        take it, these run it; `remark` then says so.

        Args:
            path: A .tflite.
            interpreter_type: The package's `Interpreter`.
            engine: The package's name in ENGINES.
            version: The package's.
            num_threads: Within one invoke.
            without_delegates: The package's OpResolverType for the builtin kernels alone;
                None where they are not to be tried.

        Raises:
            ArtifactError: The interpreter refuses the file, or an input has an open side.
        """
        self._where = os.fspath(path)
        self.remark = ""
        make = partial(interpreter_type, model_path=self._where, num_threads=num_threads)
        with _as_artifact_error(
            f"{self._where}: {engine} {version} cannot load it", "; copy or export it again"
        ):
            with EngineAtWork(self._where, f"{engine} {version}", opens=True):
                try:
                    interpreter, signatures = _loaded(make, where=self._where)
                except (ValueError, RuntimeError) as err:
                    builtin = _without_delegates(make, without_delegates, where=self._where)
                    if builtin is None:
                        raise
                    interpreter, signatures = builtin
                    self.remark = (
                        f"{self._where}: runs on the builtin kernels, which are slower: XNNPACK"
                        f" refuses it ({in_one_line(err)})"
                    )
            # Only now are a dynamic batch's shapes what they will be.
            sources, results = interpreter.get_input_details(), interpreter.get_output_details()
            kernels, partitions = _kernels(interpreter)
        self.inputs = check_inputs(
            [_tensor_info(*each) for each in zip(sources, signatures, strict=True)],
            where=self._where,
        )
        self.outputs = check_outputs([_tensor_info(each) for each in results], where=self._where)
        self.facts = EngineFacts(
            engine=engine,
            version=version,
            kernels=kernels,
            partitions=partitions,
            num_threads=num_threads,
        )
        self._failed = f"{self._where}: {engine} failed"
        self._interpreter: Any = interpreter
        self._sources = [int(source["index"]) for source in sources]
        self._results = [int(result["index"]) for result in results]

    @property
    def input(self) -> TensorInfo:
        """The first input."""
        return self.inputs[0]

    @property
    def output(self) -> TensorInfo:
        """The first output."""
        return self.outputs[0]

    def write(self, *tensors: Array) -> None:
        """Copy one tensor for each input, of its shape and dtype, into the input buffers."""
        check_written(tensors, self.inputs)
        with _as_artifact_error(self._failed):
            for source, tensor in zip(self._sources, tensors, strict=True):
                self._interpreter.set_tensor(source, tensor)

    def input_view(self) -> Array:
        """The first input's buffer, to be filled in place; let go of it before `invoke`."""
        with _as_artifact_error(self._failed):
            view: Array = self._interpreter.tensor(self._sources[0])()
        if view.shape != self.input.shape:
            raise ArtifactError(
                f"{self._failed}: its input was {list(self.input.shape)} and is now"
                f" {list(view.shape)}, so that an operation of the file writes there; do not use it"
            )
        return view

    def invoke(self) -> None:
        """Run once on what was written."""
        try:
            self._interpreter.invoke()
        except RuntimeError as err:
            raise ArtifactError(f"{self._failed}: {in_one_line(err)}") from err

    def read(self, output: int = 0) -> Array:
        """An output of the last invoke by its place, raw codes or floats, a copy."""
        with _as_artifact_error(self._failed):
            raw: Array = self._interpreter.get_tensor(self._results[output])
        return raw

    def output_view(self, output: int = 0) -> Array:
        """As `read`, in the interpreter's own memory; let go of it before the next call."""
        with _as_artifact_error(self._failed):
            view: Array = self._interpreter.tensor(self._results[output])()
        return view

    def undelegated(self) -> tuple[int, ...] | None:
        """Which of the file's operations run outside of every delegate partition.

        Returns:
            Their places among the file's operators, ascending; an operation whose result
            nothing reads is not among them. None if the interpreter does not say.
        """
        with _as_artifact_error(self._failed), suppress(AttributeError):
            return _undelegated(self._interpreter._interpreter)
        return None

    def operations(self) -> tuple[Operation, ...] | None:
        """The file's operations, in its order; None if the interpreter does not say."""
        left = self.undelegated()
        if left is None:
            return None
        with _as_artifact_error(self._failed):
            return _operations(self._interpreter, left)

    def close(self) -> None:
        """Free the interpreter; the object is of no use afterwards."""
        self._interpreter = None

    def __enter__(self) -> TfliteEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def _as_artifact_error(what: str, remedy: str = "") -> Iterator[None]:
    """Raise what an interpreter raises as an ArtifactError."""
    try:
        yield
    except (ValueError, RuntimeError) as err:
        raise ArtifactError(f"{what}: {in_one_line(err)}{remedy}") from err


def _operations(interpreter: Any, left: tuple[int, ...]) -> tuple[Operation, ...]:
    wrapper = interpreter._interpreter
    tensors = {each["index"]: each for each in interpreter.get_tensor_details()}
    nodes = [(node, str(wrapper.NodeName(node))) for node in range(wrapper.NumNodes())]
    return tuple(
        _operation(
            name,
            inputs=[tensors.get(int(tensor)) for tensor in wrapper.NodeInputs(node)],
            results=[tensors.get(int(tensor)) for tensor in wrapper.NodeOutputs(node)],
            is_delegated=node not in left,
        )
        for node, name in nodes
        if name != _DELEGATE
    )


def _loaded(make: Callable[[], Any], *, where: str) -> tuple[Any, list[list[int]]]:
    """An interpreter with all tensors allocated, and the signatures of its inputs."""
    interpreter = make()
    sources = interpreter.get_input_details()
    signatures = [_signature(each) for each in sources]
    # Before anything is allocated for them.
    check_inputs(
        [_tensor_info(*each) for each in zip(sources, signatures, strict=True)], where=where
    )
    for source, signature in zip(sources, signatures, strict=True):
        if signature[:1] == [_OPEN] and _OPEN not in signature[1:]:
            interpreter.resize_tensor_input(source["index"], [1, *signature[1:]])
    interpreter.allocate_tensors()
    return interpreter, signatures


def _without_delegates(
    make: Callable[..., Any], resolver: Any, *, where: str
) -> tuple[Any, list[list[int]]] | None:
    """As `_loaded`, by the builtin kernels alone; None where they refuse the file too."""
    if resolver is None:
        return None
    try:
        return _loaded(partial(make, experimental_op_resolver_type=resolver), where=where)
    except (ValueError, RuntimeError):
        return None


def _signature(details: Any) -> list[int]:
    return [int(side) for side in details.get("shape_signature", details["shape"])]


def _tensor_info(details: Any, signature: list[int] | None = None) -> TensorInfo:
    shape = [int(side) for side in details["shape"]]
    if signature is not None:
        # The interpreter puts 1 for every unknown side; only the batch may be that.
        shape[1:] = signature[1:]
    scale, zero_point = details["quantization"]
    return TensorInfo(
        shape=tuple(shape),
        dtype=np.dtype(details["dtype"]).name,
        scale=float(scale),
        zero_point=int(zero_point),
    )


def _kernels(interpreter: Any) -> tuple[str, int | None]:
    """The kernels that compute, and the number of delegate partitions.

    XNNPACK is the only delegate that is applied by default. Each partition that it took
    is one node DELEGATE behind the file's own nodes; where it took none, or could not
    start and fell back in silence, there is no such node.
    """
    try:
        # Not in the public interface, and there is no other way to know.
        wrapper = interpreter._interpreter
        names = [wrapper.NodeName(index) for index in range(wrapper.NumNodes())]
    except AttributeError:
        return "unknown", None
    partitions = names.count(_DELEGATE)
    return ("xnnpack" if partitions else "builtin"), partitions


def _undelegated(wrapper: Any) -> tuple[int, ...]:
    """Walk from the outputs to the inputs through the nodes that really run.

    A partition's results are the delegate node's, and from there the walk goes on at what
    the delegate node reads: the nodes that it stands for are never met.
    """
    nodes = range(wrapper.NumNodes())
    # Delegate nodes come last, so that theirs are the results that two nodes claim.
    makers = {int(tensor): node for node in nodes for tensor in wrapper.NodeOutputs(node)}
    met: set[int] = set()
    tensors = [int(tensor) for tensor in wrapper.OutputIndices()]
    while tensors:
        node = makers.get(tensors.pop())
        if node is None or node in met:
            continue
        met.add(node)
        tensors += [int(tensor) for tensor in wrapper.NodeInputs(node)]
    return tuple(sorted(node for node in met if wrapper.NodeName(node) != _DELEGATE))


def _operation(
    kind: str, *, inputs: list[Any], results: list[Any], is_delegated: bool
) -> Operation:
    """The operation, of tensors' details; None for a tensor that is left out or unknown."""
    from strop.runtime.engines.operation import Operation

    is_real = any(result and np.dtype(result["dtype"]).kind == "f" for result in results)
    return Operation(
        kind=kind,
        is_float=is_real and kind != "DEQUANTIZE",
        is_delegated=is_delegated,
        macs=_macs(kind, inputs, results),
    )


def _macs(kind: str, inputs: list[Any], results: list[Any]) -> int | None:
    axis = _RESULT_AXES.get(kind)
    if axis is None:
        return 0
    weights, result = (inputs[1:2] or [None])[0], (results or [None])[0]
    if weights is None or result is None:
        return None
    sides = [int(side) for side in weights["shape"]]
    if axis >= len(sides) or not sides[axis]:
        return None  # of a file that is damaged
    return math.prod(map(int, result["shape"])) * math.prod(sides) // sides[axis]
