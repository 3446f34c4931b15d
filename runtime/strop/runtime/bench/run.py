"""Measures artifacts as `strop bench` does: from a request to a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.artifact.contract import Activation, ResizeRule
from strop.runtime.bench.block_state import BoardWatch
from strop.runtime.bench.coldstart import measure_cold_start
from strop.runtime.bench.energy import measure_energy
from strop.runtime.bench.latency import INPUT_SEED, MeasurePlan, measure, random_inputs
from strop.runtime.bench.record import ArtifactRecord, BenchRecord
from strop.runtime.bench.split import SplitSamples, measure_split
from strop.runtime.bench.sustained import measure_sustained
from strop.runtime.classify.foreign import foreign_facts
from strop.runtime.classify.prepare import preparation
from strop.runtime.engines import open_engine
from strop.runtime.engines.engine import Array, Engine
from strop.runtime.images.dataset import list_images
from strop.runtime.images.load import load_image
from strop.runtime.machine.board import board_state
from strop.runtime.machine.cooldown import DEFAULT_LIMIT_S, CoolDown
from strop.runtime.machine.event_counter import counted_instructions
from strop.runtime.machine.machine import machine
from strop.runtime.machine.power_meter import required_meter
from strop.runtime.progress import Progress, unwatched
from strop.runtime.records.timestamps import timestamp
from strop.runtime.records.version import installed_version

MAX_IMAGES = 32  # decoded once and kept: 5 MB at 224 x 224


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchRequest:
    """Which artifacts are measured, and how.

    Attributes:
        artifacts: At least one; several are measured interleaved.
        plan: How long.
        images: Folder whose first MAX_IMAGES images are the inputs; None for random values.
        mean: Subtracted from their pixels, in 0..255 units, for an artifact without a contract;
            empty for what it says itself.
        std: What they are divided by after that; empty likewise.
        engine: A name in ENGINES; None for the best that is installed.
        num_threads: Within one inference.
        load_s: Of sustained load of each artifact alone; None for none.
        cool_down_s: For which a hot board may cool down before, at most.
        energy_s: For which each artifact runs alone beside a power meter; None for no energy.
    """

    artifacts: tuple[Path, ...]
    plan: MeasurePlan
    images: Path | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    engine: str | None = None
    num_threads: int = 1
    load_s: float | None = None
    cool_down_s: float = DEFAULT_LIMIT_S
    energy_s: float | None = None

    @property
    def used_images(self) -> tuple[Path, ...]:
        """The images that are the inputs; empty for random values.

        Raises:
            ImageError: The folder has none.
        """
        return () if self.images is None else tuple(list_images(self.images)[:MAX_IMAGES])


def bench(
    request: BenchRequest,
    *,
    cooled: CoolDown | None = None,
    opened: Callable[[Sequence[Engine], str], None] = lambda engines, inputs: None,
    progress: Progress = unwatched,
) -> BenchRecord:
    """Measure artifacts on this machine.

    Args:
        request: What is measured.
        cooled: The wait before, for the record.
        opened: Is given the opened engines, and what they are run on, in words.
        progress: Is given the cold starts and the sustained loads.

    Raises:
        ArtifactError, EngineError, ImageError, ContractError: What was given cannot be run.
        MeasurementError: A cold start failed, or the machine does not tell its power.
    """
    paths, images = request.artifacts, request.used_images
    meter = None if request.energy_s is None else required_meter()
    inputs = f"random pixels, seed {INPUT_SEED}"
    if request.images is not None:
        inputs = f"{len(images)} images of {request.images.resolve().name}"
    created_at = timestamp()
    before, board_before = machine(), board_state()  # their load must not count our own work
    with ExitStack() as stack:
        # Before the engines start their threads, which are to count.
        instructions = stack.enter_context(counted_instructions())
        engines = [
            stack.enter_context(
                open_engine(path, engine=request.engine, num_threads=request.num_threads)
            )
            for path in paths
        ]
        opened(engines, inputs)
        tensors = [
            _image_inputs(request, path=path, engine=engine)
            if images
            else [random_inputs(engine.inputs)]
            for path, engine in zip(paths, engines, strict=True)
        ]
        cold_starts = [
            measure_cold_start(path, engine=request.engine, num_threads=request.num_threads)
            for path in progress(paths, len(paths), "cold start")
        ]
        watch = BoardWatch()
        samples = measure(
            engines, tensors, plan=request.plan, watch=watch, instructions=instructions
        )
        board_after = board_state()
        # Each engine alone: beside another one it would not heat the board as it does in use.
        sustained = (
            [None] * len(paths)
            if request.load_s is None
            else [
                measure_sustained(engine, given, load_s=request.load_s, watch=BoardWatch())
                for engine, given in progress(
                    zip(engines, tensors, strict=True), len(paths), "sustained"
                )
            ]
        )
        energies = [
            None
            if meter is None or request.energy_s is None
            else measure_energy(
                engine, given, meter=meter, duration_s=request.energy_s, watch=BoardWatch()
            )
            for engine, given in zip(engines, tensors, strict=True)
        ]
        splits = [_split(path, engine, images) for path, engine in zip(paths, engines, strict=True)]
        facts = [engine.facts for engine in engines]
    return BenchRecord(
        strop_version=installed_version(),
        created_at=created_at,
        inputs=inputs,
        plan=request.plan,
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
                energy=energies[i],
                split=splits[i],
            )
            for i, path in enumerate(paths)
        ),
    )


def _split(path: Path, engine: Engine, images: Sequence[Path]) -> SplitSamples | None:
    contract = read_contract(path)
    if contract is None or not images:
        return None
    return measure_split(engine, contract, images, where=str(path))


def _image_inputs(request: BenchRequest, *, path: Path, engine: Engine) -> list[Sequence[Array]]:
    contract = read_contract(path)
    if contract is None:
        # How images are cropped and scores are read changes no latency.
        known: dict[str, Any] = {"resize": ResizeRule.STRETCH, "activation": Activation.NONE}
        given = {"mean": request.mean, "std": request.std}
        known |= {name: values for name, values in given.items() if values}
        facts = foreign_facts(path, engine.input, engine.output, known)
        contract = facts.whole_contract(
            "no contract inside, so images cannot be prepared for it; give {flags}, or leave out"
            " --images to measure on random pixels"
        )
    prepare = preparation(contract, engine.input)
    return [(prepare.apply(load_image(image, contract)),) for image in request.used_images]
