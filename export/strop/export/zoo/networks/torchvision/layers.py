"""Layers under the names of torchvision's modules, and padded like them.

Source: torchvision 0.15, ops/misc.py.
"""

from __future__ import annotations

from typing import Any

import keras


class Layers:
    """Adds layers to a network.

    Activations are Keras' names ("relu", "hard_swish", "silu") or "relu6".
    """

    def __init__(self, epsilon: float) -> None:
        """Of batch norm."""
        self._epsilon = epsilon

    def conv(
        self,
        x: Any,
        name: str,
        filters: int,
        kernel: int,
        *,
        stride: int = 1,
        activation: str | None = None,
        places: tuple[int, int] = (0, 1),
    ) -> Any:
        """A convolution, batch norm and an activation: Conv2dNormActivation.

        Args:
            x: [N, H, W, C].
            name: Of the Sequential that holds them.
            filters: Channels of the result.
            kernel: Side of the square kernel.
            stride: Of rows and columns.
            activation: What follows, if anything.
            places: Of the convolution and of the batch norm in the Sequential.
        """
        x, padding = _padded(x, kernel, stride)
        layer = keras.layers.Conv2D(
            *(filters, kernel, stride, padding), use_bias=False, name=_name(f"{name}.{places[0]}")
        )
        return self._norm(layer(x), f"{name}.{places[1]}", activation)

    def depthwise(
        self,
        x: Any,
        name: str,
        kernel: int,
        *,
        stride: int,
        activation: str | None = None,
        places: tuple[int, int] = (0, 1),
    ) -> Any:
        """The same with a kernel for each channel."""
        x, padding = _padded(x, kernel, stride)
        layer = keras.layers.DepthwiseConv2D(
            *(kernel, stride, padding), use_bias=False, name=_name(f"{name}.{places[0]}")
        )
        return self._norm(layer(x), f"{name}.{places[1]}", activation)

    def squeeze_excite(
        self, x: Any, name: str, squeezed: int, *, activation: str, gate: str
    ) -> Any:
        """Channels weighed by what `gate` makes of their means: SqueezeExcitation."""
        scale = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
        scale = keras.layers.Conv2D(squeezed, 1, name=_name(f"{name}.fc1"))(scale)
        scale = activated(scale, activation)
        scale = keras.layers.Conv2D(x.shape[-1], 1, name=_name(f"{name}.fc2"))(scale)
        return keras.layers.Multiply()([activated(scale, gate), x])

    def dense(self, x: Any, name: str, units: int) -> Any:
        """Linear."""
        return keras.layers.Dense(units, name=_name(name))(x)

    def _norm(self, x: Any, name: str, activation: str | None) -> Any:
        x = keras.layers.BatchNormalization(epsilon=self._epsilon, name=_name(name))(x)
        return x if activation is None else activated(x, activation)


def activated(x: Any, activation: str) -> Any:
    """`x` after an activation of this name."""
    if activation in ("relu", "relu6"):
        return keras.layers.ReLU(6.0 if activation == "relu6" else None)(x)
    return keras.layers.Activation(activation)(x)


def make_divisible(channels: float) -> int:
    """The nearest multiple of 8, not below 8 nor below nine tenths."""
    found = max(8, int(channels + 4) // 8 * 8)
    return found + 8 if found < 0.9 * channels else found


def max_pooled(x: Any) -> Any:
    """The largest of 3 x 3, every two pixels, of values that are not below zero."""
    return keras.layers.MaxPooling2D(3, 2)(keras.layers.ZeroPadding2D(1)(x))


def _padded(x: Any, kernel: int, stride: int) -> tuple[Any, str]:
    """The same amount on all sides; "same" is that where the kernel does not step over pixels."""
    if stride == 1 or kernel == 1:
        return x, "same"
    return keras.layers.ZeroPadding2D(kernel // 2)(x), "valid"


def _name(module: str) -> str:
    return module.replace(".", "_")
