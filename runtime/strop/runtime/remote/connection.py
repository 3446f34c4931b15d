"""One ssh session with a board: the agent is started there, and frames go to and fro."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shlex
import shutil
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

from strop.runtime.errors import MeasurementError, TargetError
from strop.runtime.remote import agent
from strop.runtime.remote.address import Target
from strop.runtime.remote.refusal import last_line, read_reply, refusal

OLDEST_PYTHON = (3, 10)  # pyproject.toml, requires-python
ANSWER_S = 120  # from the start of ssh to Python's first line; a Pi Zero takes a tenth
ALIVE_S = agent.LOST_S / 4
CLOSING_S = 2 * agent.GRACE_S  # the board ends what runs, then ssh ends
MAX_GREETING = 1 << 16  # bytes that a login may print before Python answers
KEPT_STDERR = 1 << 14  # bytes
SSH_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=30",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
    # Of the user's configuration, what is for a session at a terminal. A connection that is
    # already shared is used; a new one must not outlive us.
    "ControlMaster=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "RemoteCommand=none",
    "PermitLocalCommand=no",
)
# For the board's login shell, whichever it is, in single quotes; for any Python, down to 2.
# Without the home folder on sys.path: a platform.py there is not Python's.
BOOT = (
    'import sys;sys.path[:]=[p for p in sys.path if p];print("{nonce} %d %d"%sys.version_info[:2]);'
    "sys.stdout.flush();exec(sys.stdin.buffer.read({length}))"
)


class Connection:
    """The agent at the other end of an ssh session; a context manager.

    Attributes:
        target: The board.
    """

    def __init__(self, target: Target, process: subprocess.Popen[bytes]) -> None:
        self.target = target
        self._process = process
        self._inbox = bytearray()
        self._stderr = bytearray()
        self._sending = threading.Lock()
        self._is_closed = threading.Event()
        if process.stdin is not None:
            # A board that takes nothing must not hold us up for ever.
            os.set_blocking(process.stdin.fileno(), False)
        self._reader = threading.Thread(target=self._keep_stderr, daemon=True)
        self._reader.start()

    def greet(self, nonce: str) -> None:
        """Wait for Python's first line, and start the agent.

        Raises:
            TargetError: ssh or the login fails, or the Python there is too old.
            MeasurementError: The connection was lost.
        """
        found = self._python_version(nonce)
        if found < OLDEST_PYTHON:
            raise TargetError(
                f"{self.target}: {self.target.python} there is Python {found[0]}.{found[1]}, needed"
                f" is {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer; name another with"
                " --target-python, or use a newer release of the system"
            )
        self._write(program())
        self.reply()
        threading.Thread(target=self._stay_alive, daemon=True).start()

    def order(self, order: object) -> None:
        """Send an order to the agent."""
        self.send(agent.ORDER, json.dumps(order).encode())

    def send(self, kind: bytes, payload: bytes) -> None:
        """Send one frame.

        Raises:
            TargetError, MeasurementError: The agent has ended, or takes nothing for
                agent.LOST_S; as `receive`.
        """
        try:
            self._write(agent.HEADER.pack(kind, len(payload)) + payload)
        except TimeoutError as err:
            raise self._silent() from err
        except OSError:
            # What the agent said before it ended is still to be read.
            while True:
                self.receive()

    def receive(self) -> tuple[bytes, bytes]:
        """The next frame, signs of life left out.

        Raises:
            TargetError: The agent met an error of the board's disk.
            MeasurementError: The connection was lost, nothing came for agent.LOST_S, or what
                came is no frame.
        """
        while True:
            kind, payload = self._frame()
            if kind != agent.ALIVE:
                return kind, payload

    def _frame(self) -> tuple[bytes, bytes]:
        kind, length = agent.HEADER.unpack(self._take(agent.HEADER.size))
        if length > agent.MAX_FRAME:
            raise MeasurementError(
                f"{self.target}: a frame of {length} bytes came, at most are {agent.MAX_FRAME};"
                " does something print there while strop runs?"
            )
        payload = self._take(length)
        if kind == agent.REPLY:
            read_reply(self.target, payload)
        return kind, payload

    def reply(self) -> dict[str, object]:
        """The answer to the last order."""
        while True:
            kind, payload = self.receive()
            if kind == agent.REPLY:
                return read_reply(self.target, payload)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up; the agent then ends what runs there."""
        self._is_closed.set()
        process = self._process
        deadline_s = time.monotonic() + CLOSING_S
        try:
            if process.stdin is not None:
                process.stdin.close()
            # ssh ends when the agent does, and that may wait until we read.
            while time.monotonic() < deadline_s and self._read(deadline_s):
                self._inbox.clear()
        finally:
            process.kill()
            process.wait()
            self._reader.join(timeout=1)  # a ProxyCommand's process may still hold its end
            for pipe in (process.stdout, None if self._reader.is_alive() else process.stderr):
                if pipe is not None:
                    pipe.close()

    def _python_version(self, nonce: str) -> tuple[int, int]:
        deadline_s = time.monotonic() + ANSWER_S
        start = f"{nonce} ".encode()
        while True:
            head, found, rest = bytes(self._inbox).partition(start)
            if found and b"\n" in rest:
                line, _, after = rest.partition(b"\n")
                self._inbox[:] = after
                major, minor = map(int, line.split())
                return major, minor
            if len(self._inbox) > MAX_GREETING:
                raise TargetError(
                    f"{self.target}: the login prints more than {MAX_GREETING} bytes before"
                    f" {self.target.python} answers; let it print less where there is no terminal"
                )
            if not self._read(deadline_s):
                break
        if time.monotonic() >= deadline_s:
            raise TargetError(
                f"{self.target}: no answer after {ANSWER_S} s; by hand: {self.target.by_hand}"
            )
        raise refusal(
            self.target,
            exit_code=self._exit_code(),
            stderr=self._stderr.decode(errors="replace"),
            stdout=head.decode(errors="replace"),
        )

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        with self._sending:
            while rest:
                pipe = self._process.stdin
                if pipe is None or pipe.closed:
                    raise BrokenPipeError
                if not select.select([], [pipe], [], agent.LOST_S)[1]:
                    raise TimeoutError
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(pipe.fileno(), rest) :]

    def _take(self, length: int) -> bytes:
        while len(self._inbox) < length:
            deadline_s = time.monotonic() + agent.LOST_S
            if not self._read(deadline_s):
                raise self._lost() if time.monotonic() < deadline_s else self._silent()
        taken = bytes(self._inbox[:length])
        del self._inbox[:length]
        return taken

    def _read(self, deadline_s: float) -> bool:
        """Get more into the inbox; False at the end, or at the deadline."""
        if self._process.stdout is None:
            return False
        descriptor = self._process.stdout.fileno()
        wait_s = max(0.0, deadline_s - time.monotonic())
        if not select.select([descriptor], [], [], wait_s)[0]:
            return False
        chunk = os.read(descriptor, agent.CHUNK_BYTES)
        self._inbox += chunk
        return bool(chunk)

    def _lost(self) -> MeasurementError:
        exit_code = self._exit_code()
        said = last_line(self._stderr.decode(errors="replace")) or f"ssh ended with {exit_code}"
        return MeasurementError(
            f"{self.target}: the connection was lost in the middle ({said}); what ran there ends"
            f" within {agent.LOST_S:g} s. Measure again"
        )

    def _silent(self) -> MeasurementError:
        return MeasurementError(
            f"{self.target}: no sign of life for {agent.LOST_S:g} s, though the connection stands;"
            " is the board out of memory, or what runs there stopped? Measure again"
        )

    def _exit_code(self) -> int:
        """Of ssh, whose output has ended; with all that it said on stderr kept."""
        try:
            self._process.wait(timeout=CLOSING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reader.join(timeout=1)
        return self._process.wait()

    def _keep_stderr(self) -> None:
        if self._process.stderr is None:
            return
        while chunk := os.read(self._process.stderr.fileno(), agent.CHUNK_BYTES):
            self._stderr += chunk
            del self._stderr[:-KEPT_STDERR]

    def _stay_alive(self) -> None:
        # An error is the main thread's to see and to say; ValueError is a pipe that it closed.
        with contextlib.suppress(OSError, ValueError):
            while not self._is_closed.wait(ALIVE_S):
                self._write(agent.HEADER.pack(agent.ALIVE, 0))


def connect(target: Target) -> Connection:
    """Start the agent on the board, over the system's ssh.

    Raises:
        TargetError: No ssh here; no such host, no access, no Python that strop can use.
    """
    ssh = shutil.which("ssh")
    if ssh is None:
        raise TargetError("ssh is not installed here; run: sudo apt install openssh-client")
    nonce = secrets.token_hex(8)
    boot = BOOT.format(nonce=nonce, length=len(program()))
    remote = f"exec {shlex.quote(target.python)} -c '{boot}'"
    options = [word for option in SSH_OPTIONS for word in ("-o", option)]
    *login, host = target.login
    process = subprocess.Popen(
        [ssh, "-T", *options, *login, "--", host, remote],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,  # Ctrl-C is for us, who then hang up
    )
    connection = Connection(target, process)
    try:
        connection.greet(nonce)
    except BaseException:
        connection.__exit__(None, None, None)
        raise
    return connection


def program() -> bytes:
    """The agent's source."""
    return Path(agent.__file__).read_bytes()
