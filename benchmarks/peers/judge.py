"""Run every peer's file on the same images, then time all of them interleaved."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
from peers.peer import Built, Failure, Task, first_line

from strop.export.certify.certificate import Verdict
from strop.export.certify.verdicts import verdict
from strop.export.inspect.audit import audit
from strop.export.inspect.contents import Audit
from strop.export.ir.graph import Array
from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.artifact.contract import Activation, Contract
from strop.runtime.bench.latency import LatencySamples, MeasurePlan, measure
from strop.runtime.classify.comparison import (
    ModelAnswers,
    Truth,
    accuracy,
    joined,
    model_answers,
)
from strop.runtime.classify.decision import Decision, answers_of_classes, decide
from strop.runtime.classify.prepare import Preparation, preparation
from strop.runtime.classify.scores import dequantize
from strop.runtime.engines import open_engine
from strop.runtime.engines.engine import Engine, EngineFacts, TensorInfo
from strop.runtime.errors import SourceError
from strop.runtime.images.dataset import batches, pixels_in_order

BATCH_SIZE = 25
MAX_TIMED_IMAGES = 32  # prepared once and kept: 19 MB as float32 at 224 x 224

Clock = Callable[[], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """All that is known of one peer's file.

    Attributes:
        peer: Its name.
        built: Its file; None if that could not be made.
        sha256: Of the file, hex.
        size_bytes: Of the file.
        audit: What is in it; None if that could not be read, then a note says why.
        facts: What ran it.
        verdict: Held against the float model.
        samples: Raw, from the run that all files shared.
        notes: What the reader of its numbers has to know.
        failure: Why the fields after it are missing; None if all went well.
    """

    peer: str
    built: Built | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    audit: Audit | None = None
    facts: EngineFacts | None = None
    verdict: Verdict | None = None
    samples: LatencySamples | None = None
    notes: tuple[str, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """The comparison.

    Attributes:
        results: One a peer, in the order asked for.
        images: How many the verdicts rest on.
        float_top1: The float model's own share right; None without labels.
        float_top5: The same among five.
        float_engine: What ran the float model.
    """

    results: tuple[Result, ...]
    images: int
    float_top1: float | None
    float_top5: float | None
    float_engine: str


@dataclass(kw_only=True, slots=True)
class _Entrant:
    """A file that is open, and what came of it so far."""

    name: str
    built: Built
    engine: Engine
    prepare: Preparation
    parts: list[ModelAnswers] = field(default_factory=list)
    failure: Failure | None = None

    def scores(self, image: Array) -> Array:
        """float32 [classes] of an image, uint8 [H, W, C]."""
        self.engine.write(self.prepare.apply(image))
        self.engine.invoke()
        raw, info = self.engine.read().reshape(-1), self.engine.output
        # Codes without a scale (.onnx states none) are in the order of their scores all the same.
        is_code = raw.dtype.kind != "f" and info.scale <= 0
        return raw.astype(np.float32) if is_code else dequantize(raw, info)


def judge(
    task: Task,
    made: Mapping[str, Built | Failure],
    *,
    images: Sequence[Path],
    truth: Sequence[int] | None,
    plan: MeasurePlan,
    num_threads: int,
    on_step: Callable[[str], None],
    clock: Clock = time.perf_counter_ns,
) -> Judged:
    """Judge the files; one that cannot be opened or run does not stop the others.

    Args:
        task: The float model and the contract of its input.
        made: The peers' files, or why there is none, in the order of the result.
        images: To evaluate and to time on.
        truth: Class of each image, or None.
        plan: How long to time.
        num_threads: Within one inference.
        on_step: Called with the name of each step as it begins.
        clock: For the latencies.

    Raises:
        SourceError: The float model gives NaN or infinite scores.
    """
    classes = decide(task.source.classes, Activation.NONE, where=task.source.name)
    expected = Truth(
        task=classes.task,
        rows=None if truth is None else answers_of_classes(classes, truth),
    )
    outcomes: dict[str, _Entrant | Failure] = {}
    with ExitStack() as stack:
        for name, built in made.items():
            outcomes[name] = _open(name, built, task.contract, num_threads)
        entrants = [entrant for entrant in outcomes.values() if isinstance(entrant, _Entrant)]
        for entrant in entrants:
            stack.enter_context(entrant.engine)
        on_step(f"evaluate {len(entrants)} files on {len(images)} images")
        reference = _evaluate(task, entrants, images, classes)
        running = [entrant for entrant in entrants if entrant.failure is None]
        on_step(f"time {len(running)} files, interleaved")
        samples = _time(running, task.contract, images, plan, clock)
        results = tuple(
            _result(name, made[name], outcome, reference, expected, samples.get(name))
            for name, outcome in outcomes.items()
        )
    of_float = accuracy(reference, expected)
    return Judged(
        results=results,
        images=len(images),
        float_top1=None if of_float.top1 is None else of_float.top1.share,
        float_top5=None if of_float.top5 is None else of_float.top5.share,
        float_engine=task.source.engine,
    )


def _open(
    name: str, built: Built | Failure, contract: Contract, num_threads: int
) -> _Entrant | Failure:
    if isinstance(built, Failure):
        return built
    # As in `build_each`: whatever an engine raises over one file is a result.
    try:
        engine = open_engine(built.path, num_threads=num_threads)
        # A contract inside is strop's, and says how its input is fed; the peers have none.
        own = read_contract(built.path) or built.contract or contract
        prepare = preparation(own, _input_info(engine, built))
    except Exception as err:
        # strop's errors name the file; its folder is a temporary one.
        error = first_line(err).replace(f"{built.path.parent}{os.sep}", "")
        return Failure(stage="open", error=error)
    return _Entrant(name=name, built=built, engine=engine, prepare=prepare)


def _input_info(engine: Engine, built: Built) -> TensorInfo:
    """The input tensor, with the codes that its format cannot state."""
    if built.input_quantization is None or engine.input.dtype == "float32":
        return engine.input
    codes = built.input_quantization
    return replace(engine.input, scale=codes.scale, zero_point=codes.zero_point)


def _evaluate(
    task: Task, entrants: Sequence[_Entrant], paths: Sequence[Path], decision: Decision
) -> ModelAnswers:
    """Collect every entrant's answers; return the float model's."""
    forward = task.source.compiled()
    reference: list[ModelAnswers] = []
    for batch in batches(paths, task.contract, batch_size=BATCH_SIZE):
        scores = forward(batch)
        if not np.isfinite(scores).all():
            raise SourceError(
                f"{task.source.name}: the float model itself gives NaN or infinite scores on the"
                " validation images; check its weights, and --mean and --std"
            )
        reference.append(model_answers(decision, scores))
        for entrant in entrants:
            _answer(entrant, batch, decision)
    return joined(reference)


def _answer(entrant: _Entrant, batch: Array, decision: Decision) -> None:
    if entrant.failure is not None:
        return
    try:
        scores = np.stack([entrant.scores(image) for image in batch])
    # As in `build_each`.
    except Exception as err:
        entrant.failure = Failure(stage="run", error=first_line(err))
        return
    entrant.parts.append(model_answers(decision, scores))


def _time(
    entrants: Sequence[_Entrant],
    contract: Contract,
    paths: Sequence[Path],
    plan: MeasurePlan,
    clock: Clock,
) -> dict[str, LatencySamples]:
    if not entrants:
        return {}
    pixels = list(_spread(paths, contract))
    inputs = [[(entrant.prepare.apply(image),) for image in pixels] for entrant in entrants]
    samples = measure([entrant.engine for entrant in entrants], inputs, plan=plan, clock=clock)
    return {entrant.name: found for entrant, found in zip(entrants, samples, strict=True)}


def _spread(paths: Sequence[Path], contract: Contract) -> Iterator[Array]:
    """MAX_TIMED_IMAGES at most, evenly spread: folders are sorted by class."""
    step = -(-len(paths) // MAX_TIMED_IMAGES)
    yield from pixels_in_order(islice(paths, 0, None, step), contract)


def _result(
    name: str,
    built: Built | Failure,
    outcome: _Entrant | Failure,
    reference: ModelAnswers,
    truth: Truth,
    samples: LatencySamples | None,
) -> Result:
    if isinstance(built, Failure):
        return Result(peer=name, failure=built)
    contents, notes = _audited(built)
    result = Result(
        peer=name,
        built=built,
        sha256=sha256_file(built.path),
        size_bytes=built.path.stat().st_size,
        audit=contents,
        notes=notes,
    )
    if isinstance(outcome, Failure):
        return replace(result, failure=outcome)
    facts = outcome.engine.facts
    if outcome.failure is not None:
        return replace(result, facts=facts, failure=outcome.failure)
    found = verdict(
        built.path.name,
        engine=f"{facts.engine} {facts.version}",
        kernels=facts.kernels,
        reference=reference,
        found=joined(outcome.parts),
        truth=truth,
    )
    return replace(result, facts=facts, verdict=found, samples=samples)


def _audited(built: Built) -> tuple[Audit | None, tuple[str, ...]]:
    try:
        return audit(built.path), built.notes
    # onnxruntime's exceptions have no base class; a file that it refuses is reported already.
    except Exception as err:
        return None, (*built.notes, f"not audited: {first_line(err)}")
