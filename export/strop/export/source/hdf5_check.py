"""Look through an HDF5 file before Keras opens it: what it links to, and how large it gets.

HDF5 can name other files in four ways (external links, external storage, virtual datasets,
filters that are loaded as plug-ins), and describe terabytes in a few bytes. Keras below 3.14.1
follows all four.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import h5py

from strop.runtime.errors import SourceError

# Deflate, shuffle, Fletcher's checksum; and LZF, which h5py brings. No others are built in.
BUILT_IN_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE})
BUILT_IN_FILTERS |= {h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF}
MAX_EXPANSION = 20  # pruned weights, nine of ten zero, shrink to a tenth under gzip
FREE_BYTES = 64 * 2**20  # below that, nothing has to be in proportion to the file


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
