"""ONNX Runtime on the CPU, the engine for .onnx."""

from __future__ import annotations

import os
import platform
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from strop.engine_watch import EngineAtWork, folder_prefix
from strop.runtime.artifact.artifact import ONNX_BATCH
from strop.runtime.artifact.onnx_external import refuse_external_data
from strop.runtime.engines.engine import Array, Engine, EngineFacts, TensorInfo
from strop.runtime.engines.silent_onnxruntime import onnxruntime, state
from strop.runtime.engines.tensors import (
    check_inputs,
    check_outputs,
    check_written,
    in_one_line,
)
from strop.runtime.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

    from strop.runtime.engines.operation import Operation

IN_WORDS = f"onnxruntime {onnxruntime.__version__}"
CPUINFO = "/proc/cpuinfo"
OPTIMIZED = "optimized.onnx"
VNNI_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "avx_vnni_int8"})  # as Linux names them
X86 = ("x86_64", "amd64", "i386", "i686")

_FATAL_ONLY = 4  # Source: onnxruntime's OrtLoggingLevel, FATAL; exceptions tell of errors
# Source: onnxruntime's names of ONNX's types; the others are numpy's own, as "tensor(int64)".
_DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64"}
_OPEN = -1  # a side that the file leaves open
# ONNX Runtime's exceptions have no base class of their own.
_REFUSALS: tuple[type[Exception], ...] = (
    state.EPFail,
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NotImplemented,
    state.RuntimeException,
    RuntimeError,
    ValueError,
)


def open_artifact(path: str | os.PathLike[str], *, num_threads: int) -> Engine:
    """Load a .onnx.

    Raises:
        ArtifactError: The file keeps tensors in other files, ONNX Runtime refuses it, or an
            input has an open side.
    """
    return OnnxRuntimeEngine(path, num_threads=num_threads)


class OnnxRuntimeEngine:
    """One .onnx in a session whose input and output buffers are bound once.

    Attributes:
        facts: What runs it.
        inputs: The input tensors.
        outputs: The output tensors; ONNX states no scale for them, so it is 0.
        remark: Empty.
    """

    def __init__(self, path: str | os.PathLike[str], *, num_threads: int) -> None:
        self.remark = ""
        self._where = os.fspath(path)
        session = open_session(self._where, _session_options(num_threads))
        sources, results = session.get_inputs(), session.get_outputs()
        self.inputs = check_inputs([_tensor_info(each) for each in sources], where=self._where)
        self.outputs = check_outputs([_tensor_info(each) for each in results], where=self._where)
        self.facts = EngineFacts(
            engine="onnxruntime",
            version=onnxruntime.__version__,
            kernels="mlas",
            partitions=None,
            num_threads=num_threads,
        )
        self._written = [np.zeros(info.shape, info.dtype) for info in self.inputs]
        # None where only a run decides the shape: ONNX Runtime allocates it then.
        self._results = [
            None if _OPEN in info.shape else np.zeros(info.shape, info.dtype)
            for info in self.outputs
        ]
        self._session: Any = session
        self._binding: Any = session.io_binding()
        for source, buffer in zip(sources, self._written, strict=True):
            self._binding.bind_input(source.name, *_place(buffer))
        for result, room in zip(results, self._results, strict=True):
            self._binding.bind_output(result.name, *(("cpu",) if room is None else _place(room)))
        self._open_results = [
            result.name for result, room in zip(results, self._results, strict=True) if room is None
        ]

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
        # numpy would broadcast or cast in silence where TFLite refuses.
        check_written(tensors, self.inputs)
        for buffer, tensor in zip(self._written, tensors, strict=True):
            np.copyto(buffer, tensor)
        for name in self._open_results:
            # Bound anew: what the last run allocated has the last run's shape.
            self._binding.bind_output(name, "cpu")

    def input_view(self) -> Array:
        """The first input's buffer, to be filled in place; let go of it before `invoke`."""
        return self._written[0]

    def invoke(self) -> None:
        """Run once on what was written."""
        try:
            self._session.run_with_iobinding(self._binding)
        except _REFUSALS as err:
            raise ArtifactError(f"{self._where}: onnxruntime failed: {in_one_line(err)}") from err

    def read(self, output: int = 0) -> Array:
        """An output of the last invoke by its place, a copy."""
        found = self.output_view(output)
        return found if self._results[output] is None else found.copy()

    def output_view(self, output: int = 0) -> Array:
        """As `read`, in the bound memory; let go of it before the next call."""
        room = self._results[output]
        if room is not None:
            return room
        found: Array = self._binding.get_outputs()[output].numpy()
        return found

    def operations(self) -> tuple[Operation, ...]:
        """What ONNX Runtime makes of the file's operations here; loads it again and runs it."""
        # Here, because with what they import they would delay every first inference.
        import tempfile
        from pathlib import Path

        from strop.runtime.artifact.onnx_graph import computes_in_float, read_onnx_graph
        from strop.runtime.artifact.onnx_macs import count_macs
        from strop.runtime.engines.operation import Operation

        with tempfile.TemporaryDirectory(prefix=folder_prefix("onnx")) as folder:
            session = open_profiled(
                Path(self._where), num_threads=self.facts.num_threads, folder=Path(folder)
            )
            names = [each.name for each in session.get_inputs()]
            feeds = dict(zip(names, map(np.zeros_like, self._written), strict=True))
            run_session(session, feeds, where=self._where)
            graph = read_onnx_graph(Path(folder) / OPTIMIZED)
            macs = count_macs(graph, Path(session.end_profiling()))
        return tuple(
            Operation(
                kind=node.kind,
                is_float=is_float,
                is_delegated=None,
                macs=each_macs,
            )
            for node, is_float, each_macs in zip(
                graph.nodes, computes_in_float(graph), macs, strict=True
            )
        )

    def close(self) -> None:
        """Free the session; the object is of no use afterwards."""
        self._binding = None
        self._session = None

    def __enter__(self) -> OnnxRuntimeEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_profiled(path: Path, *, num_threads: int, folder: Path) -> Any:
    """A session that profiles, and leaves what it really runs as `folder` / OPTIMIZED.

    Raises:
        ArtifactError: ONNX Runtime refuses the file.
    """
    options = _session_options(num_threads)
    options.optimized_model_filepath = os.fspath(folder / OPTIMIZED)
    options.enable_profiling = True
    options.profile_file_prefix = os.fspath(folder / "profile")
    return open_session(os.fspath(path), options)


def run_session(session: Any, feeds: dict[str, Array], *, where: str) -> None:
    """Run once, for what the session notes of it.

    Raises:
        ArtifactError: ONNX Runtime fails.
    """
    try:
        with EngineAtWork(where, IN_WORDS):
            session.run(None, feeds)
    except _REFUSALS as err:
        raise ArtifactError(f"{where}: onnxruntime failed: {in_one_line(err)}") from err


def open_session(where: str, options: Any) -> Any:
    """A session on the CPU.

    Raises:
        ArtifactError: The file keeps tensors in other files, or ONNX Runtime refuses it.
    """
    refuse_external_data(where)
    try:
        with EngineAtWork(where, IN_WORDS, opens=True):
            return onnxruntime.InferenceSession(where, options, providers=["CPUExecutionProvider"])
    except _REFUSALS as err:
        raise ArtifactError(
            f"{where}: {IN_WORDS} cannot load it: {in_one_line(err)}; copy or export it again"
        ) from err


def needs_exact_products(cpuinfo: str, machine: str) -> bool:
    """Whether ONNX Runtime's fast uint8 x int8 kernels saturate on this processor.

    On x86 without VNNI they add pairs of products in 16 bits. ONNX Runtime's own test for
    it is true for some processors with VNNI too, which then lose speed for nothing.

    Source: onnxruntime_session_options_config_keys.h, session.x64quantprecision;
    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html

    Args:
        cpuinfo: Text of /proc/cpuinfo, empty where there is none: then exactness wins.
        machine: `platform.machine()`.
    """
    if machine.lower() not in X86:
        return False
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return not VNNI_FLAGS & set(flags.split())


def _session_options(num_threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _FATAL_ONLY
    # So that it is optimized for one image, as a file with a fixed batch is.
    options.add_free_dimension_override_by_name(ONNX_BATCH, 1)
    if needs_exact_products(read_cpuinfo(), platform.machine()):
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def read_cpuinfo() -> str:
    """Text of /proc/cpuinfo, empty where there is none."""
    try:
        with open(CPUINFO, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _tensor_info(tensor: Any) -> TensorInfo:
    """A side that is not fixed has a name or None; as the batch it is 1."""
    sides = [side if isinstance(side, int) else _OPEN for side in tensor.shape]
    if sides[:1] == [_OPEN]:
        sides[0] = 1
    dtype = _DTYPES.get(tensor.type, tensor.type.removeprefix("tensor(").removesuffix(")"))
    return TensorInfo(shape=tuple(sides), dtype=dtype)


def _place(buffer: Array) -> tuple[object, ...]:
    """Where a buffer is, as the session's binding takes it."""
    return "cpu", 0, buffer.dtype, buffer.shape, buffer.ctypes.data
