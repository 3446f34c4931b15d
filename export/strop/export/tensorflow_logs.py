"""Keep TensorFlow's own log lines off the terminal; commands call this, libraries do not.

In three layers, because no single switch reaches all of it: an environment variable for
the C++ log, Python's loggers for Keras and the converter, and the file descriptor for
lines that C++ writes before its log is set up (the oneDNN notice while TensorFlow is
imported; only TF_ENABLE_ONEDNN_OPTS=0 would stop it otherwise, and change the numbers).
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
ERRORS_ONLY, NOTHING = "2", "3"  # C++: 0 all, 1 no info, 2 no warnings, 3 no errors


def quiet_tensorflow(level: str = ERRORS_ONLY) -> None:
    """Import TensorFlow with its log lines held back.

    Sets TF_CPP_MIN_LOG_LEVEL for this process, unless it is set, and the levels of the
    loggers "absl" and "tensorflow". If the import fails, what was held back is written.
    Once TensorFlow is imported, only the loggers change.

    Args:
        level: What its C++ code still writes. Training takes NOTHING: node_def_util calls it an
            error that an operation of tf.data has an attribute more than it knows. Real
            errors are exceptions too.

    Raises:
        ModuleNotFoundError: It is not installed; the message says how to get it.
    """
    os.environ.setdefault(LOG_LEVEL, level)
    try:
        with native_stderr_held():
            import tensorflow as tf
    except ModuleNotFoundError as err:
        raise ModuleNotFoundError(
            f"strop.export: {err.name} is not installed here; run: pip install 'strop[export]'",
            name=err.name,
        ) from err
    tf.get_logger().setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    # Keras 3 warns about .h5 files and unbuilt states that strop checks by itself.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"keras\.")


@contextmanager
def native_stderr_held() -> Iterator[None]:
    """Hold back what this process writes to file descriptor 2, C++ included.

    It goes to a temporary file, is written out after all if an exception leaves the block,
    and is dropped otherwise. Other threads' lines are held back too; blocks may nest.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            _restore(saved)
            held.seek(0)
            with open(2, "wb", closefd=False) as stderr:
                stderr.write(held.read())
            raise
        else:
            _restore(saved)


@contextmanager
def native_stderr_dropped() -> Iterator[None]:
    """Drop what this process writes to file descriptor 2, also if an exception leaves the block.

    For work whose exception says what is to be known. Blocks may nest.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        _restore(saved)


def _restore(saved: int) -> None:
    sys.stderr.flush()
    os.dup2(saved, 2)
    os.close(saved)
