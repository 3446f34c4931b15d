"""Makes a Raspberry Pi's root file system of Debian's packages and of real wheels, and keeps it.

Packages are unpacked, never configured: nothing runs under emulation. Wheels are those that
pip would choose on the board, in the versions of uv.lock.
"""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# The point releases' archive alone: it changes a few times a year, the security updates' every day.
ARCHIVE_LABEL = "Debian"
# What Raspberry Pi OS Lite has too and a shell, Python, the wheels or a login may need.
PACKAGES = (
    *("base-files", "bash", "coreutils", "dash", "findutils", "grep", "gzip", "hostname"),
    *("libstdc++6", "procps", "python3", "sed", "tar", "util-linux"),
)
# $1 is the root; bookworm's packages still bring files for both places.
MERGE_USR = 'cd "$1" && for name in bin lib sbin; do mkdir -p usr/$name && ln -s usr/$name; done'
NOT_NEEDED = ("doc", "info", "locale", "man")  # below usr/share
ACCOUNTS = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000::/home/pi:/bin/bash\n",
    "group": "root:x:0:\npi:x:1000:\n",
    "hosts": "127.0.0.1 localhost\n",
}
ALTERNATIVES = ("blas", "lapack")  # folders of what NumPy needs
MOUNT_POINTS = (".proc", "home/pi", "mnt", "opt/strop")
# strop's extras, by a name for them; tflite is for Python 3.11 and below.
ENGINES = {
    "both": ("litert", "onnx"),
    "litert": ("litert",),
    "onnx": ("onnx",),
    "tflite": ("tflite",),
    "none": (),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """A release of Raspberry Pi OS, as far as Debian is the same.

    Attributes:
        suite: Debian's name of it.
        arch: Debian's name of the architecture.
        python: Major and minor of its Python.
        platform: Wheels that fit, which states the glibc; as uv calls them, for 32 bits as
            pip does.
        binfmt: The entry of binfmt_misc that runs its programs.
        packages: More than PACKAGES: there are no 32-bit wheels of NumPy and Pillow.
    """

    suite: str
    arch: str
    python: tuple[int, int]
    platform: str
    binfmt: str = "qemu-aarch64"
    packages: tuple[str, ...] = ()

    @property
    def site(self) -> str:
        """Where its Python looks for what pip installed for everybody."""
        return "usr/local/lib/python{}.{}/dist-packages".format(*self.python)


BOOKWORM = System(suite="bookworm", arch="arm64", python=(3, 11), platform="aarch64-manylinux_2_36")
TRIXIE = System(suite="trixie", arch="arm64", python=(3, 13), platform="aarch64-manylinux_2_40")
BOOKWORM_32 = System(
    suite="bookworm",
    arch="armhf",
    python=(3, 11),
    platform="manylinux_2_34_armv7l",
    binfmt="qemu-arm",
    packages=("python3-numpy", "python3-pil"),
)
SYSTEMS = {"bookworm": BOOKWORM, "trixie": TRIXIE, "bookworm-32": BOOKWORM_32}


def root_filesystem(system: System) -> Path:
    """The system's root folder, with no more than its packages; from the cache if it is there.

    Raises:
        subprocess.CalledProcessError: A package cannot be had; the text is on stderr.
    """

    def build(root: Path) -> None:
        _unpack_packages(system, root)
        _settle(system, root)
        _compile(system, root / "usr/lib", root)

    return _kept(f"{system.suite}-{system.arch}", repr(system), build)


def site_packages(system: System, engines: str) -> Path:
    """What `pip install 'strop[...]'` puts into the system, without strop; as above.

    Args:
        system: It has the Python that the wheels are for.
        engines: A name in ENGINES.

    Raises:
        subprocess.CalledProcessError: A wheel cannot be had; the text is on stderr.
    """
    requirements = _requirements(ENGINES[engines])

    def build(site: Path) -> None:
        _unpack_wheels(system, requirements, site)
        _compile(system, site, site)

    name = f"{system.suite}-{system.arch}-{engines}"
    return _kept(name, repr((system, requirements)), build)


def _kept(name: str, content: str, build: Callable[[Path], None]) -> Path:
    """The folder from the cache, or built. Its name ends in a hash of what goes in.

    A half-built folder has another name, and is removed by the next run.
    """
    key = hashlib.sha256(content.encode() + Path(__file__).read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("STROP_CACHE") or Path.home() / ".cache/strop")
    folder = cache / f"{name}-{key}"
    with _locked(cache / f"{folder.name}.lock"):
        if not folder.is_dir():
            partial = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(partial, ignore_errors=True)
            try:
                build(partial)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            partial.rename(folder)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One at a time, of all processes; the kernel lets go of it when a process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _requirements(extras: tuple[str, ...]) -> str:
    """What uv.lock has for the base install and these extras, for every Python."""
    command = ["uv", "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project"]
    command += ["--no-header", "--no-annotate", "--no-hashes", "--project", str(REPOSITORY)]
    for extra in extras:
        command += ["--extra", extra]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _unpack_packages(system: System, root: Path) -> None:
    command = ["mmdebstrap", "--quiet", "--variant=extract", f"--architectures={system.arch}"]
    command += [f"--include={','.join(PACKAGES + system.packages)}", f"--setup-hook={MERGE_USR}"]
    settings = subprocess.run(["apt-config", "dump"], check=True, stdout=subprocess.PIPE, text=True)
    # How this host reaches the mirror; mmdebstrap does not look.
    for line in settings.stdout.splitlines():
        if line.startswith(("Acquire::http", "Acquire::Retries", "Acquire::Check-")):
            command.append(f"--aptopt={line}")
    subprocess.run(
        [*command, system.suite, str(root), _mirror()], check=True, stdout=subprocess.DEVNULL
    )


def _mirror() -> str:
    """The mirror of Debian's archive that this machine's apt is set up with."""
    command = ["apt-get", "indextargets", "--format", "$(LABEL) $(SITE)", "Identifier: Packages"]
    listed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    sites = [
        line.split(" ", 1)[1]
        for line in listed.splitlines()
        if line.split(" ", 1)[0] == ARCHIVE_LABEL
    ]
    if not sites:
        raise FileNotFoundError(
            "apt has no archive of Debian's here; emulated boards are made of its packages: run"
            " `apt-get update`, or add a mirror of Debian to apt's sources"
        )
    return sites[0]


def _settle(system: System, root: Path) -> None:
    """Do what the packages' own scripts would have done, as far as it is needed."""
    for folder in NOT_NEEDED:
        shutil.rmtree(root / "usr/share" / folder, ignore_errors=True)
    for name, text in ACCOUNTS.items():
        (root / "etc" / name).write_text(text)
    for name in ("hostname", "resolv.conf"):  # this host's
        (root / "etc" / name).unlink(missing_ok=True)
    for library in root.glob("usr/lib/*/*/lib*.so.3"):  # one of several alternatives
        if library.parent.name in ALTERNATIVES:
            (library.parents[1] / library.name).symlink_to(library.relative_to(library.parents[1]))
    for folder in (*MOUNT_POINTS, system.site):
        (root / folder).mkdir(parents=True, exist_ok=True)


def _unpack_wheels(system: System, requirements: str, site: Path) -> None:
    site.mkdir(parents=True)
    python = "{}.{}".format(*system.python)
    command = ["uv", "pip", "install", "--python-platform", system.platform, "--link-mode=hardlink"]
    if system.packages:  # uv knows no 32-bit ARM
        command = ["uv", "tool", "run", "pip", "install", "--platform", system.platform]
        lines = requirements.splitlines()
        requirements = "\n".join(line for line in lines if not line.startswith(("numpy", "pillow")))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        command += ["--quiet", "--no-deps", "--only-binary=:all:", "--python-version", python]
        subprocess.run([*command, "--target", site, "--requirement", file.name], check=True)
    # strop itself is mounted there, or not, when something runs.
    (site / "strop.pth").write_text("/opt/strop\n")


def _compile(system: System, folder: Path, root: Path) -> None:
    """Spare the emulated Python its compiler, where ours writes the same byte code."""
    if sys.version_info[:2] == system.python:
        compileall.compile_dir(folder, maxlevels=20, stripdir=str(root), quiet=2)
