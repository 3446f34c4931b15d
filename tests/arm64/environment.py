"""Runs commands on an emulated 64-bit Raspberry Pi: its system, its processor, strop's wheel.

    python -m tests.arm64.environment --cpu cortex-a72 -- python3 -m strop doctor

Answers, installation and behaviour there are a board's. Speed is not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.arm64.emulated_boards import BOARDS, write_board
from tests.arm64.root_filesystem import (
    BOOKWORM,
    ENGINES,
    REPOSITORY,
    SYSTEMS,
    System,
    root_filesystem,
    site_packages,
)

ENTER = Path(__file__).with_name("enter.sh")
TOOLS = {  # by the package that has them
    "mmdebstrap": "mmdebstrap",
    "qemu-aarch64-static": "qemu-user-static",
    "unshare": "util-linux",
}
TIMEOUT_S = 300  # the slowest command here takes a tenth of it on two busy cores


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A board that is switched off between commands; only its folder stays.

    Attributes:
        system: Its operating system.
        root: Its root file system, shared and never written to.
        folder: What is its own: home/ is /home/pi, where commands start, and tmp/ is /tmp.
        cpu: Its processor, a name in BOARDS.
        site: What pip installed, a folder of root_filesystem.site_packages.
        has_strop: Whether strop's wheel is installed too.
        mounts: Folders of this host, each to be found as /mnt/NAME.
    """

    system: System
    root: Path
    folder: Path
    cpu: str
    site: Path
    has_strop: bool
    mounts: tuple[Path, ...] = ()

    @property
    def home(self) -> Path:
        """Where this host finds the board's /home/pi."""
        return self.folder / "home"

    def command(self, *words: str) -> list[str]:
        """What to start on this host, as root, to run a command on the board.

        The process that is started becomes the command: it has its input, output, exit
        code and signals.
        """
        places = {
            self.folder / "board/proc": "proc",
            self.folder / "board/sys": "sys",
            self.folder / "tmp": "tmp",
            self.home: "home/pi",
            self.site: self.system.site,
            **{folder.resolve(): f"mnt/{folder.resolve().name}" for folder in self.mounts},
        }
        if self.has_strop:
            places[self.folder / "strop"] = "opt/strop"
        pairs = [text for pair in places.items() for text in map(str, pair)]
        qemu_cpu = BOARDS[self.cpu].qemu_cpu or self.cpu
        # What root_filesystem could not compile lies where nothing can be written.
        is_compiled = sys.version_info[:2] == self.system.python
        settings = (
            *("HOME=/home/pi", "USER=pi", "LANG=C.UTF-8", f"QEMU_CPU={qemu_cpu}"),
            "PATH=/usr/local/bin:/usr/bin:/bin",
            *(() if is_compiled else ("PYTHONPYCACHEPREFIX=/tmp/byte_code",)),
        )
        return [
            *(
                "unshare",
                "--mount",
                "sh",
                str(ENTER),
                str(self.root),
                self.system.binfmt,
                *pairs,
                "--",
            ),
            *("/usr/bin/env", "-i", "--chdir=/home/pi", *settings, *words),
        ]

    def run(self, *words: str, timeout_s: float = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Run a command on the board to its end, and keep what it printed."""
        return subprocess.run(
            self.command(*words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


def make(
    folder: Path,
    *,
    cpu: str = "cortex-a72",
    system: System = BOOKWORM,
    engines: str = "both",
    has_strop: bool = True,
    mounts: Sequence[Path] = (),
) -> Environment:
    """A board, ready to run commands; needs root, and what `obstacle` asks for.

    Args:
        folder: For what is the board's own; made if missing, what lies in home/ stays.
        cpu: A name in BOARDS.
        system: Its operating system.
        engines: A name in root_filesystem.ENGINES.
        has_strop: Whether this repository's wheel is built and installed.
        mounts: Folders of this host, each to be found as /mnt/NAME.

    Raises:
        subprocess.CalledProcessError: A package or a wheel cannot be had or built.
    """
    folder = folder.resolve()
    for name in ("home", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_board(cpu, folder / "board")
    if has_strop:
        _install_strop(folder / "strop")
    return Environment(
        system=system,
        root=root_filesystem(system),
        folder=folder,
        cpu=cpu,
        site=site_packages(system, engines),
        has_strop=has_strop,
        mounts=tuple(mounts),
    )


def obstacle() -> str | None:
    """Why there can be no such board on this host, with what to do; None if there can."""
    if os.geteuid() != 0:
        return "mounts and chroot need root"
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        return f"not installed; run: apt-get install {' '.join(missing)}"
    if shutil.which("uv") is None:
        return "uv, which unpacks the wheels, is not on PATH"
    mount = "test -e $0/register || mount -t binfmt_misc binfmt_misc $0"
    tried = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "/proc/sys/fs/binfmt_misc"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"no binfmt_misc: {tried.stderr.strip()}"


def _install_strop(site: Path) -> None:
    """Unpack this repository's wheel, over an earlier one."""
    shutil.rmtree(site, ignore_errors=True)
    with tempfile.TemporaryDirectory() as built:
        command = ["uv", "build", "--quiet", "--wheel", "--out-dir", built, str(REPOSITORY)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = Path(built).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)


def main() -> int:
    """Run one command on a board and end with its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.arm64.environment", allow_abbrev=False)
    parser.add_argument("--cpu", choices=BOARDS, default="cortex-a72")
    parser.add_argument("--system", choices=SYSTEMS, default="bookworm")
    parser.add_argument("--engines", choices=ENGINES, default="both")
    parser.add_argument("--without-strop", action="store_true", help="strop is not installed")
    parser.add_argument(
        "--folder", type=Path, help="keeps /home/pi and /tmp (default: thrown away at the end)"
    )
    parser.add_argument(
        "--mount",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="to be found as /mnt/NAME; may be repeated",
    )
    parser.add_argument("command", nargs="+", metavar="-- COMMAND")
    options = parser.parse_args()
    found = obstacle()
    if found is not None:
        parser.error(found)
    with tempfile.TemporaryDirectory(prefix="strop-board.") as temporary:
        board = make(
            options.folder or Path(temporary),
            cpu=options.cpu,
            system=SYSTEMS[options.system],
            engines=options.engines,
            has_strop=not options.without_strop,
            mounts=options.mount,
        )
        return subprocess.run(board.command(*options.command), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
