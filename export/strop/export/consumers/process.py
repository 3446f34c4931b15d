"""Runs a script in a consumer's environment, for a limited time."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from strop.export.consumers.environment import Environment
from strop.export.consumers.readers.chromium import NODE_MODULES
from strop.runtime.errors import ConsumerError

# For readers that import ONNX Runtime, see strop.runtime.engines.silent_onnxruntime.
SILENT = {"ORT_DISABLE_TELEMETRY": "1"}
MAX_SAID_BYTES = 1 << 16  # the end of what a process says is kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A process that has come to its end.

    Attributes:
        code: Its exit code; below 0 the signal that killed it.
        output: The end of what it printed.
        complaint: The last line of its stderr; empty without one.
    """

    code: int
    output: str
    complaint: str

    @property
    def why(self) -> str:
        """Why it failed, in one line."""
        ended = f"killed by signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
        return f"{ended}: {self.complaint}" if self.complaint else ended


def run_script(
    environment: Environment,
    script: Path | str,
    arguments: Sequence[str],
    *,
    folder: Path,
    timeout_s: float,
) -> Ended:
    """Run a Python file, or an installed module, with nothing of the caller's on its path.

    Args:
        environment: Whose Python runs it.
        script: The file, or a module's name as `python -m` takes it.
        arguments: Its arguments.
        folder: It is the current one meanwhile.
        timeout_s: After this it is killed, with the processes that it has started.

    Raises:
        ConsumerError: It was not done in time.
    """
    what = [str(script)] if isinstance(script, Path) else ["-m", script]
    # Isolated: neither PYTHONPATH nor the current folder. No bytecode beside strop's own files.
    command = [str(environment.python), "-I", "-B", *what, *arguments]
    told = {} if environment.node_modules is None else {NODE_MODULES: str(environment.node_modules)}
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**SILENT, **os.environ, **told},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as err:
            raise ConsumerError(
                f"{Path(str(script)).name}: gave no answer within {timeout_s:.0f} s"
            ) from err
        finally:
            with suppress(ProcessLookupError):  # all have ended
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        lines = [line.strip() for line in _end(complained).splitlines() if line.strip()]
        return Ended(code=code, output=_end(said), complaint=lines[-1] if lines else "")


def _end(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - MAX_SAID_BYTES))
    return said.read().decode(errors="replace")
