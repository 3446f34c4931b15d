"""Convolutions in groups that are smaller than an engine's kernels: the same codes merged."""

from __future__ import annotations

from math import prod

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.export.emit import integer_reference
from tests.export.emit.every_tensor import by_litert, by_onnxruntime
from tests.export.graphs import Steps, steps

from strop.export.consumers.catalogue import CONSUMERS
from strop.export.emit.tflite import emit_tflite
from strop.export.ir.graph import CONVOLUTIONS, Graph, Kind, conv_groups
from strop.export.ir.tflite_names import operator_name
from strop.export.passes.group_windows import ONNXRUNTIME, XNNPACK, GroupKernels, group_windows
from strop.export.passes.split_windows import split_windows

layers = keras.layers
SIDE = 20
IMAGES = 3
# Channels, groups, results; merged for XNNPACK, for ONNX Runtime.
GROUPS = [(40, 10, 20, 2, 5), (56, 4, 28, 1, 2), (64, 32, 64, 4, 8)]
# Channels, rows and columns of the window, stride, dilation, padding; and the group's channels, 1
# where it stays depthwise.
WINDOWS = [
    (24, (7, 7), 1, 1, "same", 8),
    (22, (7, 7), 2, 1, "same", 11),
    (13, (5, 6), 1, 1, "same", 13),
    (16, (3, 9), 1, 2, "valid", 8),
    (48, (9, 3), 2, 1, "valid", 8),
    (32, (5, 5), 1, 1, "same", 1),
    (131, (7, 7), 1, 1, "same", 1),
]


def windows() -> Steps:
    keras.utils.set_random_seed(6)
    image = keras.Input((SIDE, SIDE, 3))
    found = []
    for channels, window, stride, dilation, padding, _ in WINDOWS:
        settings = {"strides": stride, "dilation_rate": dilation, "padding": padding}
        x = layers.Conv2D(channels, 1, activation="relu")(image)
        x = layers.DepthwiseConv2D(window, bias_initializer="normal", **settings)(x)
        found.append(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1)(x)))
    for channels, groups, results, *_ in GROUPS:
        x = layers.Conv2D(channels, 1, activation="relu")(image)
        x = layers.Conv2D(results, 3, groups=groups, strides=2, padding="same")(x)
        found.append(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1)(x)))
    # As Keras' ConvNeXt and MobileNet's multiplier have them.
    x = layers.Conv2D(72, 7, groups=72, padding="same")(layers.Conv2D(72, 1)(image))
    found.append(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1)(x)))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(layers.Conv2D(96, 1)(image))
    found.append(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1)(x)))
    return steps(keras.Model(image, layers.Dense(5)(layers.Concatenate()(found))))


@pytest.fixture(scope="module")
def made() -> Steps:
    return windows()


def groups_of(graph: Graph) -> dict[int, int]:
    """How many channels each window of several pixels reads together, by all its channels."""
    found = {}
    for op in graph.ops:
        if op.kind in CONVOLUTIONS and prod(graph.tensors[op.inputs[1]].shape[1:3]) > 1:
            channels = graph.tensors[op.inputs[0]].shape[3]
            is_depthwise = op.kind is Kind.DEPTHWISE
            found[channels] = 1 if is_depthwise else channels // conv_groups(graph, op)
    return found


def test_windows_without_a_kernel_are_computed_in_groups(made: Steps) -> None:
    expected = {channels: group for channels, *_, group in WINDOWS}
    expected |= {channels: channels // groups * merged for channels, groups, _, merged, _ in GROUPS}
    expected |= {72: 8, 96: 8}
    assert groups_of(group_windows(made.quantized.graph, XNNPACK)) == expected


def test_onnx_runtime_has_a_kernel_for_every_depthwise_window(made: Steps) -> None:
    expected = {channels: 1 for channels, *_ in WINDOWS}
    expected |= {channels: channels // groups * merged for channels, groups, *_, merged in GROUPS}
    expected |= {72: 1, 96: 12}
    assert groups_of(group_windows(made.quantized.graph, ONNXRUNTIME)) == expected


def test_every_tensor_has_the_same_codes_in_both_files_and_in_the_reference(made: Steps) -> None:
    graph, images = made.quantized.graph, made.images[:IMAGES]
    of_litert = by_litert(made.quantized, images)
    of_onnx = by_onnxruntime(made.quantized, images)
    for_xnnpack = group_windows(graph, XNNPACK)
    others = [for_xnnpack, group_windows(graph, ONNXRUNTIME), split_windows(for_xnnpack)]
    for found, other in zip(of_litert, of_onnx, strict=True):
        for at, op in enumerate(graph.ops):
            expected = integer_reference.run_op(graph, op, found)
            np.testing.assert_array_equal(found[op.output], expected, op.output)
            np.testing.assert_array_equal(other[op.output], expected, op.output)
            for form in others:
                np.testing.assert_array_equal(
                    integer_reference.run_op(form, form.ops[at], found), expected, op.output
                )


def test_depthwise_windows_are_taken_apart_again(made: Steps) -> None:
    graph = made.quantized.graph
    split = split_windows(group_windows(graph, XNNPACK))
    ones = {channels: 1 for channels, *_ in WINDOWS} | {72: 1}
    assert ones.items() <= groups_of(split).items()
    assert groups_of(group_windows(split, XNNPACK)) == groups_of(group_windows(graph, XNNPACK))
    assert split_windows(split) is split


def test_a_program_without_xnnpack_gets_them_as_they_are(made: Steps) -> None:
    counts = []
    for wide_in_groups in (True, False):
        content = emit_tflite(made.quantized, wide_in_groups=wide_in_groups)
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        kinds = [operator_name(model, op) for op in model.subgraphs[0].operators]
        counts.append(kinds.count("DEPTHWISE_CONV_2D"))
    # TensorFlow writes the 72 groups of one channel as a CONV_2D.
    assert counts == [2, len(WINDOWS) + 1]


@pytest.mark.parametrize("name", ["coral", "ethos-u", "tflite-micro"])
def test_consumers_without_xnnpack_ask_for_that(name: str) -> None:
    assert CONSUMERS[name].settings["wide_in_groups"] == (False,)


@pytest.mark.parametrize("kernels", [XNNPACK, ONNXRUNTIME], ids=["xnnpack", "onnxruntime"])
def test_what_is_merged_is_not_merged_again(made: Steps, kernels: GroupKernels) -> None:
    merged = group_windows(made.quantized.graph, kernels)
    assert group_windows(merged, kernels) is merged
