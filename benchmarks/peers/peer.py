"""What a peer is: a way from a float Keras model to one file, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from strop.export.ir.graph import Array
from strop.export.options.choices import Precision
from strop.export.source.source import Source
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import Contract
from strop.runtime.classify.prepare import preparation
from strop.runtime.engines.engine import TensorInfo
from strop.runtime.images.dataset import pixels_in_order

NS_PER_S = 1_000_000_000
TENSORFLOW, ONNXRUNTIME = "tensorflow", "onnxruntime"  # of a Keras model, and of an .onnx


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What every peer is given: the same model and the same images, prepared alike.

    Attributes:
        source: The float model.
        contract: How an image becomes the input; the real value of the input is the pixel. A file
            that has it otherwise has a contract of its own, see `Built`.
        calibration: Images that int8 ranges are taken from.
        folder: Empty; each peer writes files of its own name there.
    """

    source: Source
    contract: Contract
    calibration: tuple[Path, ...]
    folder: Path

    def inputs(self, contract: Contract | None = None) -> Iterator[Array]:
        """Each calibration image as a float32 input takes it, by default [1, H, W, C], 0..255."""
        given = self.contract if contract is None else contract
        info = TensorInfo(dtype="float32", shape=given.input_shape)
        prepare = preparation(given, info)
        for pixels in pixels_in_order(self.calibration, given):
            yield prepare.apply(pixels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantization:
    """The codes of an input whose own format does not state them.

    Attributes:
        scale: Real size of one code step, > 0.
        zero_point: Code of real 0.
    """

    scale: float
    zero_point: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """A peer's file.

    Attributes:
        path: Where it is.
        options: What its tool was told, as plain JSON values.
        notes: What the reader of its numbers has to know.
        input_quantization: Of an integer input in .onnx; None where the file states it.
        contract: What its input is; None for the task's.
        build_s: Wall time that it took; 0 while it is being built.
    """

    path: Path
    options: Mapping[str, object]
    notes: tuple[str, ...] = ()
    input_quantization: Quantization | None = None
    contract: Contract | None = None
    build_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a peer has no numbers.

    Attributes:
        stage: "build", "open" or "run".
        error: The error's type and first line.
    """

    stage: str
    error: str

    def __str__(self) -> str:
        return f"{self.stage} failed: {self.error}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """One row of the comparison.

    Attributes:
        name: On the command line and in the table.
        format: Of its file.
        precision: FLOAT32 or INT8.
        build: Makes its file from the task and the files of what it `needs`.
        needs: Peers whose files it starts from.
        engines: That run the float models which it takes, see `Source`.
    """

    name: str
    format: Format
    precision: Precision
    build: Callable[[Task, Mapping[str, Built]], Built]
    needs: tuple[str, ...] = ()
    engines: tuple[str, ...] = (TENSORFLOW,)


def first_line(err: BaseException) -> str:
    """An error as one line."""
    lines = str(err).strip().splitlines() or ["without a text"]
    return f"{type(err).__name__}: {lines[0]}"


def with_needs(wanted: Sequence[str], peers: Mapping[str, Peer]) -> tuple[str, ...]:
    """The peers to build: the wanted ones and those they start from, in the order of `peers`."""
    needed = set(wanted)
    for name in reversed(tuple(peers)):
        if name in needed:
            needed.update(peers[name].needs)
    return tuple(name for name in peers if name in needed)


def build_each(
    names: Sequence[str],
    peers: Mapping[str, Peer],
    task: Task,
    *,
    on_step: Callable[[str], None],
) -> dict[str, Built | Failure]:
    """Build the peers one after the other; one that fails does not stop the others.

    Args:
        names: What to build, each after what it needs.
        peers: By name.
        task: Given to each of them.
        on_step: Called with the name of each as it begins.
    """
    made: dict[str, Built | Failure] = {}
    for name in names:
        on_step(f"build {name}")
        made[name] = _build(peers[name], task, made)
    return made


def _build(peer: Peer, task: Task, made: Mapping[str, Built | Failure]) -> Built | Failure:
    ready: dict[str, Built] = {}
    for need in peer.needs:
        outcome = made[need]
        if isinstance(outcome, Failure):
            return Failure(stage="build", error=f"it starts from {need}, whose {outcome}")
        ready[need] = outcome
    start = time.perf_counter_ns()
    try:
        built = peer.build(task, ready)
    # Converters raise whatever they like, and one peer's error is a result of the others' run.
    except Exception as err:
        return Failure(stage="build", error=first_line(err))
    return replace(built, build_s=(time.perf_counter_ns() - start) / NS_PER_S)
