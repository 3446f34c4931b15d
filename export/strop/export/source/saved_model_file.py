"""Read a SavedModel's description: its graph, its signature, and where its variables are.

Only protocol buffers are parsed here; TensorFlow loads nothing.

Source: TensorFlow's saved_model.proto and meta_graph.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from strop.export.source.file_kind import FileKind, file_kind, refuse_pointer
from strop.runtime.errors import SourceError

SIGNATURE = "serving_default"
INITIALIZER = "__saved_model_init_op"
INITIALIZER_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
SERVE = "serve"
GRAPH_FILE = "saved_model.pb"
MAX_GRAPH_BYTES = 2**30  # a frozen graph holds its weights; protocol buffers end at 2 GiB


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedModelFile:
    """What a SavedModel folder says of itself.

    Attributes:
        folder: The folder.
        graph_def: The GraphDef of the meta graph that serves.
        signature: The SignatureDef that is called.
        saver: The SaverDef: which operation restores the variables, and where it takes the
            files' name from.
        initializers: Names of operations that a server would run before the first call.
        size_bytes: Of saved_model.pb.
    """

    folder: Path
    graph_def: Any
    signature: Any
    saver: Any
    initializers: tuple[str, ...]
    size_bytes: int

    @property
    def path(self) -> Path:
        """saved_model.pb."""
        return self.folder / GRAPH_FILE

    @property
    def variables(self) -> Path:
        """What the names of the files with the variables begin with."""
        return self.folder / "variables" / "variables"


def read_saved_model(folder: Path) -> SavedModelFile:
    """Parse saved_model.pb, and look at the folder's other files by name.

    Raises:
        SourceError: Not a SavedModel, too large, not readable, a link leads out of the
            folder, or it has no signature "serving_default".
    """
    path = folder / GRAPH_FILE
    if not path.is_file():
        raise SourceError(
            f"{folder}: a folder without {GRAPH_FILE}, so not a SavedModel; give the folder"
            " that model.export('FOLDER') wrote, or a .keras or .h5 file"
        )
    _check_files(folder)
    size_bytes = path.stat().st_size
    if size_bytes > MAX_GRAPH_BYTES:
        raise SourceError(
            f"{path}: {size_bytes} bytes; strop takes graphs up to {MAX_GRAPH_BYTES} bytes"
        )
    saved = SavedModel()
    try:
        saved.ParseFromString(path.read_bytes())
    except DecodeError as err:
        raise SourceError(
            f"{folder}: cannot load this SavedModel ({GRAPH_FILE} is damaged); copy it again, or"
            " export it again"
        ) from err
    meta = _serving(saved, folder)
    return SavedModelFile(
        folder=folder,
        graph_def=meta.graph_def,
        signature=_signature(meta, folder),
        saver=meta.saver_def,
        initializers=_initializers(meta),
        size_bytes=size_bytes,
    )


def _check_files(folder: Path) -> None:
    """Links out of the folder could make the variables of any file on this computer."""
    root = folder.resolve()
    for path in (folder / GRAPH_FILE, folder / "variables", *folder.glob("variables/*")):
        if not path.resolve().is_relative_to(root):
            raise SourceError(
                f"{path}: a link that leads out of the SavedModel's folder; copy the folder with"
                " its files, as by cp -rL"
            )
        if path.is_file() and file_kind(path) is FileKind.LFS_POINTER:
            refuse_pointer(path)


def _serving(saved: Any, folder: Path) -> Any:
    tagged = [meta for meta in saved.meta_graphs if SERVE in meta.meta_info_def.tags]
    if not tagged:
        found = [list(meta.meta_info_def.tags) for meta in saved.meta_graphs]
        raise SourceError(
            f"{folder}: no graph for serving in this SavedModel (tags found: {found}); export the"
            " model with model.export('FOLDER')"
        )
    return min(tagged, key=lambda meta: len(meta.meta_info_def.tags))


def _signature(meta: Any, folder: Path) -> Any:
    if SIGNATURE not in meta.signature_def:
        found = ", ".join(sorted(set(meta.signature_def) - {INITIALIZER})) or "none"
        raise SourceError(
            f"{folder}: no signature {SIGNATURE!r} (found: {found}); export the model with"
            " model.export('FOLDER'), or save it with signatures={'serving_default': ...}"
        )
    return meta.signature_def[SIGNATURE]


def _initializers(meta: Any) -> tuple[str, ...]:
    names = [
        name
        for collection in INITIALIZER_COLLECTIONS
        if collection in meta.collection_def
        for name in meta.collection_def[collection].node_list.value
    ]
    if INITIALIZER in meta.signature_def:
        names += [info.name for info in meta.signature_def[INITIALIZER].outputs.values()]
    return tuple(names)
