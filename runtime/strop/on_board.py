"""What a board runs for `--target`, as `python -m strop.on_board`: a request, in a child process.

The request is on standard input. Standard output has nothing but answers, a line of JSON each;
what libraries print goes to standard error.
"""

from __future__ import annotations

import os
import sys
import warnings
from functools import partial

from strop.standard_streams import claimed_stdout, open_closed_streams
from strop.supervised import PARENT, USER_ERROR, end_with_parent, supervised


def _perform(sink: int) -> int:
    from strop.runtime.commands.perform import perform

    return perform(sink)


def _say_killed(sink: int, line: str) -> None:
    from strop.runtime.records.error_record import ErrorRecord
    from strop.runtime.remote.command import Answers

    error = ErrorRecord(kind="ArtifactError", exit_code=USER_ERROR, lines=(line,))
    Answers(sink).refuse(error)


if __name__ == "__main__":
    open_closed_streams()
    parent = os.environ.pop(PARENT, "")
    if parent.isdecimal():
        end_with_parent(int(parent))
    if not sys.warnoptions:
        # As in entry.py: Pillow warns of every odd image, in two lines that name its own source.
        warnings.simplefilter("ignore")
    descriptor = claimed_stdout()
    sys.exit(supervised(partial(_perform, descriptor), say_killed=partial(_say_killed, descriptor)))
