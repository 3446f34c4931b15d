"""How a strop process ends: whatever the work raises becomes one line and an exit code.

Exit codes, all of them: 0 fine; 1 a gate failed; 2 the user's input, or this machine has no
room for the work; 3 could not be measured, or no camera; 4 no baseline; 70 a fault of
strop itself; 130 interrupted; 141 the reader of the output went away; 143 terminated
within a stream. docs/formats.md has them for users.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from strop import console
from strop.runtime.errors import StropError

if TYPE_CHECKING:
    from strop.runtime.records.error_record import ErrorRecord

USER_ERROR = 2
FAULT = 70  # sysexits.h, EX_SOFTWARE: an internal software error
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
BROKEN_PIPE = 141  # 128 + SIGPIPE; 1 would say that a gate failed
TRACEBACK = "STROP_TRACEBACK"  # environment variable: print a fault's traceback too
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def print_error(error: ErrorRecord) -> None:
    """Print why a command ends."""
    console.error(*error.lines)


def exit_code_of(
    work: Callable[[], int], *, say: Callable[[ErrorRecord], None] = print_error
) -> int:
    """Do the work and flush the output; say why where the work ends early.

    Args:
        work: Returns the process's exit code.
        say: Is given why.

    Returns:
        The work's exit code, or that of what it raised; KeyboardInterrupt is caught too,
        SystemExit is not.
    """
    try:
        code = work()
        console.flush()
    except StropError as err:
        ended = _record(err, err.exit_code, *err.lines)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes both once more at its end; that must not fail again.
        console.discard(sys.stdout)
        console.discard(sys.stderr)
        return BROKEN_PIPE
    except Exception as err:
        ended = _unforeseen(err)
    else:
        return code
    say(ended)
    return ended.exit_code


def _unforeseen(err: Exception) -> ErrorRecord:
    """What no part of strop expected, as one line."""
    if os.environ.get(TRACEBACK):
        for line in traceback.format_exc().splitlines():
            console.note(line)
    hint = f"{TRACEBACK}=1 shows where"
    code = USER_ERROR
    if isinstance(err, OSError):
        text = f"{_with_path(err)}; {hint}"
    elif isinstance(err, MemoryError):
        found = f" ({err})" if str(err) else ""
        text = f"out of memory{found}; needed is more memory, or a smaller input; {hint}"
    else:
        found, code = " ".join(f"{type(err).__name__}: {err}".split())[:300], FAULT
        text = f"a fault of strop itself ({found}{_where(err)}); please report it with what {hint}"
    return _record(err, code, text)


def _record(err: Exception, exit_code: int, *lines: str) -> ErrorRecord:
    from strop.runtime.records.error_record import ErrorRecord  # needed at the end of few runs

    return ErrorRecord(kind=type(err).__name__, exit_code=exit_code, lines=lines)


def _with_path(err: OSError) -> str:
    path = os.fsdecode(err.filename) if isinstance(err.filename, (str, bytes)) else None
    text = f"{'' if path is None else f'{path}: '}{err.strerror or err}"
    return f"{text}; make room there, or choose another place" if err.errno in NO_ROOM else text


def _where(err: BaseException) -> str:
    """The innermost line of strop's that the error went through."""
    found = ""
    for frame, line in traceback.walk_tb(err.__traceback__):
        path = Path(frame.f_code.co_filename)
        if "strop" in path.parts and path.name != Path(__file__).name:
            found = f", in {path.name} line {line}"
    return found
