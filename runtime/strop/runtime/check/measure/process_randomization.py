"""What differs from one fresh process to the next, so that no accident of it lasts.

Where a file's pages and the stack come to lie can make code some percent faster or slower
for as long as a process lives. Drawn anew for each process, it is noise that the pairs
average out; left alone, it would be a difference between two artifacts.
Source: T. Mytkowicz, A. Diwan, M. Hauswirth and P. F. Sweeney, Producing Wrong Data Without
Doing Anything Obviously Wrong!, ASPLOS 2009.
"""

from __future__ import annotations

import os
import random
import shutil
import string
from pathlib import Path

from strop.runtime.errors import OutputError

MAX_NAME = 120  # characters; file systems take 255 bytes
MAX_PADDING = 4096  # bytes: one page of the stack
THREAD_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def fresh_copy(artifact: Path, folder: Path, rng: random.Random) -> Path:
    """A copy of the artifact in new pages, under a path whose length is drawn by lot.

    Raises:
        OutputError: There is no room for it.
    """
    target = folder / _name(rng) / f"{_name(rng)}{artifact.suffix}"
    try:
        target.parent.mkdir()
        shutil.copyfile(artifact, target)
    except OSError as err:
        raise OutputError(
            f"{target.parent}: {artifact.name} cannot be copied there ({err.strerror}); make room,"
            " or set TMPDIR to another folder"
        ) from err
    return target


def padded_environment(rng: random.Random) -> dict[str, str]:
    """The environment of a worker: ours, and a variable of a length drawn by lot."""
    return {
        **os.environ,
        **dict.fromkeys(THREAD_POOLS, "1"),  # numpy's, which would spin beside the engine
        # A module in the current directory must not shadow numpy's or strop's.
        "PYTHONSAFEPATH": "1",
        "STROP_CHECK_PADDING": "x" * rng.randrange(MAX_PADDING),
    }


def processors(num_threads: int) -> tuple[int, ...]:
    """Where both workers of a pair stay; empty where the system does not let us say.

    One thread stays on one processor: the last, as the first gets most interrupts and,
    on boards with two kinds of cores, is a slow one. More threads have all of them.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    allowed = sorted(os.sched_getaffinity(0))
    return tuple(allowed[-1:] if num_threads == 1 else allowed)


def _name(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(1, MAX_NAME)))
