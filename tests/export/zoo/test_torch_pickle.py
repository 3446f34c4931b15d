"""Checkpoints of strangers: bounded in time and memory, and refused in one line."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.export.zoo.torch_files import state, write_legacy, write_zip

from strop.export.zoo.torch_file import read_checkpoint
from strop.export.zoo.torch_pickle import read_pickle
from strop.runtime.errors import SourceError

FEW = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.arange(3, dtype=np.float32)}
PROTO = b"\x80\x02"
# t = (t, t), thirty times: its hash takes 2**30 steps.
HASH_BOMB = b")" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(30))
DEEP = b")" + b"\x85" * 200_000  # overflows the stack of Python's hash
STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"
)
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\x00K\x06\x85K\x01\x85tR"


@pytest.mark.parametrize("key", [HASH_BOMB, b"K\x01", b"N"])
@pytest.mark.parametrize("made", [b"}", b"ccollections\nOrderedDict\n)R"])
@pytest.mark.parametrize("put", [(b"", b"K\x01s"), (b"(", b"K\x01u")])
def test_only_texts_are_keys(key: bytes, made: bytes, put: tuple[bytes, bytes]) -> None:
    before, after = put
    with pytest.raises(ValueError, match="a key of the type"):
        read_pickle(io.BytesIO(PROTO + made + before + key + after + b"."))


def test_a_deeply_nested_key_is_refused() -> None:
    with pytest.raises(ValueError, match="a key of the type tuple"):
        read_pickle(io.BytesIO(PROTO + b"}" + DEEP + b"K\x01s."))


@pytest.mark.parametrize(
    "form",
    [
        b"ccollections\nOrderedDict\n((K\x01\x86ltR",  # a dictionary made of pairs
        b"(X\x07\x00\x00\x00storage%bK\x01K\x01K\x01tQ",  # as a storage's type
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n%bK\x01K\x01tQ",  # and its key
        b"%bQ",
        b"%b)R",
        TENSOR + b"%bb",  # BUILD: no attribute of a tensor can be changed
        TENSOR + b"N%b\x86b",
        b"ctorch._utils\n_rebuild_tensor_v2\n%bb",
        b"(%b\x91",  # FROZENSET
        b"%b\x8f",  # EMPTY_SET
    ],
)
def test_a_nested_value_is_hashed_nowhere(form: bytes) -> None:
    content = PROTO + (form % HASH_BOMB if b"%b" in form else form) + b"."
    with pytest.raises((ValueError, TypeError, AttributeError, pickle.UnpicklingError)):
        read_pickle(io.BytesIO(content))


def test_a_memo_is_no_longer_than_the_instructions() -> None:
    """The unpickler would make room for 4 billion places."""
    with pytest.raises(ValueError, match="memo of more places"):
        read_pickle(io.BytesIO(PROTO + b"Nr" + struct.pack("<I", 0xFFFFFFFF) + b"."))


@pytest.mark.parametrize("protocol", [2, 4])
def test_plain_values_come_back_as_they_were(protocol: int) -> None:
    value: dict[str, Any] = {
        "a": [1, -2, 3.5, True, None, 1 << 40],
        "b": ("x", (), {}),
        "long": "y" * 300,
    }
    file = io.BytesIO(pickle.dumps(value, protocol=protocol) + b"rest")
    assert read_pickle(file) == value
    assert file.read() == b"rest"


def test_a_storage_list_of_nested_values_is_refused(tmp_path: Path) -> None:
    content = write_legacy(tmp_path / "w.pth", state(FEW)).read_bytes()
    keys = pickle.dumps(["0", "1"], protocol=2)
    assert content.count(keys) == 1
    path = tmp_path / "bomb.pth"
    path.write_bytes(content.replace(keys, PROTO + b"](" + HASH_BOMB + b"e."))
    with pytest.raises(SourceError, match="which no tensor says"):
        read_checkpoint(path)


def test_a_zip_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    content = bytearray(write_zip(tmp_path / "w.pth", state(FEW)).read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 99  # "version needed to extract"
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(SourceError, match=r"zip file version 9\.9"):
        read_checkpoint(tmp_path / "w.pth")


def test_members_that_lie_over_each_other_do_not_multiply(tmp_path: Path) -> None:
    arrays = {f"w{i}": np.zeros(4096, np.float32) for i in range(2)}
    path = write_zip(tmp_path / "w.pth", state(arrays))
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("archive/data/1").file_size
    # The file is cut to half, the directory still says both are there.
    half = content.replace(b"\0" * size, b"", 1)
    path.write_bytes(half)
    with pytest.raises(SourceError, match="not a checkpoint that strop reads"):
        read_checkpoint(path)


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_damaged_files_are_read_or_refused(
    tmp_path: Path, write: Callable[[Path, Any], Path]
) -> None:
    content = write(tmp_path / "w.pth", state(FEW)).read_bytes()
    path = tmp_path / "m.pth"
    rng = random.Random(7)
    refused = 0
    for _ in range(300):
        mutated = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            mutated[rng.randrange(len(mutated))] = rng.choice(
                (0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256))
            )
        path.write_bytes(mutated)
        try:
            read_checkpoint(path)
        except SourceError as err:
            refused += len(str(err)) < 1000
    assert refused > 100
