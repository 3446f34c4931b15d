"""The program that strop sends to a board: it keeps files by content, and runs strop.

The board's own Python reads it from the connection, before anything else of strop is
there: it is one file, of the standard library. Both ends speak in frames: a kind, a length,
a payload. The workstation sends an order, one of the types below, and gets one reply, with
whatever the order makes in between. Both give signs of life, whatever they are busy with.
When the workstation is silent for LOST_S, or the connection ends, so does what runs here.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import platform
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

PROTOCOL = 1  # of orders, requests, records and errors; both ends need the same one
HEADER = struct.Struct(">cI")  # a kind, and the payload's length in bytes
ORDER, REPLY, CHUNK, ALIVE, OUT, ERR = b"J", b"R", b"D", b"A", b"O", b"E"
MAX_FRAME = 1 << 26  # bytes; an order to run on 100,000 images has 20 MB
CHUNK_BYTES = 1 << 16
LOST_S = 60.0  # each end gives a sign of life four times in it
GRACE_S = 5.0  # between SIGTERM and SIGKILL
DAY_S = 86400
KEPT_S = 30 * DAY_S
HALF_COPIED = ".partial."  # begins the name of what is not complete
DEFAULT_CACHE = "strop"
PACKAGES = ("numpy", "PIL", "ai_edge_litert", "tflite_runtime", "onnxruntime")
NAME = re.compile("[0-9a-f]{64}")  # of a kept file: the SHA-256 of its content
DAMAGED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)  # of an order
TARGET_ERROR, MEASUREMENT_ERROR = ("TargetError", 2), ("MeasurementError", 3)


class GoneError(Exception):
    """The workstation has gone away, or a signal asked this program to end."""


class Link:
    """Frames over two file descriptors; neither waits for longer than LOST_S."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._sending = threading.Lock()
        os.set_blocking(sink, False)

    def receive(self) -> tuple[bytes, bytes]:
        """The next frame."""
        kind, length = HEADER.unpack(self._read(HEADER.size))
        if length > MAX_FRAME:
            raise GoneError
        return kind, self._read(length)

    def next_of(self, wanted: bytes) -> bytes:
        """The next frame's payload, signs of life left out."""
        while True:
            kind, payload = self.receive()
            if kind == wanted:
                return payload
            if kind != ALIVE:
                raise GoneError

    def send(self, kind: bytes, payload: bytes) -> None:
        """Send one frame, all of it."""
        rest = memoryview(HEADER.pack(kind, len(payload)) + payload)
        with self._sending:
            while rest:
                rest = rest[self._write(rest) :]

    def _write(self, content: memoryview) -> int:
        if not select.select([], [self._sink], [], LOST_S)[1]:
            raise GoneError
        try:
            return os.write(self._sink, content)
        except BlockingIOError:  # less room than the one byte that select promises
            return 0
        except OSError as err:
            raise GoneError from err

    def stay_alive(self) -> None:
        """Give signs of life until the workstation has gone."""
        with contextlib.suppress(GoneError):
            while True:
                time.sleep(LOST_S / 4)
                self.send(ALIVE, b"")

    def reply(self, **answer: object) -> None:
        """Answer an order."""
        self.send(REPLY, json.dumps(answer).encode())

    def refuse(self, kind: tuple[str, int], line: str) -> None:
        """Answer with an error; `ErrorRecord` has its fields."""
        self.reply(error={"kind": kind[0], "exit_code": kind[1], "lines": [line]})

    def _read(self, length: int) -> bytes:
        parts = []
        while length:
            if not select.select([self._source], [], [], LOST_S)[0]:
                raise GoneError
            try:
                part = os.read(self._source, min(length, CHUNK_BYTES))
            except OSError as err:
                raise GoneError from err
            if not part:
                raise GoneError
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


class Agent:
    """Obeys the orders of one connection; what it has made for them ends with `close`."""

    def __init__(self, link: Link, cache: Path) -> None:
        self._link = link
        self._files = cache / "files"
        self._code = cache / "code"
        for folder in (self._files, self._code, cache / "runs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            remove_old(folder)
        self._session = Path(tempfile.mkdtemp(dir=cache / "runs"))
        self._child: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End what runs, and remove the folder that it ran in."""
        if self._child is not None:
            end_group(self._child)
        shutil.rmtree(self._session, ignore_errors=True)

    def obey(self, payload: bytes) -> None:
        """Do what an order says: its name, and its arguments by name."""
        name, arguments = json.loads(payload)
        orders: dict[str, Callable[..., None]] = {
            "missing": self.missing,
            "put": self.put,
            "unpack": self.unpack,
            "run": self.run,
        }
        orders[name](**arguments)

    def missing(self, files: list[str], code: str) -> None:
        """Answer which files the cache lacks; those that it has are read through first."""
        lacking = [name for name in files if not is_intact(self._files / named(name), name)]
        has_code = (self._code / named(code)).is_dir()
        self._link.reply(files=lacking, code=not has_code)

    def put(self, files: dict[str, int]) -> None:
        """Take files in, one after the other, each under its hash once it is whole."""
        for name, size in files.items():
            descriptor, path = tempfile.mkstemp(dir=self._files, prefix=HALF_COPIED)
            partial = Path(path)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    while file.tell() < size:
                        file.write(self._link.next_of(CHUNK))
                if not is_intact(partial, name):
                    raise OSError(errno.EIO, "what was written is not what was sent", path)
                partial.replace(self._files / named(name))
            finally:
                partial.unlink(missing_ok=True)
        self._link.reply()

    def unpack(self, code: str) -> None:
        """Make the folder of strop's device half from its zip."""
        name = named(code)
        partial = Path(tempfile.mkdtemp(dir=self._code, prefix=HALF_COPIED))
        try:
            with zipfile.ZipFile(self._files / name) as archive:
                archive.extractall(partial)
            # The folder is not looked into again: it must survive that the power goes.
            os.sync()
            try:
                partial.rename(self._code / name)
            except OSError as err:
                if err.errno not in (errno.EEXIST, errno.ENOTEMPTY):  # another one was faster
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        self._link.reply()

    def run(self, code: str, module: str, places: dict[str, str], request: str) -> None:
        """Run a module on the placed files, the request on stdin; its output goes home at once."""
        folder = Path(tempfile.mkdtemp(dir=self._session))
        for place, name in places.items():
            path = place_in(folder, place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(self._files / named(name))
        half = self._code / named(code)
        os.utime(half)
        paths = [str(half), *filter(None, [os.environ.get("PYTHONPATH")])]
        with tempfile.TemporaryFile(dir=folder) as stdin:
            stdin.write(request.encode())
            stdin.seek(0)
            self._child = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=folder,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(paths),
                    "PYTHONSAFEPATH": "1",
                    "PYTHONIOENCODING": "utf-8",
                },
                start_new_session=True,  # a process group: the cold start's process is in it
            )
        self._forward(self._child)
        self._link.reply(exit_code=self._child.wait())

    def _forward(self, child: subprocess.Popen[bytes]) -> None:
        pipes = ((child.stdout, OUT), (child.stderr, ERR))
        kinds = {pipe.fileno(): kind for pipe, kind in pipes if pipe is not None}
        heard_s = time.monotonic()
        while kinds:
            ready = select.select([0, *kinds], [], [], LOST_S)[0]
            if 0 in ready:
                self._link.receive()
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > LOST_S:
                raise GoneError
            for descriptor in kinds.keys() & set(ready):
                chunk = os.read(descriptor, CHUNK_BYTES)
                if chunk:
                    self._link.send(kinds[descriptor], chunk)
                else:
                    del kinds[descriptor]


def named(name: str) -> str:
    """The name of a kept file, which can be no path."""
    if NAME.fullmatch(name) is None:
        raise ValueError("a name that is no SHA-256")
    return name


def place_in(folder: Path, place: str) -> Path:
    """A path in the folder; none that leads out of it."""
    parts = PurePosixPath(place).parts
    if not parts or parts[0].startswith("/") or ".." in parts:
        raise ValueError("a place outside of the folder of the run")
    return folder.joinpath(*parts)


def is_intact(path: Path, sha256: str) -> bool:
    """Whether a file is there with this content, which then counts as used now."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                found.update(chunk)
        os.utime(path)
    except OSError:
        return False
    return found.hexdigest() == sha256


def remove_old(folder: Path) -> None:
    """Remove what no run has used for KEPT_S, and what a day ago was not complete."""
    now_s = time.time()
    for path in folder.iterdir():
        try:
            age_s = now_s - path.lstat().st_mtime
        except OSError:  # another session removed it
            continue
        if age_s > (DAY_S if path.name.startswith(HALF_COPIED) else KEPT_S):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a process with all that it has started, by force after GRACE_S."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(GRACE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def facts(cache: Path) -> dict[str, object]:
    """What the workstation has to know about the board before it copies anything."""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):  # another C library
        libc = ""
    return {
        "protocol": PROTOCOL,
        "executable": sys.executable,
        "packages": [name for name in PACKAGES if importlib.util.find_spec(name)],
        # Source: PEP 668; such a Python takes packages only into a virtual environment.
        "is_managed": sys.prefix == sys.base_prefix
        and Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED").exists(),
        "implementation": sys.implementation.name,
        "version": list(sys.version_info[:2]),
        "is_free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "system": platform.system(),
        "kernel_arch": platform.machine(),
        "libc": libc,
        "cache": str(cache),
    }


def disk_error(err: OSError, cache: Path) -> str:
    """Why the disk refused, and what to do."""
    where = f"{cache}: {err.strerror or err}"
    if err.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{where}; needed is a folder that can be written to: see --target-cache"
    free = shutil.disk_usage(cache if cache.exists() else "/").free
    remedy = "make room there, or name a folder on another disk with --target-cache"
    return f"{where}, {free >> 20} MiB are free; {remedy}"


def serve(link: Link) -> None:
    """Obey until the workstation goes away."""
    # Not before now: what comes with the program is lost in the buffer that it was read by.
    link.reply()
    threading.Thread(target=link.stay_alive, daemon=True).start()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", DEFAULT_CACHE)
    agent = None
    try:
        first = json.loads(link.next_of(ORDER))["cache"]
        cache = cache if first is None else Path.home() / first
        agent = Agent(link, cache)
        link.reply(**facts(cache))
        while True:
            agent.obey(link.next_of(ORDER))
    except DAMAGED as err:
        said = f"the agent of protocol {PROTOCOL} there could not obey an order ({err!r:.200})"
        link.refuse(MEASUREMENT_ERROR, f"{said}; start again")
    except OSError as err:
        # The link's own errors are GoneError: this is the disk.
        link.refuse(TARGET_ERROR, disk_error(err, cache))
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if agent is not None:
            agent.close()


def leave(number: int, frame: object) -> None:
    """End the program; a handler of signals."""
    raise GoneError


def main() -> None:
    """Serve the workstation on standard input and output."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, leave)
    with contextlib.suppress(GoneError):
        serve(Link(0, 1))


if __name__ == "__main__":
    main()
