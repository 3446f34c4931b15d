"""Members of a sweep that nobody exported and nobody measured."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.export.fake_manifest import HOSTILE
from tests.runtime.bench.test_validity import CALM, bench_record, every, ten_windows

from strop.export.options.choices import Precision
from strop.export.options.options import ExportOptions
from strop.export.request import ExportRequest
from strop.export.sweep.make import Job, Made
from strop.export.sweep.members import LeftOut, Member
from strop.export.sweep.record import ArtifactResult, Asked, Counts, MemberRecord
from strop.export.sweep.sweep import Steps, Sweep, sweep
from strop.export.sweep.timing import BenchPlan
from strop.export.zoo.spec import ModelSpec
from strop.runtime.bench.record import BENCH_RECORD, BenchRecord
from strop.runtime.errors import MeasurementError, QuantizationError
from strop.runtime.machine.board import board_state
from strop.runtime.statistics.intervals import Interval

PLAN = BenchPlan(threads=1, duration_s=1.0, target=None)
ASKED = Asked(
    strop_version="0",
    classes=10,
    labels=(),
    formats=("tflite",),
    resize="crop",
    crop_fraction=0.875,
    task=None,
    thresholds=(),
    effort="fast",
    min_images=20,
    full_int8=False,
    calibration_images=20,
    validation_images=100,
    images_sha256="",
    weights_sha256="",
)
COUNTS = Counts(
    parameters=1000,
    multiply_adds=1_000_000,
    pointwise=700_000,
    depthwise=200_000,
    depthwise_rest=50_000,
    spatial=90_000,
    dense=10_000,
    activations=50_000,
    layers=20,
    weight_bytes=2000,
)
REQUEST = ExportRequest(spec=ModelSpec(model="mobilenet_v2"), settings=ExportOptions(output=Path()))


def job(network: str, asked: Asked = ASKED) -> Job:
    member = Member(
        name=f"{network}.int8",
        network=network,
        model="mobilenet_v2",
        alpha=0.35,
        size=64,
        precision=Precision.INT8,
        weights="random",
    )
    return Job(member=member, asked=asked, request=REQUEST)


def artifact(file: str, content: bytes, top1: float | None) -> ArtifactResult:
    around = Interval(low=0.0, high=1.0)
    return ArtifactResult(
        file=file,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        operations=30,
        top1=top1,
        top1_interval=None if top1 is None else around,
        drop=0.0,
        drop_interval=around,
        agreement=1.0,
        agreement_interval=around,
        not_certified="",
    )


@dataclass
class Exporter:
    """Makes a file of a few bytes for each member, and keeps count.

    Attributes:
        top1: By network; others have no labels.
        fails: Networks that cannot be made, and why.
        made: Networks, in order.
    """

    top1: Mapping[str, float] = field(default_factory=dict)
    fails: Mapping[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    def make(self, job: Job) -> Made:
        network = job.member.network
        self.made.append(network)
        if network in self.fails:
            raise QuantizationError(self.fails[network])
        content = network.encode() * 10
        file = f"{network}.int8.tflite"
        result = artifact(file, content, self.top1.get(network))
        record = MemberRecord(
            member=job.member,
            asked=job.asked,
            counts=COUNTS,
            images=100,
            data="validation",
            artifacts=(result,),
            seconds=2.5,
        )
        return Made(record=record, files=((file, content),))

    @contextlib.contextmanager
    def open_executor(self) -> Iterator[Executor]:
        with ThreadPoolExecutor(1) as executor:
            yield executor


@dataclass
class Stopwatch:
    """Says how long each file takes, and writes the record where a measurement would.

    Attributes:
        p50_ns: By file name.
        fails: Names of files that cannot be measured.
        millijoules: By file name; of others no energy was measured.
        measured: Names, in order.
    """

    p50_ns: Mapping[str, int] = field(default_factory=dict)
    fails: frozenset[str] = frozenset()
    millijoules: Mapping[str, float] = field(default_factory=dict)
    measured: list[str] = field(default_factory=list)

    def measure(self, path: Path, plan: BenchPlan) -> BenchRecord:
        self.measured.append(path.name)
        if path.name in self.fails:
            raise MeasurementError(f"{path.name}: no engine")
        found = bench_of(path, self.p50_ns.get(path.name, 1_000_000))
        if path.name in self.millijoules:
            found = with_energy(found, self.millijoules[path.name])
        plan.record_of(path).write_text(BENCH_RECORD.dumps(found))
        return found


def bench_of(path: Path, p50_ns: int) -> BenchRecord:
    """A record of one file, in which every inference takes the same time."""
    template = bench_record(board_state(path.parent), every(1, CALM))
    first = template.artifacts[0]
    samples = replace(first.samples, invoke_ns=(p50_ns,) * 100, blocks=(100,))
    content = path.read_bytes()
    measured = replace(
        first,
        name=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        samples=samples,
        sustained=None,
    )
    return replace(template, artifacts=(measured,))


def with_energy(record: BenchRecord, mj: float) -> BenchRecord:
    """Add ten windows of one second, of 100 inferences with so many millijoules each."""
    samples = ten_windows(mj / 10, idle_w=0.0)
    return replace(record, artifacts=(replace(record.artifacts[0], energy=samples),))


def fake_sweep(folder: Path) -> Sweep:
    """Two members that were made, one that failed and one left out, with hostile texts."""
    exporter = Exporter(top1={"a": 0.6, "b": 0.9}, fails={"c": HOSTILE})
    stopwatch = Stopwatch(p50_ns={"a.int8.tflite": 5_000_000, "b.int8.tflite": 20_000_000})
    steps = Steps(
        make=exporter.make, open_executor=exporter.open_executor, measure=stopwatch.measure
    )
    left_out = [LeftOut(name=HOSTILE, reason="has no width multiplier")]
    return sweep(folder, [job("a"), job("b"), job("c")], PLAN, steps, left_out=left_out)


def swept(folder: Path, exporter: Exporter, stopwatch: Stopwatch, *jobs: Job) -> Sweep:
    steps = Steps(
        make=exporter.make, open_executor=exporter.open_executor, measure=stopwatch.measure
    )
    return sweep(folder, jobs, PLAN, steps)
