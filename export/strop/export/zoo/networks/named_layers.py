"""Layers under the names that a checkpoint of PyTorch's has for its modules, with "_" for ".".

Source: torchvision 0.15, ops/misc.py.
"""

from __future__ import annotations

from typing import Any

import keras


class Layers:
    """Adds layers to a network.

    Activations are Keras' names ("relu", "hard_swish", "silu") or "relu6". What `name` is of a
    convolution with batch norm: of the Sequential that holds them as 0 and 1, or both of theirs.
    """

    def __init__(self, epsilon: float, *, pads_evenly: bool = True) -> None:
        """Say what all layers have in common.

        Args:
            epsilon: Of batch norm.
            pads_evenly: Whether convolutions pad the same amount on all sides, as PyTorch's do;
                otherwise as Keras' "same" does.
        """
        self._epsilon, self._pads_evenly = epsilon, pads_evenly

    def conv(
        self,
        x: Any,
        name: str | tuple[str, str],
        filters: int,
        kernel: int,
        *,
        stride: int = 1,
        activation: str | None = None,
    ) -> Any:
        """A convolution, batch norm and an activation: Conv2dNormActivation.

        Args:
            x: [N, H, W, C].
            name: Of the two, as above.
            filters: Channels of the result.
            kernel: Side of the square kernel.
            stride: Of rows and columns.
            activation: What follows, if anything.
        """
        of_convolution, of_norm = _both(name)
        x, padding = self._padded(x, kernel, stride)
        layer = keras.layers.Conv2D(
            *(filters, kernel, stride, padding), use_bias=False, name=_name(of_convolution)
        )
        return self.norm(layer(x), of_norm, activation)

    def depthwise(
        self,
        x: Any,
        name: str | tuple[str, str],
        kernel: int,
        *,
        stride: int,
        activation: str | None = None,
    ) -> Any:
        """The same with a kernel for each channel."""
        of_convolution, of_norm = _both(name)
        x, padding = self._padded(x, kernel, stride)
        layer = keras.layers.DepthwiseConv2D(
            *(kernel, stride, padding), use_bias=False, name=_name(of_convolution)
        )
        return self.norm(layer(x), of_norm, activation)

    def projection(self, x: Any, name: str, filters: int) -> Any:
        """A 1x1 convolution that nothing follows."""
        return keras.layers.Conv2D(filters, 1, use_bias=False, name=_name(name))(x)

    def scale(self, x: Any, name: str, start: float) -> Any:
        """Channels times trained factors, which are `start` at first: LayerScale2d."""
        return keras.layers.DepthwiseConv2D(
            1,
            use_bias=False,
            depthwise_initializer=keras.initializers.Constant(start),
            name=_name(name),
        )(x)

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

    def norm(self, x: Any, name: str, activation: str | None = None) -> Any:
        """Batch norm and an activation."""
        x = keras.layers.BatchNormalization(epsilon=self._epsilon, name=_name(name))(x)
        return x if activation is None else activated(x, activation)

    def _padded(self, x: Any, kernel: int, stride: int) -> tuple[Any, str]:
        """Keras' "same" is the same on all sides where the kernel does not step over pixels."""
        if not self._pads_evenly or stride == 1 or kernel == 1:
            return x, "same"
        return keras.layers.ZeroPadding2D(kernel // 2)(x), "valid"


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


def _both(name: str | tuple[str, str]) -> tuple[str, str]:
    return (f"{name}.0", f"{name}.1") if isinstance(name, str) else name


def _name(module: str) -> str:
    return module.replace(".", "_")
