"""Reads the tensors of a PyTorch checkpoint without PyTorch, and without running its pickle.

A .pth holds pickled code for a machine with a stack. A file that asks for more than a
dictionary of tensors needs is refused, and nothing of it is run (`torch_pickle`).

Source: pytorch, torch/serialization.py (both formats).
"""

from __future__ import annotations

import io
import os
import pickle
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from strop.export.zoo.torch_pickle import MAX_PICKLE_BYTES, Storage, Stored, read_pickle
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.errors import SourceError

MAGIC = 0x1950A86A20F9469CFC6C  # of the format before PyTorch 1.6
PROTOCOL = 1001
MAX_BYTEORDER_BYTES = 16
MAX_NAME = 200  # characters
MAX_DIMENSIONS = 8  # a kernel of a video network has five
HASH = re.compile(r"-([0-9a-f]{8,64})\.pth$")
KEY = re.compile(r"[0-9]{1,20}")
NUMEL = struct.Struct("<q")

# RuntimeError has zipfile's NotImplementedError and the RecursionError in it.
UNREADABLE = (
    *(ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, RuntimeError),
    *(ArithmeticError, MemoryError, struct.error, zipfile.BadZipFile, pickle.UnpicklingError),
)


def read_checkpoint(path: Path) -> Mapping[str, NDArray[Any]]:
    """Read the tensors of a state_dict by name, in its order; they cannot be written to.

    Args:
        path: A .pth of either format of torch.save. Where its name ends in a hash, as
            torchvision's do, the file has to have it.

    Raises:
        SourceError: No such file, another hash, damaged, or more than a dictionary of tensors.
    """
    if not path.is_file():
        raise SourceError(f"{path}: no such file; needed is a .pth checkpoint")
    _check_hash(path)
    try:
        with path.open("rb") as file:
            read = _read_zip if zipfile.is_zipfile(file) else _read_legacy
            file.seek(0)
            found, storages = read(file)
            return {name: _tensor(name, each, storages) for name, each in _tensors(found)}
    except UNREADABLE as err:
        raise SourceError(
            f"{path}: not a checkpoint that strop reads ({err}); needed is what"
            " torch.save(model.state_dict(), ...) writes"
        ) from err


def _check_hash(path: Path) -> None:
    promised = HASH.search(path.name)
    if promised is None:
        return
    found = sha256_file(path)
    if not found.startswith(promised[1]):
        raise SourceError(
            f"{path}: its name promises the hash {promised[1]}, it has {found[:8]}; download it"
            " again"
        )


def _read_legacy(file: BinaryIO) -> tuple[object, dict[str, bytes]]:
    """Five pickles, and then the storages in the order of the last one's keys."""
    if read_pickle(file) != MAGIC or read_pickle(file) != PROTOCOL:
        raise ValueError("it does not begin like a checkpoint")
    system = read_pickle(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("its numbers are not little-endian")
    found, keys = read_pickle(file), read_pickle(file)
    if not isinstance(keys, list):
        raise ValueError("it lists no storages")
    sizes = {stored.storage.key: stored.storage for _, stored in _tensors(found)}
    storages = {}
    for key in keys:
        # Not before its type is known: a stranger's nested key keeps the hash busy for ever.
        storage = sizes.get(key) if isinstance(key, str) else None
        (numel,) = NUMEL.unpack(_exactly(file, NUMEL.size))
        if storage is None or numel != storage.numel:
            raise ValueError(f"a storage has {numel} numbers, which no tensor says")
        storages[key] = _exactly(file, storage.size_bytes)
    return found, storages


def _read_zip(file: BinaryIO) -> tuple[object, dict[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        (main,) = [name for name in members if name.split("/")[1:] == ["data.pkl"]]
        folder = main.split("/")[0]
        order = members.get(f"{folder}/byteorder")
        if order is not None and _member(archive, order, MAX_BYTEORDER_BYTES) != b"little":
            raise ValueError("its numbers are not little-endian")
        found = read_pickle(io.BytesIO(_member(archive, members[main], MAX_PICKLE_BYTES)))
        storages: dict[str, bytes] = {}
        left = os.fstat(file.fileno()).st_size
        for _, stored in _tensors(found):
            storage = stored.storage
            if storage.key in storages:
                continue
            if not KEY.fullmatch(storage.key):
                raise ValueError(f"storage {storage.key[:40]!r}")
            info = members[f"{folder}/data/{storage.key}"]
            left -= storage.size_bytes
            if left < 0:  # members of a zip may lie over each other
                raise ValueError("its storages have more numbers than the file")
            storages[storage.key] = _member(archive, info, storage.size_bytes)
            if len(storages[storage.key]) != storage.size_bytes:
                raise ValueError(f"storage {storage.key} has not the numbers that it says")
        return found, storages


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """torch.save compresses nothing, so that no member is larger than the file."""
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > most:
        raise ValueError(f"{info.filename}: compressed, or larger than its tensors")
    return archive.read(info)


def _exactly(file: BinaryIO, size: int) -> bytes:
    left = os.fstat(file.fileno()).st_size - file.tell()
    if size > left:
        raise EOFError(f"it ends {size - left} bytes too early")
    return file.read(size)


def _tensors(found: object) -> Iterator[tuple[str, Stored]]:
    if not isinstance(found, dict) or not found:
        raise ValueError("no dictionary of tensors")
    for name, stored in found.items():
        if not isinstance(stored, Stored) or len(name) > MAX_NAME:
            raise ValueError(f"{name[:MAX_NAME]!r} is no tensor")
        if len(stored.sizes) > MAX_DIMENSIONS:
            raise ValueError(f"{name}: {len(stored.sizes)} dimensions")
        yield name, stored


def _tensor(name: str, stored: Stored, storages: Mapping[str, bytes]) -> NDArray[Any]:
    storage: Storage = stored.storage
    numbers = np.frombuffer(storages[storage.key], storage.dtype)
    reach = [(size - 1) * stride for size, stride in zip(stored.sizes, stored.strides, strict=True)]
    if min(stored.sizes, default=1) < 1 or min(stored.strides, default=0) < 0:
        raise ValueError(f"{name}: sizes {stored.sizes}, strides {stored.strides}")
    if not stored.offset >= 0 or stored.offset + sum(reach) >= len(numbers):
        raise ValueError(f"{name}: it reaches beyond its storage")
    strides = tuple(stride * numbers.itemsize for stride in stored.strides)
    # A view that repeats numbers by strides of 0 may have many more than the file.
    if np.prod(stored.sizes, dtype=object) > len(numbers):
        raise ValueError(f"{name}: more numbers than its storage has")
    # No copy: thousands of tensors may say that they are the same numbers.
    return as_strided(numbers[stored.offset :], stored.sizes, strides, writeable=False)
