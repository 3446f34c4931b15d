"""`strop bench`: latency, cold start and memory of one or more artifacts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from strop import console
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.bench.energy import DEFAULT_ENERGY_S
from strop.runtime.bench.latency import MeasurePlan, plan_lasting
from strop.runtime.bench.record import BENCH_RECORD, BenchRecord
from strop.runtime.bench.run import MAX_IMAGES, BenchRequest, bench
from strop.runtime.bench.sustained import DEFAULT_LOAD_S
from strop.runtime.commands.bench.table import print_record
from strop.runtime.commands.flags.contract import add_engine_flags
from strop.runtime.commands.flags.export import (
    add_export_flag,
    require_exports_writable,
    write_exports,
)
from strop.runtime.commands.flags.numbers import count, load_seconds, numbers, positive, seconds
from strop.runtime.commands.flags.sign import add_sign_flag, require_signable, sign_written
from strop.runtime.commands.flags.target import (
    add_target_flags,
    target_of,
)
from strop.runtime.commands.notes import cool_board, note_manifest, note_remark
from strop.runtime.engines.engine import Engine
from strop.runtime.errors import PlanError
from strop.runtime.history.measured import measured_by_bench
from strop.runtime.machine.cooldown import DEFAULT_LIMIT_S
from strop.runtime.records.user_files import require_writable
from strop.runtime.remote.bench import BENCH, bench_on_board
from strop.runtime.remote.command import Work


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
    parser.add_argument(
        "artifacts", nargs="+", type=Path, metavar="ARTIFACT", help="a .tflite or .onnx file"
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FOLDER",
        help=f"run on the first {MAX_IMAGES} images of this folder (default: on random pixels)",
    )
    parser.add_argument(
        "--mean",
        type=numbers,
        default=(),
        metavar="M[,M,M]",
        help="subtracted from their pixels, in 0..255 units, where an artifact does not say it",
    )
    parser.add_argument(
        "--std", type=numbers, default=(), metavar="S[,S,S]", help="divided by, likewise"
    )
    add_engine_flags(parser)
    parser.add_argument(
        "--runs",
        type=positive,
        default=plan.min_runs,
        metavar="N",
        help="timed inferences of each artifact, at least (default: %(default)s)",
    )
    parser.add_argument(
        "--duration",
        type=seconds,
        default=plan.min_duration_s,
        metavar="SECONDS",
        help="time of these inferences, at least (default: %(default)s)",
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
        type=load_seconds,
        nargs="?",
        const=DEFAULT_LOAD_S,
        metavar="SECONDS",
        help="afterwards run each artifact alone for this time, and report its speed at the end"
        " (without SECONDS: %(const)g)",
    )
    parser.add_argument(
        "--energy",
        type=load_seconds,
        nargs="?",
        const=DEFAULT_ENERGY_S,
        metavar="SECONDS",
        help="afterwards run each artifact alone for this time beside the machine's power meter,"
        " and report millijoules an inference (without SECONDS: %(const)g); strop doctor says"
        " whether there is one",
    )
    parser.add_argument(
        "--cool-down",
        type=seconds,
        default=DEFAULT_LIMIT_S,
        metavar="SECONDS",
        help="wait at most this long for a hot board to cool down first (default: %(default)g)",
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
    add_sign_flag(parser, "the record of --output")
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
    require_signable(options, is_written=options.output is not None)
    require_exports_writable(options)
    request = _request(options)  # what is wrong in it shall not wait for a board
    target = target_of(options)
    if target is None:
        record = _measure(request, output=options.output)
    else:
        record = bench_on_board(request, target, progress=console.progress, note=console.note)
    print_record(record, as_json=options.json)
    if options.output is not None:
        BENCH_RECORD.write(record, options.output)
        console.note(f"raw samples: {options.output}")
        sign_written(options, options.output)
    write_exports(options, measured_by_bench(record))
    return 0


def _request(options: argparse.Namespace) -> BenchRequest:
    if options.images is None and (options.mean or options.std):
        raise PlanError("--mean and --std are of the pixels of --images, and there are none here")
    return BenchRequest(
        artifacts=tuple(options.artifacts),
        plan=_plan(options),
        images=options.images,
        mean=tuple(options.mean),
        std=tuple(options.std),
        engine=options.engine,
        num_threads=options.threads,
        load_s=options.sustained,
        cool_down_s=options.cool_down,
        energy_s=options.energy,
    )


def _plan(options: argparse.Namespace) -> MeasurePlan:
    plan = replace(
        plan_lasting(options.duration, artifacts=len(options.artifacts)),
        min_runs=options.runs,
        warmup_runs=options.warmup,
    )
    # Asked for no warm-up, there is none, not one of the default's duration.
    return plan if options.warmup else replace(plan, warmup_duration_s=0.0)


def _measure(request: BenchRequest, *, output: Path | None = None) -> BenchRecord:
    def opened(engines: Sequence[Engine], inputs: str) -> None:
        console.settings("bench", _settings(request, engines, inputs) | {"output": output})
        for engine in engines:
            note_remark(engine)

    for path in request.artifacts:
        read_contract(path)  # verifies the content, where there is a checksum
        note_manifest(path)
    cooled = cool_board(request.cool_down_s)
    return bench(request, cooled=cooled, opened=opened, progress=console.progress)


def _settings(request: BenchRequest, engines: Sequence[Engine], inputs: str) -> dict[str, object]:
    plan, load_s = request.plan, request.load_s
    return {
        "artifacts": [str(path) for path in request.artifacts],
        "engines": [f"{engine.facts.engine} {engine.facts.version}" for engine in engines],
        "threads": request.num_threads,
        "inputs": inputs,
        "runs": f"at least {plan.min_runs} and {plan.min_duration_s:g} s, for each artifact",
        "warm-up": f"at least {plan.warmup_runs} runs and {plan.warmup_duration_s:g} s",
        "limit": f"{plan.max_duration_s:g} s in all",
        "sustained": None if load_s is None else f"then {load_s:g} s for each artifact, alone",
        "energy": None
        if request.energy_s is None
        else f"then {request.energy_s:g} s for each artifact, alone",
    }


ON_BOARD = (Work(command=BENCH, perform=lambda request: [_measure(request)]),)
