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

from strop import console
from strop.runtime.errors import StropError

USER_ERROR = 2
FAULT = 70  # sysexits.h, EX_SOFTWARE: an internal software error
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
BROKEN_PIPE = 141  # 128 + SIGPIPE; 1 would say that a gate failed
TRACEBACK = "STROP_TRACEBACK"  # environment variable: print a fault's traceback too
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def exit_code_of(work: Callable[[], int]) -> int:
    """Do the work and flush the output; print why where the work ends early.

    Args:
        work: Returns the process's exit code.

    Returns:
        The work's exit code, or that of what it raised; KeyboardInterrupt is caught too,
        SystemExit is not.
    """
    try:
        code = work()
        console.flush()
    except StropError as err:
        console.error(*err.lines)
        return err.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes both once more at its end; that must not fail again.
        console.discard(sys.stdout)
        console.discard(sys.stderr)
        return BROKEN_PIPE
    except Exception as err:
        return _unforeseen(err)
    return code


def _unforeseen(err: Exception) -> int:
    """Print what no part of strop expected, as one line."""
    if os.environ.get(TRACEBACK):
        for line in traceback.format_exc().splitlines():
            console.note(line)
    hint = f"{TRACEBACK}=1 shows where"
    if isinstance(err, OSError):
        console.error(f"{_told(err)}; {hint}")
        return USER_ERROR
    if isinstance(err, MemoryError):
        console.error(
            f"out of memory{f' ({err})' if str(err) else ''}; needed is more memory, or a smaller"
            f" input; {hint}"
        )
        return USER_ERROR
    found = " ".join(f"{type(err).__name__}: {err}".split())[:300]
    console.error(
        f"a fault of strop itself ({found}{_where(err)}); please report it with what {hint}"
    )
    return FAULT


def _told(err: OSError) -> str:
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
