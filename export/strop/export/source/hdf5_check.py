"""Check an HDF5 file before Keras opens it: whether it can be read, its links, and its size.

HDF5 can name other files in four ways (external links, external storage, virtual datasets,
filters that are loaded as plug-ins), and describe terabytes in a few bytes. Keras below 3.14.1
follows all four.

A damaged global heap keeps libhdf5 in a loop that nothing in this process can end, a damaged length
makes it allocate what it says, and other damage may crash it. So a process of its own reads names,
attributes and shapes first.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py

from strop.engine_watch import LIMIT_S, LIMIT_S_PER_MIB
from strop.runtime.errors import SourceError
from strop.runtime.units import BYTES_PER_MIB

# Deflate, shuffle, Fletcher's checksum; and LZF, which h5py brings. No others are built in.
BUILT_IN_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE})
BUILT_IN_FILTERS |= {h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF}
MAX_EXPANSION = 20  # pruned weights, nine of ten zero, shrink to a tenth under gzip
FREE_BYTES = 64 * 2**20  # below that, nothing has to be in proportion to the file
# What names, attributes and shapes may take, beside the file itself: Keras' models have some
# kilobytes of them.
ALLOWANCE_BYTES = 256 << 20
NO_MEMORY = 3  # the probe's exit code

# Errors are the caller's to find and to name: only a crash, no end, or too much memory is
# looked for here. RLIMIT_DATA counts what is private and can be written (getrlimit(2)).
PROBE = """
import resource, sys, h5py
path, allowance = sys.argv[1:]
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
    with h5py.File(path, "r") as file:
        look("/", file)
        file.visititems(look)
except Exception as error:
    if isinstance(error, MemoryError) or "memory allocation failed" in str(error):
        sys.exit(NO_MEMORY)
""".replace("NO_MEMORY", str(NO_MEMORY))


def probe_hdf5(path: Path, *, where: str) -> None:
    """Check that reading an HDF5 file ends, in bounded memory.

    Args:
        path: The file; no link in it is followed but hard ones.
        where: Named in the error, usually the file's path.

    Raises:
        SourceError: libhdf5 crashes on it, gives no answer within a minute and a second
            for each MiB, or allocates 256 MiB and the file's size.
    """
    size_bytes = path.stat().st_size
    limit_s = LIMIT_S + LIMIT_S_PER_MIB * size_bytes / BYTES_PER_MIB
    allowance = ALLOWANCE_BYTES + size_bytes
    try:
        code = run_probe(PROBE, str(path.resolve()), str(allowance), limit_s=limit_s)
    except subprocess.TimeoutExpired as err:
        raise SourceError(
            f"{where}: damaged or hostile (reading it took more than {limit_s:.0f} s); copy it"
            " again, or save the model again"
        ) from err
    if code == NO_MEMORY:
        raise SourceError(
            f"{where}: damaged or hostile (its names and attributes take more than"
            f" {allowance // BYTES_PER_MIB} MiB); copy it again, or save the model again"
        )
    if code < 0:  # subprocess's sign for "killed by a signal"
        raise SourceError(
            f"{where}: damaged or hostile (it crashes libhdf5, signal {-code}); copy it"
            " again, or save the model again"
        )


def run_probe(program: str, *arguments: str, limit_s: float) -> int:
    """Run a program in a process of its own, and return its exit code; below 0, the signal's.

    Raises:
        subprocess.TimeoutExpired: It took longer, and was ended.
    """
    command = [sys.executable, "-I", "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, timeout=limit_s, check=False).returncode


def check_hdf5(file: h5py.File, *, where: str, size_bytes: int) -> int:
    """Check that an HDF5 file holds all that it names, and nothing out of proportion.

    Args:
        file: Open for reading.
        where: Named in the error, usually the file's path.
        size_bytes: The file's size.

    Returns:
        Bytes of all datasets once read.

    Raises:
        SourceError: It links to other places, stores data elsewhere, or its datasets are
            over twenty times as large as the file (and over 64 MiB).
    """
    total = 0
    for name, dataset in _datasets(file, where):
        _check_storage(dataset, f"{where}: dataset {name!r}")
        shapes = (dataset.shape or (), dataset.chunks or ())
        total += max(map(math.prod, shapes)) * dataset.dtype.itemsize
        if total > MAX_EXPANSION * size_bytes + FREE_BYTES:
            raise SourceError(
                f"{where}: its datasets up to {name!r} have {total} bytes in a file of"
                f" {size_bytes}; no model's have"
            )
    return total


def _datasets(file: h5py.File, where: str) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every dataset once; no link but a hard one is followed."""
    seen = set()
    pending = [file["/"]]
    while pending:
        group = pending.pop()
        for name in group:
            link = group.get(name, getlink=True)
            place = f"{group.name.rstrip('/')}/{name}"
            if link is None:
                raise SourceError(
                    f"{where}: {place!r} is listed and cannot be found; the file is damaged: copy"
                    " it again, or save the model again"
                )
            if not isinstance(link, h5py.HardLink):
                raise SourceError(
                    f"{where}: {place!r} leads elsewhere ({type(link).__name__}); save the model"
                    " again"
                )
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Group):
                pending.append(item)
            elif isinstance(item, h5py.Dataset):
                yield place, item


def _check_storage(dataset: h5py.Dataset, where: str) -> None:
    created = dataset.id.get_create_plist()
    if created.get_external_count():
        raise SourceError(f"{where} keeps its data in another file; save the model again")
    if created.get_layout() == h5py.h5d.VIRTUAL:
        raise SourceError(f"{where} is put together from other files; save the model again")
    filters = {created.get_filter(number)[0] for number in range(created.get_nfilters())}
    if not filters <= BUILT_IN_FILTERS:
        raise SourceError(
            f"{where} is packed with filter {min(filters - BUILT_IN_FILTERS)}, which HDF5 would"
            " load as a plug-in; save the model again"
        )
