"""Opens finished files for their certificate, each with its own engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from strop.export.tensorflow_logs import native_stderr_held
from strop.runtime import Classifier
from strop.runtime import open as open_artifact

NUM_THREADS = 2


@contextmanager
def opened_files(artifacts: Sequence[Path]) -> Iterator[list[Classifier]]:
    """Open files, their contract inside; what engines print while they load is held back."""
    with ExitStack() as stack:
        with native_stderr_held():
            opened = [
                stack.enter_context(open_artifact(path, num_threads=NUM_THREADS))
                for path in artifacts
            ]
        yield opened
