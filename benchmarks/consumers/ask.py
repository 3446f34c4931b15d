"""Asks one consumer about one file, in an environment that uv makes for it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from consumers.answer import MAX_REASON
from consumers.catalogue import Consumer

BENCHMARKS = Path(__file__).resolve().parents[1]
PYTHON = "3.11"  # the last one that tflite-runtime and the Task Library have wheels for
TIMEOUT_S = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a consumer made of a file.

    Attributes:
        classes: The best one of each image; empty where there is no answer.
        refused: Why it does not take the file; "" where it does.
        missing: Why it could not be installed here; "" where it could.
        written: A file that it made of the one it was given; None where it makes none.
    """

    classes: tuple[int, ...] = ()
    refused: str = ""
    missing: str = ""
    written: bytes | None = None


def ask(consumer: Consumer, path: Path, images: Path) -> Answer:
    """Run it over the images; what it says instead of an answer is an answer too.

    Args:
        consumer: Installed on the way, where it is not yet.
        path: The file.
        images: As `write_images` writes them.
    """
    with tempfile.TemporaryDirectory(prefix="strop-consumer.") as folder:
        missing = _last_line(_run(consumer, ["-c", ""], folder))
        if missing:
            return Answer(missing=missing)
        call = ["-m", "consumers.answer", consumer.module, str(path.resolve()), str(images)]
        try:
            done = _run(consumer, call, folder)
        except subprocess.TimeoutExpired:
            return Answer(refused=f"no answer within {TIMEOUT_S} s")
        said = done.stdout.strip().splitlines()
        if done.returncode != 0 or not said:
            return Answer(refused=_last_line(done))
        found = json.loads(said[-1])
        written = Path(folder) / "written.tflite"
        return Answer(
            classes=tuple(found.get("classes", ())),
            refused=found.get("refused", ""),
            written=written.read_bytes() if written.exists() else None,
        )


def _run(consumer: Consumer, call: Sequence[str], folder: str) -> subprocess.CompletedProcess[str]:
    """Start Python in the consumer's environment, in a folder where nothing else lies."""
    uv = ["uv", "run", "--isolated", "--no-project", "--python", PYTHON]
    packages = [word for package in consumer.packages for word in ("--with", package)]
    return subprocess.run(
        [*uv, *packages, "python", *call],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a process that failed said last; "" of one that did not fail."""
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return f"exit {done.returncode}: {lines[-1] if lines else ''}"[:MAX_REASON]
