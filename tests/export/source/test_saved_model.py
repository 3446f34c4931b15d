"""SavedModels of every era compute what they computed, and those that would do more are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from strop.export.frontend.convert import convert
from strop.export.source.source import load_model_file
from strop.runtime.errors import SourceError

v1 = tf.compat.v1
SIDE = 8
CLASSES = 3
IMAGES = np.random.default_rng(0).uniform(0, 255, (2, SIDE, SIDE, 3)).astype(np.float32)
KERNEL = np.random.default_rng(1).normal(0, 0.01, (3, CLASSES)).astype(np.float32)
EXPECTED = IMAGES.mean((1, 2)) @ KERNEL


class Module(tf.Module):  # type: ignore[misc]  # TensorFlow has no stubs
    """Channel means times a kernel, with something in between."""

    def __init__(self, between: Callable[[Any], Any] = lambda x: x) -> None:
        super().__init__()
        self.kernel = tf.Variable(KERNEL, name="kernel")
        self.between = between

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32)])  # type: ignore[untyped-decorator]
    def __call__(self, images: Any) -> Any:
        return tf.matmul(self.between(tf.reduce_mean(images, (1, 2))), self.kernel)


def saved(module: Module, folder: Path) -> Path:
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.__call__})
    return folder


def saved_by_tensorflow_1(folder: Path, *, is_resource: bool, main_op: Any = None) -> Path:
    """With tags and a signature, and no object graph."""
    with tf.Graph().as_default(), v1.Session() as session:
        images = v1.placeholder(tf.float32, (None, SIDE, SIDE, 3), "images")
        kernel = v1.get_variable("kernel", initializer=KERNEL, use_resource=is_resource)
        scores = tf.matmul(tf.reduce_mean(images, (1, 2)), kernel)
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        signature = v1.saved_model.predict_signature_def({"images": images}, {"scores": scores})
        builder.add_meta_graph_and_variables(
            session,
            [v1.saved_model.tag_constants.SERVING],
            signature_def_map={"serving_default": signature},
            main_op=main_op and main_op(),
        )
        builder.save()
    return folder


def edited(folder: Path, edit: Callable[[Any], None]) -> Path:
    """Change the first meta graph of a SavedModel."""
    path = folder / "saved_model.pb"
    model = SavedModel.FromString(path.read_bytes())
    edit(model.meta_graphs[0])
    path.write_bytes(model.SerializeToString())
    return folder


def scores_of(folder: Path) -> Any:
    return load_model_file(folder).forward(tf.constant(IMAGES)).numpy()


def refused(folder: Path, said: str) -> None:
    with pytest.raises(SourceError, match=said) as raised:
        load_model_file(folder)
    assert "\n" not in str(raised.value)


def test_optimizer_slots_do_not_matter(tmp_path: Path) -> None:
    module = Module()
    module.optimizer = v1.train.AdamOptimizer()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(module(IMAGES))
    gradients = tape.gradient(loss, [module.kernel])
    module.optimizer.apply_gradients(zip(gradients, [module.kernel], strict=True))
    folder = saved(module, tmp_path / "slots")
    with pytest.raises(AttributeError, match="add_slot"):  # TensorFlow's own loader
        tf.saved_model.load(folder)
    np.testing.assert_array_equal(scores_of(folder), module(IMAGES))


@pytest.mark.parametrize("is_resource", [True, False])
def test_a_saved_model_of_tensorflow_1_loads(tmp_path: Path, is_resource: bool) -> None:
    folder = saved_by_tensorflow_1(tmp_path / "old", is_resource=is_resource)
    np.testing.assert_allclose(scores_of(folder), EXPECTED, rtol=1e-5)
    assert convert(load_model_file(folder))


def test_half_precision_is_computed_in_float32(tmp_path: Path) -> None:
    factors = np.asarray([0.1, 0.2, 0.3], np.float32)

    def halve(x: Any) -> Any:
        kernel = tf.cast(tf.constant(factors), tf.float16)
        return tf.cast(tf.nn.relu(tf.cast(x, tf.float16) * kernel), tf.float32)

    folder = saved(Module(halve), tmp_path / "half")
    np.testing.assert_allclose(
        scores_of(folder), (IMAGES.mean((1, 2)) * factors) @ KERNEL, rtol=1e-5
    )
    assert convert(load_model_file(folder))


def test_two_files_with_functions_of_the_same_name_stay_apart(tmp_path: Path) -> None:
    def rename(meta: Any) -> None:
        names = [function.signature.name for function in meta.graph_def.library.function]
        text = meta.SerializeToString()
        for number, name in enumerate(names):
            same = f"f{number:0{len(name) - 1}}"
            text = text.replace(name.encode(), same.encode())
        meta.ParseFromString(text)

    twice = edited(saved(Module(lambda x: x * 2), tmp_path / "twice"), rename)
    thrice = edited(saved(Module(lambda x: x * 3), tmp_path / "thrice"), rename)
    sources = load_model_file(twice), load_model_file(thrice)
    for source, by in zip(sources, (2, 3), strict=True):
        scores = source.forward(tf.constant(IMAGES))
        np.testing.assert_allclose(scores, EXPECTED * by, rtol=1e-5)


def writes(path: Path) -> Any:
    return tf.raw_ops.WriteFile(filename=str(path), contents="written")


def serving(path: Path) -> Callable[[Any], Any]:
    def between(x: Any) -> Any:
        writes(path)
        return x

    return between


def nested(path: Path) -> Callable[[Any], Any]:
    return lambda x: tf.function(tf.function(serving(path)))(x)


def conditional(path: Path) -> Callable[[Any], Any]:
    return lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: serving(path)(x), lambda: x)


def dead(path: Path) -> Callable[[Any], Any]:
    return lambda x: tf.cond(tf.constant(False), lambda: serving(path)(x), lambda: x)


def switched(path: Path) -> Callable[[Any], Any]:
    return lambda x: tf.switch_case(tf.constant(0), [lambda: x, lambda: serving(path)(x)])


def looped(path: Path) -> Callable[[Any], Any]:
    def body(count: Any, x: Any) -> Any:
        return count + 1, serving(path)(x)

    return lambda x: tf.while_loop(lambda count, _: count < 2, body, (0, x))[1]


def read_instead(path: Path) -> Callable[[Any], Any]:
    return lambda x: x + tf.cast(tf.strings.length(tf.io.read_file(str(path))), tf.float32)


def python(path: Path) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        path.write_text("written")
        return x

    return lambda x: tf.ensure_shape(tf.py_function(run, [x], tf.float32), (None, 3))


def restores(path: Path) -> Callable[[Any], Any]:
    return lambda x: (
        x
        + tf.raw_ops.RestoreV2(
            prefix=str(path), tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0]
    )


@pytest.mark.parametrize(
    ("between", "operation"),
    [
        (serving, "WriteFile"),
        (nested, "WriteFile"),
        (conditional, "WriteFile"),
        (dead, "WriteFile"),
        (switched, "WriteFile"),
        (looped, "(While|WriteFile)"),
        (read_instead, "ReadFile"),
        (python, "EagerPyFunc"),
        (restores, "RestoreV2"),
    ],
)
def test_a_graph_that_does_more_than_arithmetic_is_refused_before_it_runs(
    tmp_path: Path, between: Callable[[Path], Callable[[Any], Any]], operation: str
) -> None:
    path = tmp_path / "victim"
    module = Module()
    module.between = between(path)
    refused(saved(module, tmp_path / "hostile"), rf"serving_default holds {operation} at '.+'; ")
    assert not path.exists()


def test_an_initializer_is_read_and_never_run(tmp_path: Path) -> None:
    path = tmp_path / "victim"
    folder = saved_by_tensorflow_1(
        tmp_path / "init", is_resource=True, main_op=lambda: tf.group(writes(path))
    )
    refused(folder, r"what is run on loading holds WriteFile at 'WriteFile'; strop runs arithmetic")
    assert not path.exists()


def test_what_only_saving_and_training_use_does_not_matter(tmp_path: Path) -> None:
    """Every SavedModel has SaveV2, which writes, for whoever saves it again."""
    path = tmp_path / "victim"
    module = Module()
    signature = tf.function(serving(path), input_signature=[tf.TensorSpec((), tf.float32)])
    tf.saved_model.save(
        module,
        str(tmp_path / "two"),
        signatures={"serving_default": module.__call__, "other": signature},
    )
    np.testing.assert_allclose(scores_of(tmp_path / "two"), EXPECTED, rtol=1e-5)
    assert not path.exists()


def test_restoring_reads_no_file_but_the_folders_own(tmp_path: Path) -> None:
    other = saved(Module(), tmp_path / "other") / "variables" / "variables"

    def read_another(meta: Any) -> None:
        constant = meta.graph_def.node.add(name="mine", op="Const")
        constant.attr["dtype"].type = tf.string.as_datatype_enum
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(str(other)))
        for node in meta.graph_def.node:
            if node.name == meta.saver_def.restore_op_name:
                node.input[0] = "mine"

    refused(
        edited(saved(Module(), tmp_path / "one"), read_another),
        r"restores the variables names a file of its own at 'mine'",
    )


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    folder = saved(Module(), tmp_path / "model")
    data = next((folder / "variables").glob("*.data-*"))
    data.rename(tmp_path / "elsewhere")
    data.symlink_to(tmp_path / "elsewhere")
    refused(folder, r"variables\.data-.*: a link that leads out of the SavedModel's folder; copy")


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    folder = saved(Module(), tmp_path / "model")
    data = next((folder / "variables").glob("*.data-*"))
    data.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n")
    refused(folder, r"variables\.data-.*: a Git LFS pointer, .*; get it with git lfs pull")


def library_nodes(meta: Any) -> Iterator[tuple[str, Any]]:
    for function in meta.graph_def.library.function:
        for node in function.node_def:
            yield function.signature.name, node


def test_a_constant_larger_than_the_file_is_refused(tmp_path: Path) -> None:
    def repeat(meta: Any) -> None:
        for _, node in library_nodes(meta):
            if node.op == "Const":
                node.attr["value"].tensor.tensor_shape.dim.add(size=10**12)

    folder = edited(saved(Module(), tmp_path / "constant"), repeat)
    refused(folder, r"its constants have \d+ elements in a graph of \d+ bytes")


def test_a_function_that_calls_itself_is_refused(tmp_path: Path) -> None:
    def recur(meta: Any) -> None:
        for name, node in library_nodes(meta):
            if "f" in node.attr:
                node.attr["f"].func.name = name

    folder = edited(saved(Module(), tmp_path / "recursive"), recur)
    refused(folder, r"function '.*' of its graph calls itself")


def test_functions_that_double_each_other_are_refused(tmp_path: Path) -> None:
    def double(meta: Any) -> None:
        library = meta.graph_def.library
        wrapper = meta.graph_def.node[-1]
        for node in meta.graph_def.node:
            wrapper = node if node.name == "StatefulPartitionedCall" else wrapper
        wrapper.attr["f"].func.name = "f30"
        for level in range(31):
            function = library.function.add()
            function.signature.name = f"f{level}"
            for side in range(2 if level else 0):
                node = function.node_def.add(name=f"call{side}", op="PartitionedCall")
                node.attr["f"].func.name = f"f{level - 1}"

    folder = edited(saved(Module(), tmp_path / "double"), double)
    refused(folder, r"its functions call each other \d+ times; no model's do")


def test_a_graph_that_does_not_fit_together_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def misname(meta: Any) -> None:
        for _, node in library_nodes(meta):
            if node.op == "MatMul":
                node.input[1] = "elsewhere:value:0"

    folder = edited(saved(Module(), tmp_path / "torn"), misname)
    capfd.readouterr()
    refused(folder, r"cannot load this SavedModel \(input elsewhere.* is not found")
    assert "elsewhere" not in capfd.readouterr().err


def test_a_model_exported_in_training_mode_is_refused_with_advice(tmp_path: Path) -> None:
    module = Module()
    module.kernel.assign(KERNEL)

    def between(x: Any) -> Any:
        module.kernel.assign_add(tf.zeros_like(module.kernel))
        return x

    module.between = between
    refused(
        saved(module, tmp_path / "training"),
        r"AssignAddVariableOp at .*changes the model's own variables, as training does; export",
    )
