"""Layers that a random network is put together from: each takes a map and gives a map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

layers, ops = keras.layers, keras.ops
Random = np.random.Generator
Layer = Callable[[Random, Any], Any]
ACTIVATIONS = (
    None,
    "relu",
    "relu",
    "relu6",
    "sigmoid",
    "tanh",
    "silu",
    "hard_silu",
    "hard_sigmoid",
)
# Without an int8 form, or with one of their own.
RARE_ACTIVATIONS = ("elu", "leaky_relu", "gelu", "softplus", "selu")
MOST_CHANNELS = 12


def sides(x: Any) -> tuple[int, int, int]:
    _, rows, columns, channels = x.shape
    return rows, columns, channels


def window(random: Random, x: Any, most: int = 4) -> tuple[int, int]:
    """Rows and columns that fit into the map."""
    rows, columns, _ = sides(x)
    return (
        int(random.integers(1, min(most, rows) + 1)),
        int(random.integers(1, min(most, columns) + 1)),
    )


def padding(random: Random) -> str:
    return str(random.choice(["same", "valid"]))


def activation(random: Random) -> str | None:
    names = RARE_ACTIVATIONS if coin(random, 0.05) else ACTIVATIONS
    return names[int(random.integers(len(names)))]


def filters(random: Random) -> int:
    return int(random.integers(2, MOST_CHANNELS))


def coin(random: Random, odds: float = 0.5) -> bool:
    return bool(random.random() < odds)


def strides_or_dilation(random: Random, size: tuple[int, int], x: Any) -> dict[str, Any]:
    """Keras takes one of both."""
    rows, columns, _ = sides(x)
    if coin(random, 0.4):
        return {"strides": tuple(random.integers(1, 4, 2).tolist())}
    most = min((rows - 1) // max(size[0] - 1, 1), (columns - 1) // max(size[1] - 1, 1), 3)
    return {"dilation_rate": int(random.integers(1, max(most, 1) + 1))}


def convolution(random: Random, x: Any) -> Any:
    size = window(random, x)
    groups = 1
    if coin(random, 0.25):
        groups = next(n for n in (4, 3, 2, 1) if sides(x)[2] % n == 0)
    return layers.Conv2D(
        filters(random) * groups if groups > 1 else filters(random),
        size,
        padding=padding(random),
        groups=groups,
        use_bias=coin(random, 0.7),
        activation=activation(random),
        **strides_or_dilation(random, size, x),
    )(x)


def depthwise(random: Random, x: Any) -> Any:
    size = window(random, x)
    settings = strides_or_dilation(random, size, x)
    if "strides" in settings:
        settings["strides"] = settings["strides"][0]
    if settings.get("dilation_rate", 1) > 1 and size[0] != size[1]:
        settings = {}
    return layers.DepthwiseConv2D(
        size,
        depth_multiplier=int(random.integers(1, 3)),
        padding=padding(random),
        use_bias=coin(random),
        activation=activation(random),
        **settings,
    )(x)


def separable(random: Random, x: Any) -> Any:
    return layers.SeparableConv2D(
        filters(random), window(random, x)[0], padding="same", activation=activation(random)
    )(x)


def transposed(random: Random, x: Any) -> Any:
    return layers.Conv2DTranspose(
        filters(random),
        window(random, x),
        strides=int(random.integers(1, 3)),
        padding=padding(random),
        activation=activation(random),
    )(x)


def batch_norm(random: Random, x: Any) -> Any:
    return activated(random, layers.BatchNormalization(scale=coin(random), center=coin(random))(x))


def activated(random: Random, x: Any) -> Any:
    """An activation as a layer of its own."""
    own = [
        layers.ReLU(),
        layers.ReLU(6.0),
        layers.ReLU(float(random.uniform(0.5, 8))),
        layers.ReLU(negative_slope=0.1),
        layers.ReLU(threshold=0.2),
        layers.LeakyReLU(float(random.uniform(0.01, 0.5))),
        layers.PReLU(
            alpha_initializer=keras.initializers.RandomUniform(0, 0.5, seed=3),
            shared_axes=[1, 2] if coin(random) else None,
        ),
        layers.ELU(),
        *(layers.Activation(name) for name in (*ACTIVATIONS[1:], *RARE_ACTIVATIONS)),
    ]
    return own[int(random.integers(len(own)))](x)


def pooled(random: Random, x: Any) -> Any:
    kind = layers.MaxPooling2D if coin(random) else layers.AveragePooling2D
    size = window(random, x, 3)
    strides = None if coin(random) else tuple(random.integers(1, 4, 2).tolist())
    return kind(size, strides=strides, padding=padding(random))(x)


def padded(random: Random, x: Any) -> Any:
    amounts = random.integers(0, 3, (2, 2)).tolist()
    return layers.ZeroPadding2D(tuple(map(tuple, amounts)))(x)


def cropped(random: Random, x: Any) -> Any:
    rows, columns, _ = sides(x)
    if min(rows, columns) < 4:
        return x
    amounts = random.integers(0, 2, (2, 2)).tolist()
    return layers.Cropping2D(tuple(map(tuple, amounts)))(x)


def upsampled(random: Random, x: Any) -> Any:
    if max(sides(x)[:2]) > 12:
        return x
    interpolation = str(random.choice(["nearest", "bilinear"]))
    return layers.UpSampling2D(2, interpolation=interpolation)(x)


def same_sized(random: Random, x: Any, channels: int) -> Any:
    """A branch that keeps rows and columns."""
    size = window(random, x, 3)
    return layers.Conv2D(channels, size, padding="same", activation=activation(random))(x)


def merged(random: Random, x: Any) -> Any:
    """Two or three branches, value by value."""
    kinds = [layers.Add, layers.Multiply, layers.Maximum, layers.Minimum, layers.Average]
    channels = sides(x)[2]
    first = x if coin(random) else same_sized(random, x, channels)
    branches = [first, same_sized(random, x, channels)]
    if coin(random, 0.2):
        return layers.Subtract()(branches if coin(random) else branches[::-1])
    branches += [same_sized(random, x, channels)] * coin(random, 0.3)
    return kinds[int(random.integers(len(kinds)))]()(branches)


def concatenated(random: Random, x: Any) -> Any:
    count = int(random.integers(2, 8))
    branches = [same_sized(random, x, int(random.integers(1, 5))) for _ in range(count)]
    branches += [x] * coin(random)
    axis = int(random.choice([-1, -1, 1, 2]))
    if axis != -1:
        branches = [same_sized(random, branch, 4) for branch in branches[:3]]
    return activated(random, layers.Concatenate(axis=axis)(branches))


def with_constant(random: Random, x: Any) -> Any:
    """A sum, difference or product with a constant of any shape that is broadcast."""
    rows, columns, channels = sides(x)
    shapes = ((), (channels,), (columns, channels), (rows, columns, channels), (rows, 1, 1))
    shape = shapes[int(random.integers(len(shapes)))]
    values = random.uniform(0.2, 2.0, shape).astype(np.float32)
    changes = (
        *(
            lambda: x + values,
            lambda: ops.add(values, x),
            lambda: x - values,
            lambda: ops.subtract(values, x),
        ),
        *(lambda: x * values, lambda: x / values, lambda: 1.0 - x * values),
    )
    return changes[int(random.integers(len(changes)))]()


def gated(random: Random, x: Any) -> Any:
    """Squeeze-and-excite in each of its forms."""
    channels = sides(x)[2]
    form = int(random.integers(5))
    last = str(random.choice(["sigmoid", "hard_sigmoid", "tanh", "relu6"]))
    if form == 4:
        axis = (2, 3) if coin(random) else -1
        return x * ops.sigmoid(ops.mean(x, axis=axis, keepdims=True) * 3.0)
    gate = layers.GlobalAveragePooling2D(keepdims=form == 0)(x)
    if form == 0:
        gate = layers.Conv2D(channels, 1, activation=last)(
            layers.Conv2D(3, 1, activation=activation(random))(gate)
        )
        return layers.Multiply()([x, gate])
    gate = layers.Reshape((1, 1, channels))(gate) if form == 1 else gate
    gate = layers.Dense(3, activation=activation(random))(gate)
    gate = layers.Dense(channels, activation=last)(gate)
    if form == 2:
        gate = layers.Reshape((1, 1, channels))(gate)
    elif form == 3:
        gate = ops.expand_dims(ops.expand_dims(gate, 1), 1)
    return layers.Multiply()([gate, x] if coin(random) else [x, gate])


def shuffled(random: Random, x: Any) -> Any:
    """Channels in another order."""
    rows, columns, channels = sides(x)
    form = int(random.integers(4))
    if form == 0:
        return ops.flip(x, axis=-1)
    if form == 1:
        return ops.take(x, random.integers(0, channels, channels).tolist(), axis=-1)
    groups = next(n for n in (4, 3, 2, 1) if channels % n == 0)
    if form == 2 and groups > 1:
        parts = ops.split(x, groups, axis=-1)
        return layers.Concatenate()([parts[i] for i in random.permutation(groups)])
    x = layers.Reshape((rows, columns, groups, channels // groups))(x)
    return layers.Reshape((rows, columns, channels))(layers.Permute((1, 2, 4, 3))(x))


def dense_on_map(random: Random, x: Any) -> Any:
    return layers.Dense(filters(random), activation=activation(random))(x)


def tokens(random: Random, x: Any) -> Any:
    """Rank 3 and back, perhaps with a mean of all tokens."""
    rows, columns, channels = sides(x)
    x = layers.Reshape((rows * columns, channels))(x)
    x = layers.Dense(channels, activation=activation(random))(x)
    if coin(random):
        x = x - layers.GlobalAveragePooling1D(keepdims=True)(x)
    return layers.Reshape((columns, rows, channels) if coin(random) else (rows, columns, channels))(
        x
    )


def reshaped(random: Random, x: Any) -> Any:
    rows, columns, channels = sides(x)
    form = int(random.integers(3))
    if form == 0:
        return layers.Reshape((columns, rows, channels))(x)
    if form == 1:
        return layers.Permute((2, 1, 3))(x)
    return layers.Reshape((rows, columns * channels, 1))(x) if channels * columns < 64 else x


def added_means(random: Random, x: Any) -> Any:
    """Means and sums over some dimensions, added to what they are of."""
    axes = ((1,), (2,), (3,), (1, 2), (2, 3), (1, 3), (1, 2, 3))
    axis = axes[int(random.integers(len(axes)))]
    found = ops.mean(x, axis=axis, keepdims=True) if coin(random, 0.8) else None
    if found is None:
        count = int(np.prod([x.shape[one] for one in axis]))
        found = ops.sum(x / float(count), axis=axis, keepdims=True)
    return x + found if coin(random) else found - x


def global_maximum(random: Random, x: Any) -> Any:
    del random
    return x - layers.GlobalMaxPooling2D(keepdims=True)(x)


def squared(random: Random, x: Any) -> Any:
    """Squares by themselves, or summed up."""
    form = int(random.integers(3))
    if form == 0:
        return ops.square(x)
    if form == 1:
        return x + ops.square(ops.mean(x, axis=(1, 2), keepdims=True))
    return x - ops.mean(ops.square(x), axis=-1, keepdims=True)


def normalized(random: Random, x: Any) -> Any:
    if coin(random):
        return layers.LayerNormalization()(x)
    groups = next(n for n in (3, 2, 1) if sides(x)[2] % n == 0)
    return layers.GroupNormalization(groups)(x)


def attended(random: Random, x: Any) -> Any:
    """A softmax in the middle: over channels, as weights of them."""
    del random
    return x * layers.Softmax(axis=-1)(x)


# How often each is drawn, of all of them.
LAYERS: tuple[tuple[int, Layer], ...] = (
    (6, convolution),
    (4, depthwise),
    (1, separable),
    (1, transposed),
    (2, batch_norm),
    (3, activated),
    (3, pooled),
    (2, padded),
    (1, cropped),
    (1, upsampled),
    (4, merged),
    (3, concatenated),
    (2, with_constant),
    (3, gated),
    (2, shuffled),
    (2, dense_on_map),
    (2, tokens),
    (1, reshaped),
    (2, added_means),
    (1, global_maximum),
    (1, normalized),
    (1, attended),
    (1, squared),
)


def random_layer(random: Random, x: Any) -> Any:
    weights = np.array([weight for weight, _ in LAYERS], float)
    _, layer = LAYERS[int(random.choice(len(LAYERS), p=weights / weights.sum()))]
    return layer(random, x)
