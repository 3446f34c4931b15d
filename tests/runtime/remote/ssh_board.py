"""A board for tests: a real sshd on loopback, with keys, a home and a login of its own.

The user's configuration of ssh is replaced by an `ssh` on PATH that names another one, for
OpenSSH takes the home folder from the user database, not from HOME.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from strop.cli import main

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
SSH = shutil.which("ssh")
MISSING = (
    None
    if SSHD and SSH
    else "no sshd and ssh here; run: apt-get install openssh-server openssh-client"
)
STARTED_S = 20
QUICK = ("--runs", "30", "--duration", "0", "--warmup", "0")
COLD_START_S = 120  # emulated; a tenth of it else
PRIVILEGE_FOLDER = Path("/run/sshd")  # sshd(8); Debian makes it when the service starts

# What a login runs; $SSH_ORIGINAL_COMMAND is what the client asked for. Its Python is the
# tests', which has an engine.
LOGIN = """\
#!/bin/sh
export HOME={home} PATH={bin}:/usr/bin:/bin
unset XDG_CACHE_HOME PYTHONPATH
cd "$HOME"
{prelude}
exec sh -c "$SSH_ORIGINAL_COMMAND"
"""
SSHD_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
ForceCommand {folder}/login
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
LogLevel VERBOSE
"""
SSH_CONFIG = """\
Host board
    HostName 127.0.0.1
    Port {port}
Host *
    IdentityFile {folder}/user_key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    HostKeyAlias strop-test
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SshBoard:
    """A running sshd and what belongs to it.

    Attributes:
        folder: Keys and configuration.
        home: Of whoever logs in, as this host finds it.
        home_there: The same folder as the login finds it.
        port: On 127.0.0.1.
        sshd: The listening process.
    """

    folder: Path
    home: Path
    home_there: str
    port: int
    sshd: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """By an alias that only the ssh configuration knows."""
        return "ssh://board"

    @property
    def cache(self) -> Path:
        """Where strop keeps what it copies."""
        return self.home / ".cache" / "strop"

    def login(self, prelude: str = "") -> None:
        """Have a login run these lines of shell before the command."""
        script = LOGIN.format(home=self.home, bin=self.folder / "bin", prelude=prelude)
        write_program(self.folder / "login", script)

    def login_by(self, command: Sequence[str]) -> None:
        """Have a login run another command, to which the one asked for is the last argument."""
        script = f'#!/bin/sh\nexec {shlex.join(command)} "$SSH_ORIGINAL_COMMAND"\n'
        write_program(self.folder / "login", script)

    def processes(self) -> list[int]:
        """Of what works in this board's home, the agent among them."""
        return [pid for pid in pids() if self._is_ours(pid)]

    def runs(self, module: str) -> bool:
        """Whether a process there runs this module."""
        return any(module in command_line(pid) for pid in self.processes())

    def is_empty(self) -> bool:
        """Whether nothing of a session is left: no process, no file of a run, no half file."""
        left = [*self.cache.glob("runs/*"), *self.cache.glob("*/.partial.*")]
        return not left and not self.processes()

    def measures(self, bench: subprocess.Popen[str]) -> bool:
        """Wait until a `strop bench` that was started for this board has its warm inferences.

        From then on it opens no file and prints nothing: what ends it is that it is ended.
        """
        if bench.stderr is None or not any(line.startswith("  limit") for line in bench.stderr):
            return False
        # The cold start is the last that is done before; in a process of its own.
        wait_until(lambda: self.runs("strop.runtime.bench.coldstart"))
        wait_until(lambda: not self.runs("strop.runtime.bench.coldstart"), limit_s=COLD_START_S)
        return self.runs("strop.on_board")

    def _is_ours(self, pid: int) -> bool:
        """Whether a process that has not ended has this home, in whichever root folder."""
        with suppress(OSError):
            settings = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            home = Path(f"/proc/{pid}/root{self.home_there}")
            return f"HOME={self.home_there}".encode() in settings and home.samefile(self.home)
        return False

    def sessions(self) -> list[int]:
        """Processes of sshd that serve one connection each, the listening one left out."""
        children = {pid: parent_of(pid) for pid in pids()}
        return [pid for pid, parent in children.items() if parent == self.sshd.pid]


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def parent_of(pid: int) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None


def command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def wait_until(condition: Callable[[], bool], *, limit_s: float = 30.0) -> bool:
    """Whether it came true in time."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def ssh_board(
    folder: Path, *, home: Path | None = None, home_there: str | None = None
) -> Iterator[SshBoard]:
    """Start an sshd that takes one key, and whose key is known.

    Args:
        folder: For everything that it needs.
        home: Of whoever logs in; None makes one.
        home_there: Its name for a login that `login_by` puts into another root folder.
    """
    for name in ("host_key", "user_key"):
        make_key(folder / name)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    (folder / "known_hosts").write_text(f"strop-test {(folder / 'host_key.pub').read_text()}")
    home = home or folder / "home"
    for made in (home, folder / "bin", folder / "client"):
        made.mkdir(exist_ok=True)
    write_program(folder / "bin/python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    port = free_port()
    (folder / "sshd_config").write_text(SSHD_CONFIG.format(port=port, folder=folder))
    (folder / "ssh_config").write_text(SSH_CONFIG.format(port=port, folder=folder))
    write_program(folder / "client/ssh", f'#!/bin/sh\nexec {SSH} -F {folder}/ssh_config "$@"\n')
    if os.geteuid() == 0:
        PRIVILEGE_FOLDER.mkdir(mode=0o755, exist_ok=True)
    with (folder / "sshd.log").open("wb") as log:
        sshd = subprocess.Popen(
            [str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log
        )
    try:
        board = SshBoard(
            folder=folder, home=home, home_there=home_there or str(home), port=port, sshd=sshd
        )
        board.login()
        if not wait_until(lambda: is_open(port) or sshd.poll() is not None, limit_s=STARTED_S):
            raise TimeoutError((folder / "sshd.log").read_text())
        if sshd.poll() is not None:
            raise OSError((folder / "sshd.log").read_text())
        yield board
    finally:
        sshd.terminate()
        sshd.wait()


def make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def is_open(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def bench(artifact: Path, board: SshBoard, *flags: str) -> int:
    """The exit code of a short `strop bench` there."""
    return main(["bench", str(artifact), "--target", board.url, *QUICK, *flags])
