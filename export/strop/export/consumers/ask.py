"""Asks a program what it answers for one file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.export.consumers.environment import Environment
from strop.export.consumers.process import Ended, run_script
from strop.export.consumers.readers.images import Images
from strop.runtime.errors import ConsumerError
from strop.runtime.records.npz_arrays import UNREADABLE, read_array
from strop.runtime.records.user_files import read_file

READERS = Path(__file__).with_name("readers")
ANSWER = READERS / "answer.py"
START_S = 120.0  # to load a program of a gigabyte from a slow disk
IMAGE_S = 2.0  # a large network on reference kernels
HEADER_BYTES = 1024  # of an .npy
MAX_CLASSES = 1 << 16


class RefusedError(ConsumerError):
    """The program does not take the file; in its own words."""


def ask(reader: Path, environment: Environment, file: Path, images: Images) -> NDArray[np.float32]:
    """Let a program answer for all images, in a process of its own.

    Args:
        reader: The module that asks it, see `readers/`.
        environment: That has the program.
        file: The artifact.
        images: What it is asked about, at least one.

    Returns:
        float32 [N, scores].

    Raises:
        RefusedError: The program raised an error.
        ConsumerError: It crashed, was not done in time, or gave no scores.
    """
    n = len(images.paths) if images.pixels is None else len(images.pixels)
    with tempfile.TemporaryDirectory(prefix="strop-consumer.") as name:
        folder = Path(name)
        question, answer = folder / "images.npz", folder / "scores.npy"
        _write(images, question)
        files = [str(path.resolve()) for path in (reader, file, question)]
        ended = run_script(
            environment,
            ANSWER,
            [*files, str(answer)],
            folder=folder,
            timeout_s=START_S + IMAGE_S * n,
        )
        refused = _refusal(ended)
        if refused:
            raise RefusedError(refused)
        if ended.code != 0:
            raise ConsumerError(f"{reader.stem}: {ended.why}")
        return _scores(answer, n)


def _write(images: Images, question: Path) -> None:
    arrays: dict[str, Any] = {
        "paths": _texts([str(path.resolve()) for path in images.paths]),
        "labels": _texts(images.labels),
        "mean": np.array(images.mean),
        "std": np.array(images.std),
        "outputs": _texts(images.outputs),
    }
    if images.pixels is not None:
        arrays["pixels"] = images.pixels
    np.savez(question, **arrays)


def _texts(texts: Sequence[str]) -> NDArray[np.str_]:
    """Keep them as text even where there are none: an empty array would be of numbers."""
    return np.array(list(texts), dtype=np.str_)


def _refusal(ended: Ended) -> str:
    lines = ended.output.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except ValueError:
        return ""
    return str(found.get("refused", "")) if isinstance(found, dict) else ""


def _scores(path: Path, n: int) -> NDArray[np.float32]:
    """Read what the process wrote, which is checked like a file of a stranger."""
    content = read_file(
        path,
        max_bytes=HEADER_BYTES + n * MAX_CLASSES * 4,
        error=ConsumerError,
        remedy="the program gave no scores",
    )
    try:
        scores = read_array(content)
    except UNREADABLE as err:
        raise ConsumerError(f"{path.name}: {err}; needed are float32 scores") from err
    if scores.dtype != np.float32 or scores.ndim != 2 or len(scores) != n:
        raise ConsumerError(
            f"{path.name}: {scores.dtype} {list(scores.shape)}; needed is float32 [{n}, scores]"
        )
    if not np.isfinite(scores).all():
        raise ConsumerError(f"{path.name}: NaN or infinite scores")
    found: NDArray[np.float32] = scores
    return found
