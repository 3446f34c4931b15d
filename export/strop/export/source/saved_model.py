"""Opens a SavedModel as a network: its serving function and variables, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context

from strop.export.source.graph_operations import INITIALIZING, RESTORING, SERVING
from strop.export.source.keras_files import HALF_PRECISION
from strop.export.source.load_errors import LOAD_ERRORS, reason
from strop.export.source.loaded_network import Array, Network, Shape, check_single
from strop.export.source.saved_model_file import SIGNATURE, SavedModelFile, read_saved_model
from strop.export.source.vet_graph import Reached, check_constants, check_operations, pruned, reach
from strop.export.tensorflow_logs import native_stderr_dropped
from strop.runtime.errors import SourceError

RESOURCE_HANDLE = "VarHandleOp"
HANDLES = (RESOURCE_HANDLE, "VariableV2", "Variable")  # the others are of TensorFlow 1
FLOAT = tf.float32.as_datatype_enum
HALF = frozenset({tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum})


def saved_model_network(folder: Path) -> Network:
    """Take a SavedModel's serving signature as a network, float32 throughout.

    TensorFlow's own loader is not used: it imports the whole graph, runs the initializers,
    and rebuilds Python objects, optimizers among them. TensorFlow gets only what the signature
    and the restoring of variables run, after the operations were checked by name.

    Raises:
        SourceError: Not a SavedModel, an operation in it that strop does not run, TensorFlow
            cannot load it, no such signature, or not one input.
    """
    file = read_saved_model(folder)
    inputs, outputs = dict(file.signature.inputs), dict(file.signature.outputs)
    check_single(str(folder), "input", {name: _shape(info) for name, info in inputs.items()})
    if not outputs:
        raise SourceError(f"{folder}: no output; needed is a function that returns scores")
    ((image, taken),) = inputs.items()
    returned = [outputs[name] for name in sorted(outputs)]  # a signature has no order of its own
    serving = _vetted(file, [info.name for info in returned])
    try:
        with native_stderr_dropped():  # what is wrong, the exception says in one line
            variables = _restored(file, serving)
            serve = _function(file, serving, variables)
    except LOAD_ERRORS as err:
        raise SourceError(
            f"{folder}: TensorFlow {tf.__version__} cannot load this SavedModel"
            f" ({reason(err)}); copy it again, with its folder variables, or export it again"
        ) from err
    input_shape = _shape(taken)
    is_batch_fixed = bool(input_shape) and input_shape[0] is not None

    def call(images: tf.Tensor) -> list[tf.Tensor]:
        if is_batch_fixed and images.shape[0] != input_shape[0]:
            specs = [tf.TensorSpec(None, _dtype(info)) for info in returned]
            return tf.map_fn(  # type: ignore[no-any-return]
                lambda image: [found[0] for found in serve(image[None])],
                images,
                fn_output_signature=specs,
            )
        return serve(images)

    def weights() -> Iterator[tuple[str, Array]]:
        for name, variable in variables.items():
            yield name, variable.numpy()

    return Network(
        call=call,
        input_shape=input_shape,
        input_dtype=_dtype(taken).name,
        output_shapes=tuple(map(_shape, returned)),
        names=(image, *sorted(outputs)),
        weights=weights,
        content=b"" if variables else file.path.read_bytes(),
    )


def _vetted(file: SavedModelFile, outputs: list[str]) -> Reached:
    """Check what serving runs, and the initializers, though strop does not run these."""
    where = str(file.folder)
    serving = reach(file.graph_def, outputs, where=where)
    check_operations(serving, SERVING, where=where, part=SIGNATURE)
    check_constants(serving, size_bytes=file.size_bytes, where=where)
    initializing = reach(file.graph_def, list(file.initializers), where=where)
    check_operations(initializing, INITIALIZING, where=where, part="what is run on loading")
    return serving


def _restored(file: SavedModelFile, serving: Reached) -> dict[str, tf.Variable]:
    """The variables that serving reads, by the name of their operation."""
    handles = {name: node for name, node in serving.nodes.items() if node.op in HANDLES}
    if not handles:
        return {}
    given = file.saver.filename_tensor_name.split(":")[0]
    restoring = reach(
        file.graph_def, [file.saver.restore_op_name], where=str(file.folder), given=given
    )
    _check_restoring(restoring, given, where=str(file.folder))
    graph_def = pruned(file.graph_def, restoring, Reached(nodes=handles, functions={}))
    _replace(graph_def, {given: tf.string})
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(graph_def, name="")
        reads = {name: _read(graph, node) for name, node in handles.items()}
        config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
        with tf.compat.v1.Session(graph=graph, config=config) as session:
            prefix = {file.saver.filename_tensor_name: str(file.variables)}
            session.run(graph.get_operation_by_name(file.saver.restore_op_name), prefix)
            values = session.run(reads)
    return {
        name: tf.Variable(_widened(value), trainable=False, name=name)
        for name, value in values.items()
    }


def _check_restoring(restoring: Reached, given: str, *, where: str) -> None:
    """Check that the only file name which restoring can read is the one that it is given.

    RestoreV2 takes the name as a scalar; none of the operations makes a scalar of a list.
    """
    check_operations(restoring, RESTORING, where=where, part="what restores the variables")
    for node in restoring.operations():
        if "value" not in node.attr or node.name == given:
            continue
        value = node.attr["value"].tensor
        if value.dtype == tf.string.as_datatype_enum and not value.tensor_shape.dim:
            raise SourceError(
                f"{where}: what restores the variables names a file of its own at {node.name!r};"
                " export it again"
            )


def _replace(graph_def: Any, dtypes: dict[str, tf.DType]) -> None:
    """Make placeholders of operations whose values are given, by name."""
    for node in graph_def.node:
        if node.name in dtypes:
            made = type(node)(name=node.name, op="Placeholder")
            made.attr["dtype"].type = dtypes[node.name].as_datatype_enum
            node.CopyFrom(made)


def _read(graph: tf.Graph, node: Any) -> tf.Tensor:
    handle = graph.get_tensor_by_name(f"{node.name}:0")
    if node.op != RESOURCE_HANDLE:
        return handle
    return tf.raw_ops.ReadVariableOp(resource=handle, dtype=node.attr["dtype"].type)


def _function(
    file: SavedModelFile, serving: Reached, variables: dict[str, tf.Variable]
) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    (taken,) = file.signature.inputs.values()
    returned = [info.name for _, info in sorted(file.signature.outputs.items())]
    graph_def = _widen_half(pruned(file.graph_def, serving))
    for function in graph_def.library.function:
        context.context().add_function_def(function)
    by_handle = {name for name in variables if serving.nodes[name].op == RESOURCE_HANDLE}
    _replace(
        graph_def,
        {
            name: tf.resource if name in by_handle else variable.dtype
            for name, variable in variables.items()
        },
    )

    def serve(images: tf.Tensor) -> list[tf.Tensor]:
        feeds = {taken.name: images}
        for name, variable in variables.items():
            value = variable.read_value()  # also where unused: it makes the variable known
            feeds[f"{name}:0"] = variable.handle if name in by_handle else value
        feeds = {name: tf.convert_to_tensor(value) for name, value in feeds.items()}
        found: list[tf.Tensor] = tf.graph_util.import_graph_def(graph_def, feeds, returned, name="")
        return found

    spec = tf.TensorSpec(_shape(taken) or None, _dtype(taken))
    traced = tf.function(serve, autograph=False, input_signature=[spec])
    traced.get_concrete_function()  # or the first call would find what is wrong with the graph
    called: Callable[[tf.Tensor], list[tf.Tensor]] = traced
    return called


def _widened(value: Array) -> Array:
    return value.astype("float32") if value.dtype.name in HALF_PRECISION else value


def _dtype(info: Any) -> tf.DType:
    dtype = tf.as_dtype(info.dtype)
    return tf.float32 if dtype.name in HALF_PRECISION else dtype


def _shape(info: Any) -> Shape:
    # A shape of unknown rank has no length; as a shape without dimensions it is refused.
    if info.tensor_shape.unknown_rank:
        return ()
    return tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)


def _widen_half(graph_def: Any) -> Any:
    """Replace half precision in a GraphDef by float32, in place; casts to it do nothing then.

    No engine that strop writes for computes in half precision on a CPU, and TensorFlow's
    converter refuses such graphs; mixed_float16 leaves them in a SavedModel.

    Returns:
        The same object.
    """
    for node in graph_def.node:
        _widen_node(node)
    for function in graph_def.library.function:
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            if argument.type in HALF:
                argument.type = FLOAT
        for node in function.node_def:
            _widen_node(node)
    return graph_def


def _widen_node(node: Any) -> None:
    for value in node.attr.values():
        kind = value.WhichOneof("value")
        if kind == "type" and value.type in HALF:
            value.type = FLOAT
        elif kind == "list" and any(item in HALF for item in value.list.type):
            value.list.type[:] = [FLOAT if item in HALF else item for item in value.list.type]
        elif kind == "tensor" and value.tensor.dtype in HALF:
            wide = tf.make_ndarray(value.tensor).astype("float32")
            value.tensor.CopyFrom(tf.make_tensor_proto(wide))
