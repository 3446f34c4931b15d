"""Damaged records of every kind, and the commands that read them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from tests.fuzz.case import Command
from tests.fuzz.damage import one_of
from tests.fuzz.json_text import damaged_json

QUICK = 30  # a command so many times as often as one that takes ten seconds
PAGE = ("--output", "history.html")


def _damage(random: np.random.Generator, path: Path) -> None:
    path.write_bytes(damaged_json(random, path.read_text()))


def make_bench_record(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A bench record."""
    shutil.copytree(seeds / "records", work / "records")
    _damage(random, work / "records" / "bench.json")
    writes = ("history.html", "history.svg")
    argv = ("history", "records", *PAGE, "--svg", "history.svg")
    return (Command(argv=argv, writes=writes),)


def make_check_report(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A check report."""
    shutil.copytree(seeds / "records", work / "records")
    shutil.copytree(seeds / "baselines", work / "baselines")
    shutil.copy(seeds / "bundle" / "keras.int8.tflite", work / "new.tflite")
    _damage(random, work / "records" / "check0.json")
    report = "records/check0.json"
    promoted = ("baseline", "promote", "new.tflite", "--into", "baselines", "--name", "model")
    return (
        Command(argv=("history", "records", *PAGE), writes=("history.html",)),
        one_of(
            random,
            (
                Command(argv=("check", "--merge", report, "records/check1.json")),
                Command(argv=("check", "--merge", "records/check1.json", report, "--json")),
                Command(
                    argv=(*promoted, "--reason", "x", "--by", "y", "--from", report),
                    writes=("baselines/index.json",),
                ),
            ),
        ),
    )


def make_baseline(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """An index or a session of a baseline directory."""
    shutil.copytree(seeds / "baselines", work / "baselines")
    shutil.copy(seeds / "bundle" / "keras.int8.tflite", work / "new.tflite")
    sessions = sorted((work / "baselines").rglob("sessions/*/*.json"))
    index = work / "baselines" / "index.json"
    _damage(random, one_of(random, (index, index, *sessions[:2])))
    shown = ("baseline", "show", "baselines")
    against = ("--baseline", "baselines#model", "--budget", "1")
    return (
        Command(argv=shown if random.random() < 0.5 else (*shown, "--json")),
        one_of(
            random,
            (
                *[
                    Command(
                        argv=(
                            "baseline",
                            "promote",
                            "new.tflite",
                            "--into",
                            "baselines",
                            "--name",
                            "model",
                            "--reason",
                            "x",
                            "--by",
                            "y",
                        ),
                        writes=("baselines/index.json",),
                    )
                ]
                * QUICK,
                Command(argv=("check", "new.tflite", *against, "--mode", "stored")),
                Command(argv=("check", "new.tflite", *against)),
            ),
        ),
    )


def make_manifest(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A manifest beside its artifacts."""
    shutil.copytree(seeds / "bundle", work / "bundle")
    shutil.copytree(seeds / "images", work / "images")
    _damage(random, work / "bundle" / "manifest.json")
    artifact = "bundle/keras.int8.tflite"
    explained = ("explain", "bundle")
    others = (
        Command(argv=("run", artifact, "images/n1/0.png")),
        Command(argv=("run", artifact, "images/n1/0.png")),
        Command(argv=("evaluate", artifact, "images")),
        Command(argv=("run", artifact, "--selftest")),
        Command(
            argv=("check", artifact, "--baseline", artifact, "--budget", "1", "--max-drop", "1")
        ),
    )
    first = Command(argv=explained if random.random() < 0.6 else (*explained, "--json"))
    return first, one_of(random, (*others[:-1] * (QUICK // 4), others[-1]))
