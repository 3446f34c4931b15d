"""`strop bench`: latency, cold start and memory of one or more artifacts."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from strop import console
from strop.runtime.artifact import read_contract, sha256_file
from strop.runtime.board import board_state
from strop.runtime.coldstart import measure_cold_start
from strop.runtime.commands.contract_flags import add_engine_flags
from strop.runtime.dataset import list_images
from strop.runtime.disturbance import disturbances
from strop.runtime.engines import open_engine
from strop.runtime.engines.engine import Array, Engine
from strop.runtime.errors import ContractError, OutputError
from strop.runtime.images import load_image
from strop.runtime.latency import INPUT_SEED, MeasurePlan, measure, random_input
from strop.runtime.machine import machine
from strop.runtime.prepare import preparation
from strop.runtime.record import (
    ArtifactRecord,
    BenchRecord,
    installed_version,
    write_bench_record,
)
from strop.runtime.report import Figures, figures

MAX_IMAGES = 32  # decoded once and kept: 5 MB at 224 x 224
LIMIT_FACTOR = 4  # over the timed inferences; warm-up, lead-ins and inputs take under 1 more
NS_PER_MS = 1_000_000
BYTES_PER_MIB = 1 << 20
COLUMNS = (
    *("artifact", "engine", "threads", "load ms", "first ms", "p50 ms", "p90 ms", "p99 ms"),
    *("1/s", "peak MiB", "n", "p50 ratio"),
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `strop bench`."""
    plan = MeasurePlan()
    parser = subparsers.add_parser(
        "bench",
        help="latency, cold start and memory of one or more artifacts",
        description="Measure artifacts on this machine. Several are measured interleaved, in"
        " short blocks. A percentile is shown where there are samples enough to state it.",
    )
    parser.add_argument("artifacts", nargs="+", type=Path, metavar="ARTIFACT")
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FOLDER",
        help=f"run on the first {MAX_IMAGES} images of this folder; default: random pixels",
    )
    add_engine_flags(parser)
    parser.add_argument(
        "--runs",
        type=_positive,
        default=plan.min_runs,
        metavar="N",
        help="at least (default: %(default)s)",
    )
    parser.add_argument(
        "--duration",
        type=_seconds,
        default=plan.min_duration_s,
        metavar="SECONDS",
        help="of timed inference for each artifact, at least (default: %(default)s)",
    )
    parser.add_argument(
        "--warmup",
        type=_count,
        default=plan.warmup_runs,
        metavar="N",
        help="inferences before the first timed one, at least; 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON instead of a table"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.json", help="keep the record with all raw samples here"
    )
    parser.add_argument("--force", action="store_true", help="overwrite --output")


def run(options: argparse.Namespace) -> int:
    """Measure, print, keep the record.

    Raises:
        ArtifactError, EngineError, ImageError, ContractError: What was given cannot be run.
        OutputError: `--output` exists or cannot be written.
        MeasurementError: A cold start failed.
    """
    if options.output is not None:
        _check_output(options.output, force=options.force)
    plan = _plan(options)
    images = None if options.images is None else list_images(options.images)[:MAX_IMAGES]
    inputs = (
        f"random pixels, seed {INPUT_SEED}"
        if images is None
        else f"{len(images)} images of {options.images.resolve().name}"
    )
    record = _measure(options, plan=plan, images=images, inputs=inputs)
    _report(record, as_json=options.json)
    if options.output is not None:
        write_bench_record(record, options.output)
        console.note(f"raw samples: {options.output}")
    return 0


def _plan(options: argparse.Namespace) -> MeasurePlan:
    needed_s = options.duration * len(options.artifacts) * LIMIT_FACTOR
    plan = MeasurePlan(
        min_runs=options.runs,
        min_duration_s=options.duration,
        warmup_runs=options.warmup,
        max_duration_s=max(MeasurePlan().max_duration_s, needed_s),
    )
    # Asked for no warm-up, there is none, not one of the default's duration.
    return plan if options.warmup else replace(plan, warmup_duration_s=0.0)


def _measure(
    options: argparse.Namespace,
    *,
    plan: MeasurePlan,
    images: Sequence[Path] | None,
    inputs: str,
) -> BenchRecord:
    paths: Sequence[Path] = options.artifacts
    before, board_before = machine(), board_state()  # their load must not count our own work
    with ExitStack() as stack:
        engines = [
            stack.enter_context(
                open_engine(path, engine=options.engine, num_threads=options.threads)
            )
            for path in paths
        ]
        console.settings("bench", _settings(options, plan, engines, inputs))
        tensors = [
            [random_input(engine.input)]
            if images is None
            else _image_inputs(images, path=path, engine=engine)
            for path, engine in zip(paths, engines, strict=True)
        ]
        cold_starts = [
            measure_cold_start(path, engine=options.engine, num_threads=options.threads)
            for path in console.progress(paths, len(paths), "cold start")
        ]
        samples = measure(engines, tensors, plan=plan)
        board_after = board_state()
        facts = [engine.facts for engine in engines]
    return BenchRecord(
        strop_version=installed_version(),
        inputs=inputs,
        plan=plan,
        machine=before,
        board_before=board_before,
        board_after=board_after,
        artifacts=tuple(
            ArtifactRecord(
                name=path.name,
                sha256=sha256_file(path),
                size_bytes=path.stat().st_size,
                facts=facts[i],
                cold_start=cold_starts[i],
                samples=samples[i],
            )
            for i, path in enumerate(paths)
        ),
    )


def _settings(
    options: argparse.Namespace, plan: MeasurePlan, engines: Sequence[Engine], inputs: str
) -> dict[str, object]:
    return {
        "artifacts": [str(path) for path in options.artifacts],
        "engines": [f"{engine.facts.engine} {engine.facts.version}" for engine in engines],
        "threads": options.threads,
        "inputs": inputs,
        "runs": f"at least {plan.min_runs} and {plan.min_duration_s:g} s, for each artifact",
        "warm-up": f"at least {plan.warmup_runs} runs and {plan.warmup_duration_s:g} s",
        "limit": f"{plan.max_duration_s:g} s in all",
        "output": options.output,
    }


def _image_inputs(images: Sequence[Path], *, path: Path, engine: Engine) -> list[Array]:
    contract = read_contract(path)
    if contract is None:
        raise ContractError(
            f"{path}: no contract inside, so images cannot be prepared for it; leave out --images"
            " to measure on random pixels"
        )
    prepare = preparation(contract, engine.input)
    return [prepare.apply(load_image(image, contract)) for image in images]


def _report(record: BenchRecord, *, as_json: bool) -> None:
    for artifact in record.artifacts:
        if not artifact.samples.meet(record.plan):
            console.note(
                f"{artifact.name}: stopped by the limit of {record.plan.max_duration_s:g} s after"
                f" {len(artifact.samples.invoke_ns)} runs; needed were {record.plan.min_runs} runs"
                f" and {record.plan.min_duration_s:g} s"
            )
    disturbed_by = disturbances(record.board_before, record.board_after)
    for each in disturbed_by:
        console.note(f"the run was disturbed ({each.name}): {each.found}; {each.remedy}")
    rows = figures(record)
    if as_json:
        console.json(
            {
                "strop_version": record.strop_version,
                "inputs": record.inputs,
                "plan": asdict(record.plan),
                "machine": asdict(record.machine),
                "board_before": asdict(record.board_before),
                "board_after": asdict(record.board_after),
                "disturbances": [asdict(each) for each in disturbed_by],
                "artifacts": [asdict(row) for row in rows],
            }
        )
        return
    # A ratio to itself says nothing: the last column is for several artifacts.
    shown = len(COLUMNS) if len(rows) > 1 else len(COLUMNS) - 1
    console.table(COLUMNS[:shown], [_cells(row)[:shown] for row in rows])


def _cells(row: Figures) -> tuple[object, ...]:
    """The figures in the units of COLUMNS."""
    facts = row.facts
    partitions = "" if facts.partitions is None else f", partitions: {facts.partitions}"
    return (
        row.name,
        f"{facts.engine} ({facts.kernels}{partitions})",
        facts.num_threads,
        _milliseconds(row.cold_start.load_ns),
        _milliseconds(row.cold_start.first_invoke_ns),
        _milliseconds(row.p50_ns),
        _milliseconds(row.p90_ns),
        _milliseconds(row.p99_ns),
        f"{row.throughput_per_s:.1f}",
        f"{row.cold_start.peak_rss_bytes / BYTES_PER_MIB:.0f}",
        row.n,
        None if row.p50_ratio is None else f"{row.p50_ratio:.2f}",
    )


def _milliseconds(value_ns: int | None) -> str | None:
    return None if value_ns is None else f"{value_ns / NS_PER_MS:.2f}"


def _check_output(path: Path, *, force: bool) -> None:
    """Before the work, not after it."""
    if path.exists() and not force:
        raise OutputError(f"{path}: exists; give another name, or --force to overwrite it")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent}: not a folder that can be written to; make it first")


def _positive(text: str) -> int:
    return _at_least(int(text), 1)


def _count(text: str) -> int:
    return _at_least(int(text), 0)


def _at_least(value: int, least: int) -> int:
    if value < least:
        raise argparse.ArgumentTypeError(f"{value} is less than {least}")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds >= 0")
    return value
