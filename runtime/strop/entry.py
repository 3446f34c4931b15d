"""Where `strop` starts: commands that open files of strangers do it in a child process.

Nothing of strop.runtime is imported here: the parent that waits for the child needs no numpy.
"""

from __future__ import annotations

import os
import sys
import warnings

from strop.standard_streams import open_closed_streams
from strop.supervised import PARENT, end_with_parent, supervised

# They run artifacts that strop may not have written. train and sweep run their own.
SUPERVISED = (
    *("run", "compare", "search", "evaluate", "bench", "check", "baseline", "inspect", "explain"),
    "transcode",
)
# Sources that an engine runs as they are; of others, export runs what it writes itself.
RUN_BY_ENGINES = (".tflite", ".onnx")


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
        return any(argument.lower().endswith(RUN_BY_ENGINES) for argument in arguments)
    return name in SUPERVISED


def _command_line() -> int:
    from strop.cli import main

    return main()
