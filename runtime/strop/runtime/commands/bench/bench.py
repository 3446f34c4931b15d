"""`strop bench`: latency, cold start and memory of one or more artifacts."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from strop import console
from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.artifact.contract import Activation, ResizeRule
from strop.runtime.bench.block_state import BoardWatch
from strop.runtime.bench.coldstart import measure_cold_start
from strop.runtime.bench.latency import INPUT_SEED, MeasurePlan, measure, random_inputs
from strop.runtime.bench.record import BENCH_RECORD, ArtifactRecord, BenchRecord
from strop.runtime.bench.sustained import DEFAULT_LOAD_S, SustainedSamples, measure_sustained
from strop.runtime.classify.foreign import foreign_facts
from strop.runtime.classify.prepare import preparation
from strop.runtime.commands.bench.cool_board import cool_board
from strop.runtime.commands.bench.on_board import measure_on_board
from strop.runtime.commands.bench.table import print_record
from strop.runtime.commands.flags.contract import add_engine_flags
from strop.runtime.commands.flags.export import (
    add_export_flag,
    require_exports_writable,
    write_exports,
)
from strop.runtime.commands.flags.manifest_note import note_manifest
from strop.runtime.commands.flags.numbers import count, fitting, positive, seconds
from strop.runtime.commands.flags.target import add_target_flags, has_target
from strop.runtime.commands.run.run import note_remark
from strop.runtime.engines import open_engine
from strop.runtime.engines.engine import Array, Engine
from strop.runtime.errors import ContractError
from strop.runtime.history.measured import measured_by_bench
from strop.runtime.images.dataset import list_images
from strop.runtime.images.load import load_image
from strop.runtime.machine.board import board_state
from strop.runtime.machine.cooldown import DEFAULT_LIMIT_S
from strop.runtime.machine.machine import machine
from strop.runtime.records.json_records import require_writable
from strop.runtime.records.timestamps import timestamp
from strop.runtime.records.version import installed_version

MAX_IMAGES = 32  # decoded once and kept: 5 MB at 224 x 224
LIMIT_FACTOR = 4  # over the timed inferences; warm-up, lead-ins and inputs take under 1 more


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `strop bench`."""
    plan = MeasurePlan()
    parser = subparsers.add_parser(
        "bench",
        help="latency, cold start and memory of one or more artifacts",
        description="Measure artifacts on this machine: any .tflite or .onnx with fixed sides, not"
        " only classifiers; each input gets random values. Several are measured interleaved, in"
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
        type=positive,
        default=plan.min_runs,
        metavar="N",
        help="at least (default: %(default)s)",
    )
    parser.add_argument(
        "--duration",
        type=seconds,
        default=plan.min_duration_s,
        metavar="SECONDS",
        help="of timed inference for each artifact, at least (default: %(default)s)",
    )
    parser.add_argument(
        "--warmup",
        type=count,
        default=plan.warmup_runs,
        metavar="N",
        help="inferences before the first timed one, at least; 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--sustained",
        type=_load_seconds,
        nargs="?",
        const=DEFAULT_LOAD_S,
        metavar="SECONDS",
        help="then run each artifact alone for so long, and state its speed at the end of it"
        " (without SECONDS: %(const)g)",
    )
    parser.add_argument(
        "--cool-down",
        type=seconds,
        default=DEFAULT_LIMIT_S,
        metavar="SECONDS",
        help="wait at most so long for a hot board to cool down first (default: %(default)g)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON instead of a table"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.json", help="keep the record with all raw samples here"
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite the files of --output and --export"
    )
    add_export_flag(parser)
    add_target_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, print, keep the record.

    Raises:
        ArtifactError, EngineError, ImageError, ContractError: What was given cannot be run.
        OutputError: A file exists or cannot be written.
        MeasurementError: A cold start failed.
    """
    if options.output is not None:
        require_writable(options.output, force=options.force)
    require_exports_writable(options)
    _plan(options)  # what is wrong in it shall not wait for a board
    if has_target(options):
        record = measure_on_board(options, images=_images(options))
    else:
        record = _measure(options)
    print_record(record, as_json=options.json)
    if options.output is not None:
        BENCH_RECORD.write(record, options.output)
        console.note(f"raw samples: {options.output}")
    write_exports(options, measured_by_bench(record))
    return 0


def perform(options: argparse.Namespace) -> int:
    """What a board does for `--target`: measure, and print the record with all raw samples.

    Raises:
        StropError: As `run`.
    """
    console.line(BENCH_RECORD.dumps(_measure(options)).rstrip())
    return 0


def _images(options: argparse.Namespace) -> Sequence[Path] | None:
    return None if options.images is None else list_images(options.images)[:MAX_IMAGES]


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


def _measure(options: argparse.Namespace) -> BenchRecord:
    plan = _plan(options)
    images = _images(options)
    inputs = (
        f"random pixels, seed {INPUT_SEED}"
        if images is None
        else f"{len(images)} images of {options.images.resolve().name}"
    )
    paths: Sequence[Path] = options.artifacts
    for path in paths:
        read_contract(path)  # verifies the content, where there is a checksum
        note_manifest(path)
    cooled = cool_board(options.cool_down)
    created_at = timestamp()
    before, board_before = machine(), board_state()  # their load must not count our own work
    with ExitStack() as stack:
        engines = [
            stack.enter_context(
                open_engine(path, engine=options.engine, num_threads=options.threads)
            )
            for path in paths
        ]
        console.settings("bench", _settings(options, plan, engines, inputs))
        for engine in engines:
            note_remark(engine)
        tensors = [
            [random_inputs(engine.inputs)]
            if images is None
            else _image_inputs(images, path=path, engine=engine)
            for path, engine in zip(paths, engines, strict=True)
        ]
        cold_starts = [
            measure_cold_start(path, engine=options.engine, num_threads=options.threads)
            for path in console.progress(paths, len(paths), "cold start")
        ]
        watch = BoardWatch()
        samples = measure(engines, tensors, plan=plan, watch=watch)
        board_after = board_state()
        sustained = _sustained(engines, tensors, load_s=options.sustained)
        facts = [engine.facts for engine in engines]
    return BenchRecord(
        strop_version=installed_version(),
        created_at=created_at,
        inputs=inputs,
        plan=plan,
        machine=before,
        cool_down=cooled,
        board_before=board_before,
        board_after=board_after,
        block_states=watch.states,
        artifacts=tuple(
            ArtifactRecord(
                name=path.name,
                sha256=sha256_file(path),
                size_bytes=path.stat().st_size,
                facts=facts[i],
                cold_start=cold_starts[i],
                samples=samples[i],
                sustained=sustained[i],
            )
            for i, path in enumerate(paths)
        ),
    )


def _sustained(
    engines: Sequence[Engine], inputs: Sequence[Sequence[Sequence[Array]]], *, load_s: float | None
) -> list[SustainedSamples | None]:
    """Each engine alone: beside another one it would not heat the board as it does in use."""
    if load_s is None:
        return [None] * len(engines)
    return [
        measure_sustained(engine, tensors, load_s=load_s, watch=BoardWatch())
        for engine, tensors in console.progress(
            zip(engines, inputs, strict=True), len(engines), "sustained"
        )
    ]


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
        "sustained": None
        if options.sustained is None
        else f"then {options.sustained:g} s for each artifact, alone",
        "output": options.output,
    }


def _image_inputs(images: Sequence[Path], *, path: Path, engine: Engine) -> list[Sequence[Array]]:
    contract = read_contract(path)
    if contract is None:
        # How images are cropped and scores are read changes no latency.
        unasked = {"resize": ResizeRule.STRETCH, "activation": Activation.NONE}
        facts = foreign_facts(path, engine.input, engine.output, unasked)
        if facts.missing:
            raise ContractError(
                f"{path}: no contract inside, so images cannot be prepared for it; leave out"
                " --images to measure on random pixels"
            )
        contract = facts.contract()
    prepare = preparation(contract, engine.input)
    return [(prepare.apply(load_image(image, contract)),) for image in images]


def _load_seconds(text: str) -> float:
    needed = "a number of seconds above 0; without one, --sustained stands last"
    return fitting(text, lambda value: 0 < value < math.inf, needed)
