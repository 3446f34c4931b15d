"""Damages SavedModel folders: operations that write files, fields, variables, assets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tests.fuzz.damage import damaged, edge, hostile_text, one_of
from tests.fuzz.wire import damaged_message

GRAPH = "saved_model.pb"
WRITTEN = "canary-written"
# What touches files, the network, other code or endless time.
OPERATIONS = (
    *("WriteFile", "ReadFile", "MatchingFiles", "SaveV2", "RestoreV2", "MergeV2Checkpoints"),
    *("PyFunc", "EagerPyFunc", "PrintV2", "Print", "Assert", "DebugIdentityV3", "Save"),
    *("FixedLengthRecordReaderV2", "TFRecordDataset", "TextLineDataset", "WholeFileReaderV2"),
    *("LookupTableImportV2", "InitializeTableFromTextFileV2", "WriteSummary", "_Send", "_Recv"),
    *("CreateSummaryFileWriter", "DecodePng", "While", "StatelessWhile", "If", "PartitionedCall"),
    *("ImmutableConst", "SqlDataset", "Where", "RandomUniform", "NoSuchOperation"),
)


def damage_saved_model(random: np.random.Generator, folder: Path) -> None:
    """Damage a SavedModel where it lies."""
    kind = random.random()
    graph = folder / GRAPH
    if kind < 0.5:
        _damage_graph(random, graph)
    elif kind < 0.7:
        graph.write_bytes(damaged_message(random, graph.read_bytes()))
    elif kind < 0.9:
        chosen = one_of(random, sorted(path for path in folder.rglob("*") if path.is_file()))
        chosen.write_bytes(damaged(random, chosen.read_bytes(), most=20))
    else:
        _damage_folder(random, folder)


def _damage_graph(random: np.random.Generator, graph: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(graph.read_bytes())
    for _ in range(1 + int(random.integers(3))):
        one_of(random, EDITS)(random, model.meta_graphs[0])
    graph.write_bytes(model.SerializeToString())


def _graphs(meta: Any) -> list[Any]:
    """Lists of nodes: of the graph and of each function."""
    functions = [function.node_def for function in meta.graph_def.library.function]
    return [nodes for nodes in (meta.graph_def.node, *functions) if len(nodes)]


def _swap_operation(random: np.random.Generator, meta: Any) -> None:
    one_of(random, one_of(random, _graphs(meta))).op = one_of(random, OPERATIONS)


def _write_file(random: np.random.Generator, meta: Any) -> None:
    """A WriteFile that every function runs before its first operation."""
    from tensorflow.core.framework import types_pb2

    for nodes in _graphs(meta):
        is_function = nodes is not meta.graph_def.node
        first = nodes[0]
        for name, text in (("there", WRITTEN), ("what", "written")):
            node = nodes.add(name=f"fuzz_{name}", op="Const")
            node.attr["dtype"].type = types_pb2.DT_STRING
            node.attr["value"].tensor.dtype = types_pb2.DT_STRING
            node.attr["value"].tensor.tensor_shape.SetInParent()
            node.attr["value"].tensor.string_val.append(text.encode())
        suffix = ":output:0" if is_function else ""
        inputs = [f"fuzz_{name}{suffix}" for name in ("there", "what")]
        nodes.add(name="fuzz_write", op="WriteFile", input=inputs)
        first.input.append("^fuzz_write")


def _change_node(random: np.random.Generator, meta: Any) -> None:
    nodes = one_of(random, _graphs(meta))
    node = one_of(random, nodes)
    choice = int(random.integers(4))
    if choice == 0:
        node.name = hostile_text(random).replace("\x00", "")
    elif choice == 1:
        node.input.append(one_of(random, nodes).name)
    elif choice == 2 and node.input:
        del node.input[0]
    else:
        node.device = one_of(random, ("/job:worker/task:1", "/GPU:0", "/TPU:0"))


def _change_constant(random: np.random.Generator, meta: Any) -> None:
    nodes = one_of(random, _graphs(meta))
    constants = [node for node in nodes if node.op == "Const"]
    if not constants:
        return
    tensor = one_of(random, constants).attr["value"].tensor
    choice = int(random.integers(3))
    if choice == 0:
        tensor.tensor_shape.dim.add(size=one_of(random, (0, -1, 10**5, 2**40)))
    elif choice == 1:
        tensor.dtype = int(random.integers(30))
    else:
        tensor.tensor_content = damaged(random, tensor.tensor_content or b"\x00" * 4)


def _change_signature(random: np.random.Generator, meta: Any) -> None:
    choice = int(random.integers(4))
    if choice == 0:
        meta.signature_def.clear()
    elif choice == 1:
        meta.meta_info_def.tags.append(hostile_text(random).replace("\x00", ""))
    elif choice == 2:
        meta.object_graph_def.nodes.extend(list(meta.object_graph_def.nodes)[:20])
    else:
        name = one_of(random, ("x", "init_op", "__saved_model_init_op"))
        meta.signature_def[name].CopyFrom(next(iter(meta.signature_def.values())))


def _change_object(random: np.random.Generator, meta: Any) -> None:
    node = one_of(random, meta.object_graph_def.nodes)
    for child in node.children:
        child.node_id = one_of(random, (0, child.node_id, edge(random) % 2**31))
    if node.HasField("variable"):
        node.variable.shape.dim.add(size=one_of(random, (0, 10**9)))


def _add_asset(random: np.random.Generator, meta: Any) -> None:
    asset = meta.asset_file_def.add(filename=one_of(random, ("../../canary/kept", "/etc/passwd")))
    asset.tensor_info.name = "fuzz_there:0"
    for node in meta.object_graph_def.nodes[:1]:
        node.asset.asset_file_def_index = 0


EDITS: tuple[Callable[[np.random.Generator, Any], None], ...] = (
    *(_swap_operation, _swap_operation, _write_file, _change_node, _change_constant),
    *(_change_signature, _change_object, _add_asset),
)


def _damage_folder(random: np.random.Generator, folder: Path) -> None:
    choice = int(random.integers(5))
    if choice == 0:
        (folder / GRAPH).unlink()
        (folder / "saved_model.pbtxt").write_text("meta_graphs { graph_def { node { op: 'X' } } }")
    elif choice == 1:
        for path in (folder / "variables").iterdir():
            path.unlink()
    elif choice == 2:
        (folder / "keras_metadata.pb").write_bytes(random.bytes(100))
    elif choice == 3:
        (folder / "variables" / "variables.index").unlink()
        (folder / "variables" / "variables.index").symlink_to("/etc/passwd")
    else:
        (folder / GRAPH).write_bytes(b"")
