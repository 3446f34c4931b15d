"""Looks at HDF5 files as `source/hdf5_check.py` does, in forks of a process that has h5py.

Python, NumPy and h5py take 0.15 s to start, a fork 2 ms.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import IO, cast

SERVER = """
import json, os, select, signal, sys
import h5py
def answer(program, arguments, limit_s):
    pid = os.fork()
    if pid == 0:
        sys.argv[1:] = arguments
        code = 1
        try:
            exec(program, {"__name__": "__main__"})
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        finally:
            os._exit(code)
    opened = os.pidfd_open(pid)
    is_ended = select.select([opened], [], [], limit_s)[0]
    os.close(opened)
    if not is_ended:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if is_ended else None
for line in sys.stdin:
    print(json.dumps(answer(*json.loads(line))), flush=True)
"""


class ProbeServer:
    """The process, which begins with the first question."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run_probe(self, program: str, *arguments: str, limit_s: float) -> int:
        """Do what `hdf5_check.run_probe` does."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        request = json.dumps([program, arguments, limit_s])
        cast("IO[str]", self._process.stdin).write(f"{request}\n")
        cast("IO[str]", self._process.stdin).flush()
        code = json.loads(cast("IO[str]", self._process.stdout).readline())
        if code is None:
            raise subprocess.TimeoutExpired(program, limit_s)
        return int(code)

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            cast("IO[str]", self._process.stdin).close()
            self._process.wait()
            cast("IO[str]", self._process.stdout).close()
