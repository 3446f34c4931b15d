"""Read an HDF5 file's names, attributes and shapes in a process of its own first.

A damaged global heap keeps libhdf5 in a loop that nothing in this process can end, and other
damage may crash it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from strop.engine_watch import BYTES_PER_MIB, LIMIT_S, LIMIT_S_PER_MIB
from strop.runtime.errors import SourceError

# Errors are the caller's to find and to name: only a crash or no end is looked for here.
PROBE = """
import sys, zipfile, h5py
path, *member = sys.argv[1:]
def look(name, item):
    dict(item.attrs), getattr(item, "shape", None)
try:
    opened = zipfile.ZipFile(path).open(*member) if member else path
    with h5py.File(opened, "r") as file:
        look("/", file)
        file.visititems(look)
except Exception:
    pass
"""


def probe_hdf5(path: Path, member: str | None = None) -> None:
    """Check that reading an HDF5 file ends.

    Args:
        path: The file; no link in it is followed but hard ones.
        member: Where the HDF5 file is one of a zip archive, its name there.

    Raises:
        SourceError: libhdf5 crashes on it, or gives no answer within a minute and a second
            for each MiB.
    """
    limit_s = LIMIT_S + LIMIT_S_PER_MIB * path.stat().st_size / BYTES_PER_MIB
    command = [
        sys.executable,
        "-I",
        "-c",
        PROBE,
        str(path.resolve()),
        *([member] if member else []),
    ]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as err:
        raise SourceError(
            f"{path}: damaged or hostile (reading it took more than {limit_s:.0f} s); copy it"
            " again, or save the model again"
        ) from err
    if ended.returncode < 0:  # subprocess's sign for "killed by a signal"
        raise SourceError(
            f"{path}: damaged or hostile (it crashes libhdf5, signal {-ended.returncode}); copy it"
            " again, or save the model again"
        )
