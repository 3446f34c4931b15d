"""Keeps a backbone of Keras at an output stride of 16: dilation in place of its last stride."""

from __future__ import annotations

from typing import Any

import keras

# Names in keras.applications: behind the projection, or the sum.
ENDS_OF_BLOCKS = ("project_BN", "project_bn", "_add")


def atrous(backbone: Any) -> Any:
    """Rebuild a network whose last stride of 2 becomes 1, and what follows it dilated by 2.

    Args:
        backbone: A keras.Model of output stride 32 without weights to keep: layers of Keras' own,
            padding by ZeroPadding2D in front of a stride.

    Returns:
        The same layers with the same numbers of weights.

    Source: L.-C. Chen et al., Rethinking Atrous Convolution for Semantic Image Segmentation,
    arXiv:1706.05587, section 3.1.
    """
    strided = [layer for layer in backbone.layers if getattr(layer, "strides", None) == (2, 2)]
    last = strided[-1]
    behind = backbone.layers[backbone.layers.index(last) :]
    pads = [node.operation for node in last._inbound_nodes[0].parent_nodes]

    def changed(layer: Any) -> Any:
        if layer in pads and isinstance(layer, keras.layers.ZeroPadding2D):
            return keras.layers.Identity(name=layer.name)
        config = layer.get_config()
        if layer is last:
            config |= {"strides": (1, 1), "padding": "same"}
        elif layer in behind and isinstance(layer, keras.layers.DepthwiseConv2D):
            config |= {"dilation_rate": (2, 2)}
        return layer.__class__.from_config(config)

    return keras.models.clone_model(backbone, clone_function=changed)


def last_block(backbone: Any, side: int) -> Any:
    """Return the result of the last inverted residual whose maps have so many rows."""
    return [
        layer.output
        for layer in backbone.layers
        if layer.name.endswith(ENDS_OF_BLOCKS) and layer.output.shape[1] == side
    ][-1]
