"""Files of safetensors: the numbers under their names, or one line."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from strop.export.zoo import safetensors_file
from strop.export.zoo.safetensors_file import is_safetensors, read_safetensors
from strop.export.zoo.torch_weights import torch_model
from strop.runtime.errors import SourceError

FEW: dict[str, NDArray[Any]] = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.array(7, np.int64),
}
SEED, MUTATIONS = 0, 300


def written(path: Path) -> Path:
    save_file(FEW, path)
    return path


def tensor(dtype: str, size: int, start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [size], "data_offsets": [start, end]}


def of_header(path: Path, header: object, numbers: bytes) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    return path


def test_tensors_are_read_under_their_names(tmp_path: Path) -> None:
    path = written(tmp_path / "w.safetensors")
    assert is_safetensors(path)
    found = read_safetensors(path)
    assert set(found) == set(FEW)
    for name, each in found.items():
        np.testing.assert_array_equal(each, FEW[name])
        assert each.dtype == FEW[name].dtype


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"w": tensor("BF16", 2, 0, 4)}, "numbers of the type BF16"),
        ({"w": tensor("F32", 2, 0, 4)}, "invalid shape"),
        ({"w": tensor("F32", 1, 4, 8)}, "invalid offset"),
        ({"w" * 201: tensor("F32", 1, 0, 4)}, "a name of more than"),
        ({"__metadata__": {"a": "b"}}, "no tensors"),
        (["w"], "invalid"),
    ],
)
def test_a_header_that_is_not_right_is_refused(tmp_path: Path, header: object, why: str) -> None:
    numbers = bytes(4 if "w" in repr(header) and isinstance(header, dict) else 0)
    path = of_header(tmp_path / "w.safetensors", header, numbers)
    with pytest.raises(SourceError, match=f"not a .safetensors file that strop reads .*{why}"):
        read_safetensors(path)


def test_a_file_of_any_length_is_not_taken_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "w.safetensors")
    monkeypatch.setattr(safetensors_file, "MAX_BYTES", 50)
    with pytest.raises(SourceError, match=f"{path.stat().st_size} bytes, of at most 50"):
        read_safetensors(path)


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    content = written(tmp_path / "w.safetensors").read_bytes()
    draw = np.random.default_rng(SEED)
    path = tmp_path / "damaged.safetensors"
    for number in range(MUTATIONS):
        damaged = bytearray(content)
        damaged[draw.integers(len(damaged))] = draw.integers(256)
        path.write_bytes(damaged[: draw.integers(len(damaged))] if number % 3 == 0 else damaged)
        with suppress(SourceError):
            found = read_safetensors(path)
            assert sum(each.nbytes for each in found.values()) <= len(content)


def test_what_begins_otherwise_is_read_as_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(SourceError, match="not a checkpoint that strop reads"):
        torch_model("mobilenet_v2", path, alpha=1.0, size=32)
