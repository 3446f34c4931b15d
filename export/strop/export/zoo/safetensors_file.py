"""Reads the tensors of a .safetensors file, which holds numbers and their names only.

Source: https://github.com/huggingface/safetensors, "Format": eight bytes with the length of a JSON
header, the header, the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from strop.export.source.load_errors import reason
from strop.export.zoo.torch_file import MAX_NAME
from strop.runtime.errors import SourceError

LENGTH_BYTES = 8  # in front of the header
MAX_BYTES = 2 << 30  # seven times the largest network here


def is_safetensors(path: Path) -> bool:
    """Tell by the beginning; a checkpoint of torch.save begins with a zip's or a pickle's mark."""
    with path.open("rb") as file:
        return file.read(LENGTH_BYTES + 1)[LENGTH_BYTES:] == b"{"


def read_safetensors(path: Path) -> Mapping[str, NDArray[Any]]:
    """Read all tensors by name.

    Raises:
        SourceError: Damaged, larger than 2 GiB, or with numbers that NumPy does not have.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ValueError(f"{size} bytes, of at most {MAX_BYTES}")
        # The bytes and not the path: of a mapped file another program could take the end away.
        found: Mapping[str, NDArray[Any]] = load(path.read_bytes())
    except (SafetensorError, ValueError, OSError, MemoryError) as err:
        raise _unreadable(path, reason(err)) from err
    except KeyError as err:
        raise _unreadable(path, f"numbers of the type {err.args[0]}") from err
    if not found or max(map(len, found)) > MAX_NAME:
        raise _unreadable(path, f"no tensors, or a name of more than {MAX_NAME} characters")
    return found


def _unreadable(path: Path, why: str) -> SourceError:
    return SourceError(
        f"{path}: not a .safetensors file that strop reads ({why}); needed is what"
        " safetensors.torch.save_file(model.state_dict(), ...) writes, in float32"
    )
