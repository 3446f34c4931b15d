"""Functions for people who write Python: the work of the commands, without flags and printing."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from strop.runtime.artifact.contract import Contract
from strop.runtime.baseline.resolve import baseline_file
from strop.runtime.bench.latency import MeasurePlan, plan_lasting
from strop.runtime.bench.record import BenchRecord
from strop.runtime.bench.run import BenchRequest
from strop.runtime.check.judge.gates import NOTHING_ALLOWED, GateOptions
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.modes import paired
from strop.runtime.check.modes.request import Question
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.classifier import open as open_classifier
from strop.runtime.classify.comparison import Comparison
from strop.runtime.classify.evaluate import Evaluation
from strop.runtime.classify.evaluate import evaluate as evaluate_images
from strop.runtime.classify.evaluate import evaluate_outputs as evaluate_each
from strop.runtime.classify.output_truth import known_images, require_any_truth, truth_of
from strop.runtime.classify.truth import images_with_truth, require_truth
from strop.runtime.engines import engine_that_fits
from strop.runtime.errors import PlanError
from strop.runtime.machine.doctor import Diagnosis, diagnose
from strop.runtime.progress import Progress, unwatched
from strop.runtime.remote.address import Target, target_from_url
from strop.runtime.remote.bench import bench_apart, bench_on_board

StrPath: TypeAlias = "str | os.PathLike[str]"
SEED_BITS = 32


def bench(
    *artifacts: StrPath,
    plan: MeasurePlan | None = None,
    images: StrPath | None = None,
    engine: str | None = None,
    num_threads: int = 1,
    sustained_s: float | None = None,
    energy_s: float | None = None,
    cool_down_s: float = 0.0,
    target: Target | str | None = None,
) -> BenchRecord:
    """Measure latency, cold start and memory of artifacts, as `strop bench`.

    It happens in a fresh process, or on a board: nothing that this process has loaded counts.

    Args:
        artifacts: .tflite or .onnx, at least one; several are measured interleaved.
        plan: How long; None for as long as `strop bench`.
        images: Folder whose first images are the inputs; None for random values.
        engine: "litert", "tflite-runtime" or "onnxruntime"; None for the first installed.
        num_threads: Within one inference.
        sustained_s: Of load of each artifact alone, afterwards; None for none.
        energy_s: Of each artifact alone beside a power meter, afterwards; None for no energy.
        cool_down_s: For which a hot machine may cool down before, at most.
        target: The board, as "ssh://pi@board"; None for this machine.

    Raises:
        PlanError: No artifact.
        ArtifactError, EngineError, ImageError, ContractError: What was given cannot be run.
        TargetError: The board cannot be reached, or lacks something.
        MeasurementError: It could not be measured, or the machine does not tell its power.
    """
    if not artifacts:
        raise PlanError("bench: no artifact; needed is one .tflite or .onnx, or several")
    request = BenchRequest(
        artifacts=tuple(map(Path, artifacts)),
        plan=plan or plan_lasting(MeasurePlan().min_duration_s, artifacts=len(artifacts)),
        images=None if images is None else Path(images),
        engine=engine,
        num_threads=num_threads,
        load_s=sustained_s,
        cool_down_s=cool_down_s,
        energy_s=energy_s,
    )
    if target is None:
        return bench_apart(request)
    board = target_from_url(target) if isinstance(target, str) else target
    return bench_on_board(request, board)


def check(
    new: StrPath | Sequence[StrPath],
    baseline: StrPath,
    *,
    plan: CheckPlan | None = None,
    gates: GateOptions = NOTHING_ALLOWED,
    engine: str | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> CheckReport:
    """Measure new artifacts beside a baseline, in pairs of fresh processes, as `strop check`.

    Args:
        new: One .tflite or .onnx, or several.
        baseline: The released file, or "DIR#MODEL".
        plan: Thresholds and durations; None for those of `strop check`, with a random seed.
        gates: What may change beside the latency.
        engine: "litert", "tflite-runtime" or "onnxruntime"; None for the first installed.
        note: Is called with a remark where an artifact takes longer than the least.

    Returns:
        The verdicts, with all raw samples.

    Raises:
        BaselineError: There is no baseline file.
        ContractError: There is no certificate where `gates` ask for one.
        ArtifactError, EngineError: A file cannot be run.
        MeasurementError: It could not be measured, or the budget is too small.
    """
    news = [new] if isinstance(new, (str, os.PathLike)) else new
    question = Question(
        artifacts=tuple(map(Path, news)),
        plan=CheckPlan(seed=secrets.randbits(SEED_BITS)) if plan is None else plan,
        baseline=baseline_file(Path(baseline)),
        engine=engine,
        gates=gates,
    )
    return paired.run(question, cool=lambda: None, note=note)


def evaluate(
    artifact: StrPath,
    folder: StrPath,
    *,
    against: StrPath | None = None,
    truth: StrPath | None = None,
    limit: int | None = None,
    engine: str | None = None,
    num_threads: int = 1,
    contract: Contract | None = None,
    progress: Progress = unwatched,
) -> Evaluation:
    """Count right answers on a folder of images, as `strop evaluate`.

    Args:
        artifact: .tflite or .onnx.
        folder: Images; in one subfolder per class, or with `truth`, unless `against` is given.
        against: A reference to compare with.
        truth: CSV for `read_truth`; None where subfolders name the classes.
        limit: Only so many images, spread evenly over the folder; None for all.
        engine: "litert", "tflite-runtime" or "onnxruntime"; None for the first installed.
        num_threads: Within one inference.
        contract: For both artifacts, where they carry none.
        progress: Passes on one step per image.

    Returns:
        The answers to each image; `evaluation.comparison` has the figures.

    Raises:
        ArtifactError, EngineError, ContractError: An artifact cannot be run as a classifier.
        ImageError: The images cannot be used, or nothing is known to be true of them.
    """
    with ExitStack() as stack:
        classifier, reference = _opened(stack, artifact, against, engine, num_threads, contract)
        decision, labels = classifier.known_decision(), classifier.contract.labels
        table = None if truth is None else Path(truth)
        found = images_with_truth(folder, table, decision=decision, labels=labels)
        if reference is None:
            require_truth(found, folder, decision, labels)
        found = found.spread(limit)
        return evaluate_images(
            classifier,
            found.images,
            targets=found.targets,
            against=reference,
            progress=progress,
        )


def evaluate_outputs(
    artifact: StrPath,
    folder: StrPath,
    *,
    against: StrPath | None = None,
    truth: Mapping[str, StrPath] | None = None,
    limit: int | None = None,
    engine: str | None = None,
    num_threads: int = 1,
    progress: Progress = unwatched,
) -> dict[str, Evaluation]:
    """Do the same for an artifact with several outputs: an evaluation of each, by its name.

    Args:
        artifact: .tflite or .onnx.
        folder: Images.
        against: A reference with the same outputs.
        truth: By the output's name, CSV for `read_truth`; others ask the subfolders.
        limit: As for `evaluate`.
        engine: As for `evaluate`.
        num_threads: Within one inference.
        progress: Passes on one step per image.

    Raises:
        StropError: As `evaluate`; or `truth` names an output that is not there.
    """
    with ExitStack() as stack:
        classifier, reference = _opened(stack, artifact, against, engine, num_threads, None)
        tables = {name: Path(table) for name, table in (truth or {}).items()}
        known = known_images(classifier, folder, tables)
        if reference is None:
            require_any_truth(classifier, known, folder)
        found = [each.spread(limit) for each in known]
        results = evaluate_each(
            classifier,
            found[0].paths,
            [truth_of(head, each) for head, each in zip(classifier.heads, found, strict=True)],
            against=reference,
            progress=progress,
        )
    names = [head.name for head in classifier.heads]
    return dict(zip(names, results, strict=True))


def _opened(
    stack: ExitStack,
    artifact: StrPath,
    against: StrPath | None,
    engine: str | None,
    num_threads: int,
    contract: Contract | None,
) -> tuple[Classifier, Classifier | None]:
    """Open an artifact and a reference, which has an engine that fits it."""

    def opened(path: StrPath, engine: str | None) -> Classifier:
        return stack.enter_context(
            open_classifier(path, engine=engine, num_threads=num_threads, contract=contract)
        )

    reference = None if against is None else opened(against, engine_that_fits(engine, against))
    return opened(artifact, engine), reference


def compare(
    artifact: StrPath,
    reference: StrPath,
    folder: StrPath,
    *,
    truth: StrPath | None = None,
    limit: int | None = None,
    progress: Progress = unwatched,
) -> Comparison:
    """Compare two artifacts over a folder of images, labelled or not.

    Args:
        artifact: .tflite or .onnx.
        reference: .tflite or .onnx of the same classes.
        folder: Images.
        truth: As for `evaluate`.
        limit: As for `evaluate`.
        progress: Passes on one step per image.

    Raises:
        StropError: As `evaluate`.
    """
    return evaluate(
        artifact, folder, against=reference, truth=truth, limit=limit, progress=progress
    ).comparison


def doctor() -> Diagnosis:
    """Look at this machine and its engines, as `strop doctor`."""
    return diagnose()
