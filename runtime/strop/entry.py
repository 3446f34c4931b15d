"""Where `strop` starts: commands that open files of strangers do it in a child process.

Nothing of strop.runtime is imported here: the parent that waits for the child needs no numpy.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress

from strop.standard_streams import open_closed_streams
from strop.supervised import PARENT, end_with_parent, supervised

# They run artifacts that strop may not have written. train and sweep run their own.
SUPERVISED = (
    *("run", "compare", "search", "evaluate", "bench", "check", "baseline", "inspect", "explain"),
    *("transcode", "verify", "card"),
)
# How files begin that export gives to an engine as they are: a .tflite at byte 4; an .onnx, as
# few other files do. Sources: tensorflow/lite schema.fbs, file_identifier; onnx.proto, ir_version.
TFLITE_IDENTIFIER, ONNX_START = b"TFL3", b"\x08"


def main() -> int:
    """Run the command line of this process; the exit code."""
    open_closed_streams()
    parent = os.environ.pop(PARENT, "")
    if parent.isdecimal():
        end_with_parent(int(parent))
    if not is_supervised(sys.argv[1:]):
        return _command_line()
    if not sys.warnoptions:
        # Pillow warns of every odd image, in two lines that name its own source.
        warnings.simplefilter("ignore")
    return supervised(_command_line)


def is_supervised(arguments: list[str]) -> bool:
    """Whether a command may run a file that kills its engine."""
    name = next((argument for argument in arguments if not argument.startswith("-")), None)
    if name == "export":
        return any(map(_is_run_by_engine, arguments))
    return name in SUPERVISED


def _is_run_by_engine(path: str) -> bool:
    if not os.path.isfile(path):  # a pipe would wait
        return False
    with suppress(OSError), open(path, "rb") as file:
        start = file.read(8)
        return start[4:] == TFLITE_IDENTIFIER or start[:1] == ONNX_START
    return False


def _command_line() -> int:
    from strop.cli import main

    return main()
