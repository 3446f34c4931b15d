"""ONNX Runtime on the CPU, the engine for .onnx."""

from __future__ import annotations

import os
import platform
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from strop.runtime.engines.engine import Array, Engine, EngineFacts, TensorInfo
from strop.runtime.engines.tensors import check_tensor, the_only
from strop.runtime.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

    from strop.runtime.engines.operation import Operation

CPUINFO = "/proc/cpuinfo"
OPTIMIZED = "optimized.onnx"
VNNI_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "avx_vnni_int8"})  # as Linux names them
X86 = ("x86_64", "amd64", "i386", "i686")

_ERRORS_ONLY = 3  # Source: onnxruntime's OrtLoggingLevel, ERROR
_DTYPES = {"tensor(uint8)": "uint8", "tensor(int8)": "int8", "tensor(float)": "float32"}
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
        ArtifactError: ONNX Runtime refuses the file, or it is not one image in, one
            vector of scores out.
    """
    return OnnxRuntimeEngine(path, num_threads=num_threads)


class OnnxRuntimeEngine:
    """One .onnx in a session whose input and output buffers are bound once.

    Attributes:
        facts: What runs it.
        input: The input tensor.
        output: The output tensor; ONNX states no scale for it, so it is 0.
    """

    def __init__(self, path: str | os.PathLike[str], *, num_threads: int) -> None:
        self._where = os.fspath(path)
        session = _open(self._where, _session_options(num_threads))
        source = the_only(session.get_inputs(), "input", where=self._where)
        result = the_only(session.get_outputs(), "output", where=self._where)
        self.input = _tensor_info(source, where=self._where)
        self.output = _tensor_info(result, where=self._where)
        self.facts = EngineFacts(
            engine="onnxruntime",
            version=onnxruntime.__version__,
            kernels="mlas",
            partitions=None,
            num_threads=num_threads,
        )
        self._written = np.zeros(self.input.shape, self.input.dtype)
        self._result = np.zeros(self.output.shape, self.output.dtype)
        self._session: Any = session
        self._binding: Any = session.io_binding()
        self._binding.bind_input(
            source.name,
            "cpu",
            0,
            self._written.dtype,
            self._written.shape,
            self._written.ctypes.data,
        )
        self._binding.bind_output(
            result.name, "cpu", 0, self._result.dtype, self._result.shape, self._result.ctypes.data
        )

    def write(self, tensor: Array) -> None:
        """Copy `tensor`, of the input's shape and dtype, into the input buffer."""
        if tensor.shape != self.input.shape or tensor.dtype != self._written.dtype:
            # numpy would broadcast or cast in silence where TFLite refuses.
            raise ValueError(
                f"a tensor {tensor.dtype} {list(tensor.shape)}, needed is"
                f" {self.input.dtype} {list(self.input.shape)}"
            )
        np.copyto(self._written, tensor)

    def input_view(self) -> Array:
        """The input buffer itself, to be filled in place; let go of it before `invoke`."""
        return self._written

    def invoke(self) -> None:
        """Run once on what was written."""
        try:
            self._session.run_with_iobinding(self._binding)
        except _REFUSALS as err:
            raise ArtifactError(f"{self._where}: onnxruntime failed: {err}") from err

    def read(self) -> Array:
        """The output of the last invoke, a copy."""
        return self._result.copy()

    def operations(self) -> tuple[Operation, ...]:
        """What ONNX Runtime makes of the file's operations here; loads it again and runs it."""
        # Here, because with what they import they would delay every first inference.
        import tempfile
        from pathlib import Path

        from strop.runtime.engines.operation import Operation
        from strop.runtime.onnx_graph import computes_in_float, read_onnx_graph
        from strop.runtime.onnx_macs import count_macs

        with tempfile.TemporaryDirectory(prefix="strop-onnx-") as folder:
            session = open_profiled(
                Path(self._where), num_threads=self.facts.num_threads, folder=Path(folder)
            )
            session.run(None, {session.get_inputs()[0].name: np.zeros_like(self._written)})
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
    return _open(os.fspath(path), options)


def _open(where: str, options: Any) -> Any:
    try:
        return onnxruntime.InferenceSession(where, options, providers=["CPUExecutionProvider"])
    except _REFUSALS as err:
        raise ArtifactError(
            f"{where}: onnxruntime {onnxruntime.__version__} cannot load it: {err}; copy or export"
            " it again"
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
    options.log_severity_level = _ERRORS_ONLY
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


def _tensor_info(tensor: Any, *, where: str) -> TensorInfo:
    """A side that is not fixed has a name or None; only the batch may be that."""
    sides = [side if isinstance(side, int) else -1 for side in tensor.shape]
    if sides[:1] == [-1]:
        sides[0] = 1
    dtype = _DTYPES.get(tensor.type, tensor.type)
    return check_tensor(TensorInfo(shape=tuple(sides), dtype=dtype), where=where)
