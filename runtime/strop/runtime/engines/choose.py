"""Chooses the engine for an artifact: by its format, and by what is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import PathFinder
from types import MappingProxyType
from typing import cast

from strop.runtime.artifact.artifact import Format, detect_format
from strop.runtime.engines.engine import Engine
from strop.runtime.errors import EngineError
from strop.runtime.records.light_dataclass import dataclass

find_spec = PathFinder.find_spec  # importlib.util, which has it too, takes 0.3 ms to import


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineChoice:
    """An engine that strop knows.

    Attributes:
        format: What it runs.
        package: What has to be importable for it.
        module: The file here that opens artifacts with it.
        extra: The extra of strop that installs it.
    """

    format: Format
    package: str
    module: str
    extra: str

    @property
    def is_installed(self) -> bool:
        """Whether its package can be found; it is not imported."""
        return find_spec(self.package) is not None


# In the order of preference.
ENGINES = MappingProxyType(
    {
        "litert": EngineChoice(
            format=Format.TFLITE,
            package="ai_edge_litert",
            module="strop.runtime.engines.litert",
            extra="litert",
        ),
        "tflite-runtime": EngineChoice(
            format=Format.TFLITE,
            package="tflite_runtime",
            module="strop.runtime.engines.tflite_runtime",
            extra="tflite",
        ),
        "onnxruntime": EngineChoice(
            format=Format.ONNX,
            package="onnxruntime",
            module="strop.runtime.engines.onnxruntime",
            extra="onnx",
        ),
    }
)


def engine_that_fits(engine: str | None, path: str | os.PathLike[str]) -> str | None:
    """The engine that was chosen for another file, or None where it runs another format than this.

    Args:
        engine: A name in ENGINES, or None.
        path: A .tflite or .onnx.

    Raises:
        ArtifactError: The file is not an artifact.
    """
    if engine is not None and ENGINES[engine].format is not detect_format(path):
        return None
    return engine


def open_engine(
    path: str | os.PathLike[str], *, engine: str | None = None, num_threads: int = 1
) -> Engine:
    """Load an artifact into an engine.

    Args:
        path: A .tflite or .onnx.
        engine: A name in ENGINES; None takes the first installed one for the format.
        num_threads: Within one invoke, at least 1.

    Raises:
        ArtifactError: The file is not an artifact, keeps tensors in other files, or the
            engine refuses it.
        EngineError: No engine for it is installed, `engine` is none of ours or runs
            another format, or num_threads is below 1.
    """
    if num_threads < 1:
        raise EngineError(f"num_threads is {num_threads}; needed is 1 or more")
    artifact_format = detect_format(path)
    name = _first_installed(artifact_format) if engine is None else engine
    choice = _checked(name, artifact_format, where=os.fspath(path))
    module = import_module(choice.module)
    opener = cast("Callable[..., Engine]", module.open_artifact)
    return opener(path, num_threads=num_threads)


def _first_installed(artifact_format: Format) -> str:
    """The preferred engine's name if none is installed, for the error."""
    names = [name for name, choice in ENGINES.items() if choice.format is artifact_format]
    return next((name for name in names if ENGINES[name].is_installed), names[0])


def _checked(name: str, artifact_format: Format, *, where: str) -> EngineChoice:
    choice = ENGINES.get(name)
    if choice is None:
        raise EngineError(f"engine {name!r} is none of {', '.join(ENGINES)}")
    if choice.format is not artifact_format:
        fitting = [key for key, other in ENGINES.items() if other.format is artifact_format]
        raise EngineError(
            f"{where}: {name} runs .{choice.format.value}, this is a .{artifact_format.value};"
            f" use {' or '.join(fitting)}"
        )
    if not choice.is_installed:
        raise EngineError(
            f"{where}: {name} is not installed here; run: pip install 'strop[{choice.extra}]'"
        )
    return choice
