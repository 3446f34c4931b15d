"""Counts a network's parameters, multiply-adds and activations, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum

from strop.export.options.choices import Precision


class Role(str, Enum):
    """What a layer multiplies, which decides how fast its multiply-adds run."""

    POINTWISE = "1x1"
    DEPTHWISE = "depthwise"
    SPATIAL = "larger kernel"
    DENSE = "dense"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerCount:
    """One layer.

    Attributes:
        name: Of the layer, or of its result.
        kind: The framework's or format's name of it.
        role: A convolution of one pixel with 1 x 1 weights is DENSE: it is a matrix product.
        kernel: Rows and columns of its weights; (1, 1) where it has none.
        shape: Of its result for one image, without the batch.
        weights: Numbers that it multiplies by: of a kernel or a matrix.
        parameters: All that training finds: weights, biases, scales and shifts of a batch
            norm; its moving mean and variance are not found by training.
        multiply_adds: Multiplications with an addition for one image. Padding is multiplied
            too. What is no matrix product counts nothing, as in the papers.
    """

    name: str
    kind: str
    role: Role
    kernel: tuple[int, int]
    shape: tuple[int, ...]
    weights: int
    parameters: int
    multiply_adds: int

    @property
    def activations(self) -> int:
        """Return how many numbers its result has, for one image."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """Parameters, and multiply-adds and activations for one image, of some layers."""

    parameters: int
    multiply_adds: int
    activations: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals(Sums):
    """The sums of all layers of a file, and of those of each `Role`, by its value."""

    roles: Mapping[str, Sums]


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """All layers, in order."""

    layers: tuple[LayerCount, ...]

    @property
    def parameters(self) -> int:
        """Sum the parameters of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Sum the multiply-adds of all layers, for one image."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def activations(self) -> int:
        """Count the numbers in the results of all layers that multiply, for one image.

        Source: I. Radosavovic et al., Designing Network Design Spaces, CVPR 2020, sec. 3.3,
        where they tell more of the run time than the multiply-adds do.
        """
        return sum(layer.activations for layer in self.layers if layer.multiply_adds)

    def sums(self) -> Sums:
        """Sum all layers."""
        return Sums(
            parameters=self.parameters,
            multiply_adds=self.multiply_adds,
            activations=self.activations,
        )

    def totals(self) -> Totals:
        """Sum all layers, and the layers of each role."""
        roles = {role.value: self.of(role).sums() for role in Role}
        return Totals(**asdict(self.sums()), roles=roles)

    def of(self, role: Role) -> Count:
        """Keep the layers of that role alone."""
        return Count(layers=tuple(layer for layer in self.layers if layer.role is role))

    def weight_bytes(self, precision: Precision) -> int:
        """Return the size of weights and biases in an artifact, its description aside.

        Batch norm is in the convolutions by then, which have a bias each. Biases of int8
        weights take 4 bytes, and so does the scale of each output channel.
        """
        layers = [layer for layer in self.layers if layer.weights]
        weights = sum(layer.weights for layer in layers)
        channels = sum(layer.shape[-1] for layer in layers)
        if precision in (Precision.INT8, Precision.DYNAMIC):
            return weights + 2 * 4 * channels
        return (weights + channels) * (2 if precision is Precision.FLOAT16 else 4)


def role_of(*, kernel: tuple[int, int], shape: tuple[int, ...], groups: int, channels: int) -> Role:
    """Decide the role of a convolution.

    Args:
        kernel: Rows and columns.
        shape: Of its result for one image: rows, columns, channels.
        groups: 1 where every result sees all channels.
        channels: Of its input.
    """
    if groups == channels > 1:
        return Role.DEPTHWISE
    if kernel != (1, 1):
        return Role.SPATIAL
    return Role.DENSE if math.prod(shape[:-1]) == 1 else Role.POINTWISE
