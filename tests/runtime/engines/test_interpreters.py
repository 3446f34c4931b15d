"""What an interpreter of TFLite may not tell, refuse or lose, by interpreters made for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from strop.runtime.engines import TensorInfo
from strop.runtime.engines.tflite import TfliteEngine
from strop.runtime.errors import ArtifactError


class PublicOnly:
    """An interpreter of a later release, without the internals that are looked at."""

    def __init__(self, **_: object) -> None:
        details = {"index": 0, "dtype": np.uint8, "quantization": (0.5, 3)}
        self.details = details | {"shape": np.array([1, 4]), "shape_signature": np.array([-1, 4])}
        self.resized: list[int] | None = None

    def get_input_details(self) -> list[dict[str, Any]]:
        return [self.details]

    get_output_details = get_input_details

    def resize_tensor_input(self, index: int, shape: list[int]) -> None:
        self.resized = shape

    def allocate_tensors(self) -> None:
        # What TFLite does of a dynamic batch that nobody has resized is not known here.
        assert self.resized == [1, 4]


class RefusedByDelegate(PublicOnly):
    """An interpreter whose default delegate cannot prepare the file."""

    builtin_refuses = False

    def __init__(
        self, *, experimental_op_resolver_type: str = "default", **options: object
    ) -> None:
        super().__init__(**options)
        self.is_plain = experimental_op_resolver_type == "builtin"

    def allocate_tensors(self) -> None:
        if not self.is_plain or self.builtin_refuses:
            raise RuntimeError("failed to create XNNPACK runtime\nNode 3 failed to prepare.")


class RefusedByAll(RefusedByDelegate):
    builtin_refuses = True


def opened(interpreter_type: type[RefusedByDelegate]) -> TfliteEngine:
    return TfliteEngine(
        "m",
        interpreter_type=interpreter_type,
        engine="litert",
        version="2",
        num_threads=1,
        without_delegates="builtin",
    )


def test_what_xnnpack_refuses_runs_on_the_builtin_kernels_and_says_so() -> None:
    engine = opened(RefusedByDelegate)
    assert engine.input.shape == (1, 4)
    assert engine.remark == (
        "m: runs on the builtin kernels, which are slower: XNNPACK refuses it (failed to create"
        " XNNPACK runtime Node 3 failed to prepare.)"
    )


def test_what_the_builtin_kernels_refuse_too_has_the_first_reason() -> None:
    with pytest.raises(ArtifactError, match="litert 2 cannot load it: failed to create XNNPACK"):
        opened(RefusedByAll)


class WithoutData(PublicOnly):
    """An interpreter whose tensors a damaged file has left without memory."""

    def get_tensor(self, index: int) -> None:
        raise ValueError("Tensor data is null. Run allocate_tensors() first")

    def set_tensor(self, index: int, tensor: object) -> None:
        self.get_tensor(index)

    def tensor(self, index: int) -> Callable[[], None]:
        return lambda: self.get_tensor(index)


def test_a_tensor_without_memory_is_an_error_of_the_file() -> None:
    engine = TfliteEngine("m", interpreter_type=WithoutData, engine="e", version="", num_threads=1)
    for use in (
        engine.read,
        engine.input_view,
        lambda: engine.write(np.zeros((1, 4), np.uint8)),
    ):
        with pytest.raises(ArtifactError, match="m: e failed: Tensor data is null"):
            use()


class WritesToItsInput(PublicOnly):
    """An interpreter of a file with an operation whose result is the file's own input."""

    def tensor(self, index: int) -> Callable[[], np.ndarray]:
        return lambda: np.zeros((1, 2), np.uint8)


def test_an_input_that_changes_its_shape_is_an_error_of_the_file() -> None:
    engine = TfliteEngine(
        "m", interpreter_type=WritesToItsInput, engine="e", version="", num_threads=1
    )
    with pytest.raises(ArtifactError, match=r"m: e failed: its input was \[1, 4\] and is now"):
        engine.input_view()


def test_kernels_are_unknown_where_the_interpreter_does_not_tell() -> None:
    engine = TfliteEngine("m", interpreter_type=PublicOnly, engine="e", version="", num_threads=1)
    assert (engine.facts.kernels, engine.facts.partitions) == ("unknown", None)
    assert engine.undelegated() is None
    assert engine.input == TensorInfo(shape=(1, 4), dtype="uint8", scale=0.5, zero_point=3)
