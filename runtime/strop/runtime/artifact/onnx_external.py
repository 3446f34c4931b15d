"""Refuses an .onnx whose tensors are kept outside of the file, before an engine reads it.

ONNX lets a tensor name another file, with a place in it ("external data"). A downloaded
model could thereby read any file of its user, and ONNX Runtime takes some names for addresses in
its own memory. Whatever strop makes or runs is one file.

Source: onnx/onnx.proto, TensorProto.external_data and data_location;
https://onnx.ai/onnx/repo-docs/ExternalData.html
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from strop.runtime.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    Fields: TypeAlias = Iterable[tuple[int, memoryview, int]]  # number, content, value

# Every external tensor has an entry of this name that says where it is, in one piece and in
# plain text. A file without the word has none, and is not looked into any further.
LOCATION = b"location"
MAX_DEPTH = 100  # messages within messages, as protobuf itself allows

# By message: what its fields with these numbers are.
MESSAGES: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
        "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
        "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
        "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
        "NodeProto": {5: "AttributeProto"},
        "AttributeProto": {
            5: "TensorProto",
            6: "GraphProto",
            10: "TensorProto",
            11: "GraphProto",
            22: "SparseTensorProto",
            23: "SparseTensorProto",
        },
        "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    }
)
NAME, EXTERNAL_DATA, DATA_LOCATION = 8, 13, 14  # in TensorProto


def refuse_external_data(path: str) -> None:
    """Refuse a file that does not hold all of its tensors itself.

    Graphs, subgraphs in attributes, functions, sparse tensors and training graphs are looked
    into.

    Raises:
        ArtifactError: A tensor is kept elsewhere, or the file is damaged.
    """
    if not _has_word(path):
        return
    from strop.runtime.artifact.onnx_graph import fields

    try:
        with open(path, "rb") as file:
            name = _external(memoryview(file.read()), "ModelProto", fields)
    except ValueError as err:
        raise ArtifactError(f"{path}: damaged ({err}); copy or export it again") from err
    if name is not None:
        raise ArtifactError(
            f"{path}: its tensor {name!r} is kept in another file, which a model could use to read"
            " any file; needed is one file with all tensors in it. If you trust it, join them:"
            " python -c \"import onnx; onnx.save(onnx.load('IN.onnx'), 'OUT.onnx')\""
        )


def _has_word(path: str) -> bool:
    """Whether LOCATION is anywhere in the file."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(LOCATION) >= 0


def _external(
    content: memoryview, message: str, fields: Callable[[memoryview], Fields], *, depth: int = 0
) -> str | None:
    """Find the name of the first external tensor in a message; None if there is none."""
    if depth > MAX_DEPTH:
        raise ValueError(f"messages nested more than {MAX_DEPTH} deep")
    if message == "TensorProto":
        return _name_if_external(fields(content))
    inner = MESSAGES[message]
    for number, view, _ in fields(content):
        found = number in inner and _external(view, inner[number], fields, depth=depth + 1)
        if found:
            return found
    return None


def _name_if_external(tensor: Fields) -> str | None:
    name, is_external = "without a name", False
    for number, view, value in tensor:
        if number == NAME:
            name = bytes(view).decode("utf-8", "replace")
        # One of the two alone is a contradiction, which engines have solved differently.
        is_external |= number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0)
    return name if is_external else None
