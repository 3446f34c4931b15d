"""Check reports of pairs that nobody measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.runtime.bench.test_validity import CALM, every
from tests.runtime.boards import PI_4, recorded

from strop.runtime.check.judge.anatomy import Anatomy, OpCount, Structure, Subject
from strop.runtime.check.judge.decide import decide
from strop.runtime.check.judge.gates import Change
from strop.runtime.check.judge.report import Checked, CheckReport
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.samples import Pair
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.machine.board import board_state
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.machine.environment import environment_here
from strop.runtime.machine.machine import machine

FACTS = EngineFacts(
    engine="litert", version="2.3.0", kernels="xnnpack", partitions=1, num_threads=1
)
ANATOMY = Anatomy(
    size_bytes=3_500_000,
    facts=FACTS,
    structure=Structure(
        ops=(OpCount(kind="CONV_2D", count=36), OpCount(kind="MEAN", count=1)),
        float_ops=(),
        undelegated=(),
        macs=300_000_000,
    ),
)
PLAN = CheckPlan(pairs=16, seed=3)


def subject(name: str) -> Subject:
    return Subject(name=name, sha256="ab" * 32, anatomy=ANATOMY)


def report_of(
    root: Path,
    *artifacts: Sequence[Pair],
    plan: CheckPlan = PLAN,
    gates: Sequence[Change] = (),
) -> CheckReport:
    """A report on new0.tflite, new1.tflite and so on, measured on a Raspberry Pi 4.

    Args:
        root: A new folder, for the board's files.
        artifacts: The pairs of each.
        plan: Thresholds.
        gates: What else changed in each.
    """
    recorded(root, PI_4)
    return CheckReport(
        strop_version="0.1.0",
        created_at="2026-01-31T12:00:00Z",
        mode="paired",
        plan=plan,
        machine=machine(root),
        place=environment_here(root),
        cool_down=CoolDown(waited_s=2.5, from_c=70.0, to_c=64.0, cool_c=65.0),
        board_before=board_state(root),
        board_after=board_state(root),
        baseline=subject("old.tflite"),
        artifacts=tuple(
            Checked(
                subject=subject(f"new{i}.tflite"),
                decision=decision,
                changes=tuple(gates),
                block_states=every(1, CALM, CALM),
                pairs=tuple(pairs),
            )
            for i, (pairs, decision) in enumerate(
                zip(artifacts, decide(artifacts, plan), strict=True)
            )
        ),
        qualification=("equal files: 0 of 9 called a regression (at most 28.3 %)",),
    )
