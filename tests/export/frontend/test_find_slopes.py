"""Leaky ReLUs that a file writes in several operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from strop.export.frontend.find_slopes import join_slopes
from strop.export.frontend.read_tflite import read_tflite
from strop.export.ir.execute import execute
from strop.export.ir.graph import Array
from strop.export.ir.litert_session import LitertSession
from strop.export.ir.tflite_file import TfliteFile
from strop.export.ir.tflite_names import operator_name

SHAPE = (1, 3, 4, 5)
SLOPES = np.linspace(-2, 3, SHAPE[-1], dtype=np.float32)  # every kind: mirrored, flat, steep


class Net:
    """Operations on single values of one image."""

    def __init__(self) -> None:
        self.file = TfliteFile()
        self.image = self.file.tensor("image", SHAPE)

    def __call__(self, kind: str, *operands: Any) -> int:
        """Add an operation, of places of tensors and of constants."""
        places = [
            each
            if isinstance(each, int)
            else self.file.constant("values", np.asarray(each, np.float32))
            for each in operands
        ]
        result = self.file.tensor(f"{kind}{len(self.file.operators)}", SHAPE)
        self.file.operation(kind, places, [result])
        return result


Write = Callable[[Net, int], int]


def of_tensorflow_1(net: Net, x: int) -> int:
    halves = net("MUL", SLOPES / 2, net("SUB", x, net("ABS", x)))
    return net("ADD", net("RELU", x), halves)


def of_keras(net: Net, x: int) -> int:
    return net("ADD", net("RELU", x), net("MUL", net("RELU", net("NEG", x)), -SLOPES))


def of_a_mirror_image(net: Net, x: int) -> int:
    return net("SUB", net("RELU", x), net("MUL", SLOPES, net("RELU", net("NEG", x))))


def of_a_minimum(net: Net, x: int) -> int:
    return net("ADD", net("MAXIMUM", x, 0.0), net("MUL", net("MINIMUM", x, 0.0), SLOPES))


def of_two_halves(net: Net, x: int) -> int:
    above = net("MUL", (1 + SLOPES) / 2, x)
    return net("ADD", above, net("MUL", (1 - SLOPES) / 2, net("ABS", x)))


def larger_of_two(net: Net, x: int) -> int:
    return net("MAXIMUM", net("MUL", x, np.minimum(SLOPES, 0.5)), x)


WAYS: dict[Write, Array] = {
    of_tensorflow_1: SLOPES,
    of_keras: SLOPES,
    of_a_mirror_image: SLOPES,
    of_a_minimum: SLOPES,
    of_two_halves: SLOPES,
    larger_of_two: np.minimum(SLOPES, 0.5),
}


def model(write: Write, *, outputs: int = 1) -> Any:
    net = Net()
    result = write(net, net.image)
    made = [result, *range(result - 1, 0, -1)][:outputs]
    return net.file.model([net.image], made, "test")


def bytes_of(write: Write) -> bytes:
    net = Net()
    result = write(net, net.image)
    return net.file.packed([net.image], [result])


def kinds(model: Any) -> list[str]:
    return [operator_name(model, operator) for operator in model.subgraphs[0].operators]


@pytest.mark.parametrize("write", WAYS)
def test_each_way_to_write_it_becomes_one_operation(write: Write) -> None:
    made = model(write)
    join_slopes(made)
    assert kinds(made) == ["PRELU"]
    (operator,) = made.subgraphs[0].operators
    data = made.buffers[made.subgraphs[0].tensors[operator.inputs[1]].buffer].data
    np.testing.assert_allclose(np.frombuffer(data, np.float32), WAYS[write], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("write", WAYS)
def test_the_graph_is_the_file(write: Write) -> None:
    packed = bytes_of(write)
    images = np.random.default_rng(0).normal(0, 3, (4, *SHAPE[1:])).astype(np.float32)
    (expected,) = LitertSession(packed).run([images])
    found = execute(read_tflite(packed), images).reshape(expected.shape)  # rows
    # Some sums and products of float32 in another order.
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


def test_one_behind_another_are_two() -> None:
    made = model(lambda net, x: of_tensorflow_1(net, of_keras(net, x)))
    join_slopes(made)
    assert kinds(made) == ["PRELU", "PRELU"]


def shifted(net: Net, x: int) -> int:
    """The kink is not at 0."""
    return net("ADD", net("RELU", net("ADD", x, 0.5)), net("MUL", SLOPES, net("NEG", x)))


def doubled(net: Net, x: int) -> int:
    """It is not x above 0."""
    return net("ADD", net("MUL", net("RELU", x), 2.0), net("MUL", SLOPES, net("MINIMUM", x, 0.0)))


def of_two_images(net: Net, x: int) -> int:
    return net("ADD", net("RELU", x), net("MUL", SLOPES, net("RELU", net("LOGISTIC", x))))


def nothing(net: Net, x: int) -> int:
    """x, as a leaky ReLU of slope 1 would be."""
    return net("SUB", net("RELU", x), net("RELU", net("NEG", x)))


@pytest.mark.parametrize("write", [shifted, doubled, of_two_images, nothing])
def test_what_is_something_else_stays(write: Write) -> None:
    made = model(write)
    before = kinds(made)
    join_slopes(made)
    assert kinds(made) == before


def test_what_others_read_inside_stays() -> None:
    made = model(of_tensorflow_1, outputs=2)
    before = kinds(made)
    join_slopes(made)
    assert kinds(made) == before
