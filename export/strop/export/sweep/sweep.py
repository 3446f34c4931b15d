"""Runs a sweep: makes the members, then measures them, then compares them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.export.sweep.entries import Entry, entries
from strop.export.sweep.latency_model import LatencyModel, predicted, to_measure
from strop.export.sweep.make import Job, Made
from strop.export.sweep.members import LeftOut
from strop.export.sweep.record import MemberRecord
from strop.export.sweep.store import finished, put, require_sweep_folder
from strop.export.sweep.timing import BenchPlan, measure, measured_before
from strop.export.sweep.work import OpenExecutor, do_all
from strop.runtime.bench.record import BenchRecord
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.machine import Machine, machine
from strop.runtime.records.folder_lock import alone


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """The outcome of a sweep.

    Attributes:
        machine: The one that measured; this one where nothing was measured.
        records: One per member, in the order asked for; failed ones too.
        entries: One per file.
        left_out: Combinations that do not exist.
        kept: How many members were made before.
        models: What latencies are predicted by, and how wrong they are.
    """

    machine: Machine
    records: tuple[MemberRecord, ...]
    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]
    kept: int
    models: tuple[LatencyModel, ...]

    @property
    def failed(self) -> tuple[MemberRecord, ...]:
        """Members that could not be made."""
        return tuple(record for record in self.records if record.error is not None)

    @property
    def is_complete(self) -> bool:
        """Whether nothing failed."""
        return not self.failed and all(entry.latency_error is None for entry in self.entries)


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """The work that a sweep has done for it; other functions in tests.

    Attributes:
        make: Makes a member.
        open_executor: Opens what it is done on.
        measure: Measures a file.
    """

    make: Callable[[Job], Made]
    open_executor: OpenExecutor
    measure: Callable[[Path, BenchPlan], BenchRecord] = measure


def sweep(
    folder: Path,
    jobs: Sequence[Job],
    plan: BenchPlan,
    steps: Steps,
    *,
    left_out: Sequence[LeftOut] = (),
    say: Callable[[str], None] = lambda text: None,
) -> Sweep:
    """Make what is not yet made, then measure what is not yet measured.

    Args:
        folder: Of the sweep.
        jobs: The members.
        plan: How latency is measured.
        steps: What does it.
        left_out: What there is not, for the record.
        say: Called with each step that ended.

    Raises:
        OutputError: The folder holds something else, cannot be written, or another sweep is at
            work there.
        MeasurementError: It holds records that cannot be read.
    """
    require_sweep_folder(folder)
    busy = f"{folder}: another sweep is at work there; wait for it, or give another --output"
    with alone(folder, busy=busy):
        return _swept(folder, jobs, plan, steps, left_out, say)


def _swept(
    folder: Path,
    jobs: Sequence[Job],
    plan: BenchPlan,
    steps: Steps,
    left_out: Sequence[LeftOut],
    say: Callable[[str], None],
) -> Sweep:
    records = {job.member.name: finished(folder, job.member, job.asked) for job in jobs}
    waiting = [job for job in jobs if records[job.member.name] is None]
    kept = len(jobs) - len(waiting)
    for i, done in enumerate(do_all(steps.make, waiting, open_executor=steps.open_executor), 1):
        job = done.job
        failed = MemberRecord(member=job.member, asked=job.asked, error=done.error)
        made = done.result or Made(record=failed, files=())
        put(folder, made)
        records[job.member.name] = made.record
        ending = f"failed: {done.error}" if done.error else "made"
        say(f"{i} of {len(waiting)}: {job.member.name} {ending}")
    found = tuple(record for record in records.values() if record is not None)
    benches, errors = _measured(folder, found, plan, steps, say)
    where = next(iter(benches.values())).machine if benches else machine()
    rows, models = predicted(entries(found, benches, errors))
    return Sweep(
        machine=where,
        records=found,
        entries=rows,
        models=models,
        left_out=tuple(left_out),
        kept=kept,
    )


def _measured(
    folder: Path,
    records: Sequence[MemberRecord],
    plan: BenchPlan,
    steps: Steps,
    say: Callable[[str], None],
) -> tuple[dict[str, BenchRecord], dict[str, str]]:
    """Measure every file, and return records and errors by file name; nothing else runs then."""
    chosen = to_measure(records, plan.files)
    paths = [
        folder / record.member.name / artifact.file
        for record in records
        for artifact in record.artifacts
        if artifact.file in chosen
    ]
    benches: dict[str, BenchRecord] = {}
    errors: dict[str, str] = {}
    for i, path in enumerate(paths, 1):
        try:
            before = measured_before(path, plan)
            benches[path.name] = before or steps.measure(path, plan)
        except MeasurementError as err:
            errors[path.name] = str(err)
        failed = errors.get(path.name)
        ended = f"not measured: {failed}" if failed else f"{path.name} measured"
        say(f"{i} of {len(paths)}: {ended}")
    return benches, errors
