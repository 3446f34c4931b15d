"""Times an answer in its three parts: the image, the engine, and what comes after.

The image is decoded, turned upright, resized and written into the input; what comes after is
reading the outputs, and making classes, numbers, a map, boxes or points of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from strop.runtime.artifact.contract import Contract
from strop.runtime.bench.block_timer import Clock
from strop.runtime.classify.classifier import Classifier
from strop.runtime.engines.engine import Array, Engine, EngineFacts, TensorInfo
from strop.runtime.errors import MeasurementError
from strop.runtime.statistics.intervals import quantile
from strop.runtime.units import NS_PER_S

WARM_UP = 3  # answers; the first ones import what makes them
LEAST_ANSWERS, MAX_ANSWERS = 20, 10_000
LEAST_S, MOST_S = 1.0, 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitSamples:
    """Answers to image files, each in three parts, in the order in which they were given.

    Attributes:
        image_ns: From the file to the filled input.
        engine_ns: The engine's own call.
        after_ns: From its end to the answer.
    """

    image_ns: tuple[int, ...]
    engine_ns: tuple[int, ...]
    after_ns: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.image_ns) == len(self.engine_ns) == len(self.after_ns) > 0:
            raise MeasurementError(
                "split: its parts are of other numbers of answers; measure again"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitFigures:
    """Medians of the parts.

    Attributes:
        image_ns: Of the image.
        engine_ns: Of the engine beside it, with cold caches between two calls.
        after_ns: Of what comes after.
        n: Answers.
    """

    image_ns: int
    engine_ns: int
    after_ns: int
    n: int


def split_figures(samples: SplitSamples) -> SplitFigures:
    """Make figures of the samples."""
    return SplitFigures(
        image_ns=quantile(samples.image_ns, 0.5),
        engine_ns=quantile(samples.engine_ns, 0.5),
        after_ns=quantile(samples.after_ns, 0.5),
        n=len(samples.image_ns),
    )


class StampedEngine:
    """An engine that remembers when its last call began and ended.

    Attributes:
        facts: Of the engine.
        inputs: Of the engine.
        outputs: Of the engine.
        remark: Of the engine.
        began_ns: The last call's beginning.
        ended_ns: Its end.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self.facts: EngineFacts = engine.facts
        self.inputs: tuple[TensorInfo, ...] = engine.inputs
        self.outputs: tuple[TensorInfo, ...] = engine.outputs
        self.remark: str = engine.remark
        self.began_ns = self.ended_ns = 0

    @property
    def input(self) -> TensorInfo:
        """The first input."""
        return self._engine.input

    @property
    def output(self) -> TensorInfo:
        """The first output."""
        return self._engine.output

    def write(self, *tensors: Array) -> None:
        """Copy tensors into the inputs."""
        self._engine.write(*tensors)

    def input_view(self) -> Array:
        """The first input's buffer."""
        return self._engine.input_view()

    def invoke(self) -> None:
        """Run once, and remember when."""
        self.began_ns = self._clock()
        self._engine.invoke()
        self.ended_ns = self._clock()

    def read(self, output: int = 0) -> Array:
        """An output of the last invoke."""
        return self._engine.read(output)

    def output_view(self, output: int = 0) -> Array:
        """An output of the last invoke in the engine's memory."""
        return self._engine.output_view(output)

    def close(self) -> None:
        """Leave the engine open: it is somebody else's."""

    def __enter__(self) -> StampedEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def measure_split(
    engine: Engine,
    contract: Contract,
    images: Sequence[Path],
    *,
    where: str,
    clock: Clock = time.perf_counter_ns,
) -> SplitSamples:
    """Answer image files one after the other, and time the parts.

    Args:
        engine: Open.
        contract: Of the artifact.
        images: Files, taken in turn.
        where: Path of the artifact, for errors.
        clock: Nanoseconds, monotonic.

    Raises:
        ImageError, ContractError, ArtifactError: As `Classifier.answer`.
    """
    stamped = StampedEngine(engine, clock)
    classifier = Classifier(stamped, contract, where=where)
    image_ns, engine_ns, after_ns = [], [], []
    start = clock()
    for place in range(-WARM_UP, MAX_ANSWERS):
        began = clock()
        classifier.answer(images[place % len(images)])
        ended = clock()
        if place < 0:
            continue
        image_ns.append(stamped.began_ns - began)
        engine_ns.append(stamped.ended_ns - stamped.began_ns)
        after_ns.append(ended - stamped.ended_ns)
        elapsed_s = (ended - start) / NS_PER_S
        if elapsed_s > MOST_S or (place + 1 >= LEAST_ANSWERS and elapsed_s > LEAST_S):
            break
    return SplitSamples(
        image_ns=tuple(image_ns), engine_ns=tuple(engine_ns), after_ns=tuple(after_ns)
    )
