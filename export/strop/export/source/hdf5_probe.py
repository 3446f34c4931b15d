"""Read an HDF5 file's names, attributes and shapes in a process of its own first.

A damaged global heap keeps libhdf5 in a loop that nothing in this process can end, a damaged length
makes it allocate what it says, and other damage may crash it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from strop.engine_watch import LIMIT_S, LIMIT_S_PER_MIB
from strop.runtime.errors import SourceError
from strop.runtime.units import BYTES_PER_MIB

# What names, attributes and shapes may take, beside the file itself: Keras' models have some
# kilobytes of them.
ALLOWANCE_BYTES = 256 << 20
NO_MEMORY = 3  # the probe's exit code

# Errors are the caller's to find and to name: only a crash, no end, or too much memory is
# looked for here. RLIMIT_DATA counts what is private and can be written (getrlimit(2)).
PROBE = """
import resource, sys, zipfile, h5py
path, allowance, *member = sys.argv[1:]
def look(name, item):
    dict(item.attrs), getattr(item, "shape", None)
try:
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[5]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (used + int(allowance), hard))
except (OSError, ValueError):
    pass  # not on Linux, or a lower limit stands already
try:
    opened = zipfile.ZipFile(path).open(*member) if member else path
    with h5py.File(opened, "r") as file:
        look("/", file)
        file.visititems(look)
except Exception as error:
    if isinstance(error, MemoryError) or "memory allocation failed" in str(error):
        sys.exit(NO_MEMORY)
""".replace("NO_MEMORY", str(NO_MEMORY))


def probe_hdf5(path: Path, member: str | None = None) -> None:
    """Check that reading an HDF5 file ends, in bounded memory.

    Args:
        path: The file; no link in it is followed but hard ones.
        member: Where the HDF5 file is one of a zip archive, its name there.

    Raises:
        SourceError: libhdf5 crashes on it, gives no answer within a minute and a second
            for each MiB, or allocates 256 MiB and the file's size.
    """
    size_bytes = path.stat().st_size
    limit_s = LIMIT_S + LIMIT_S_PER_MIB * size_bytes / BYTES_PER_MIB
    allowance = ALLOWANCE_BYTES + size_bytes
    command = [
        sys.executable,
        "-I",
        "-c",
        PROBE,
        str(path.resolve()),
        str(allowance),
        *([member] if member else []),
    ]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as err:
        raise SourceError(
            f"{path}: damaged or hostile (reading it took more than {limit_s:.0f} s); copy it"
            " again, or save the model again"
        ) from err
    if ended.returncode == NO_MEMORY:
        raise SourceError(
            f"{path}: damaged or hostile (its names and attributes take more than"
            f" {allowance // BYTES_PER_MIB} MiB); copy it again, or save the model again"
        )
    if ended.returncode < 0:  # subprocess's sign for "killed by a signal"
        raise SourceError(
            f"{path}: damaged or hostile (it crashes libhdf5, signal {-ended.returncode}); copy it"
            " again, or save the model again"
        )
