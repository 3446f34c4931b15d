"""Build the models that an export can start from by name; importing this loads no Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strop.export.zoo.architectures import ARCHITECTURES, Architecture, architecture, input_size
from strop.export.zoo.shipped import SHIPPED_MODEL, shipped_folder
from strop.runtime.errors import SourceError

if TYPE_CHECKING:
    from strop.export.source.source import Source

__all__ = ["ARCHITECTURES", "Architecture", "build", "default_source", "untrained"]

IMAGENET = "imagenet"
RANDOM = "random"
IMAGENET_CLASSES = 1000
MAX_ALPHA = 16.0
TORCH_SUFFIXES = (".pth", ".pt")


def build(
    name: str,
    *,
    alpha: float = 1.0,
    resolution: float = 1.0,
    classes: int = IMAGENET_CLASSES,
    weights: str | Path = IMAGENET,
    seed: int = 0,
) -> Source:
    """Build a member of the zoo.

    Args:
        name: As in `ARCHITECTURES`.
        alpha: Width multiplier, > 0.
        resolution: Resolution multiplier, > 0: times the default size, rounded to a
            multiple of 32 pixels unless it is 1.
        classes: Length of a row of scores.
        weights: "imagenet" (downloaded by Keras, or from its cache), "random", or the path
            of a .keras, .h5 or .weights.h5 file for this very architecture, or of a .pth of
            torchvision's: then the network is torchvision's, padding and normalization too.
        seed: Of the random weights: drawn from a normal distribution as He et al. scale it
            (arXiv:1502.01852), so that activations keep their size through the layers.
            Keras' global seed is left alone.

    Returns:
        The source. It is named after the member, with alpha and size where they are not
        the defaults: mobilenet_v2, mobilenet_v2_0.35_96.

    Raises:
        SourceError: No such member, a setting out of range or not published for ImageNet,
            weights that cannot be downloaded, read or do not fit.
    """
    # Here and not above: `strop zoo` lists the zoo without Keras.
    from strop.export.source.source import from_keras_model
    from strop.export.zoo.weights import load_weights, randomize

    member = architecture(name)
    size = input_size(member, resolution)
    is_default = alpha == 1 and size == member.default_size
    full_name = name if is_default else f"{name}_{alpha:g}_{size}"
    if Path(weights).suffix in TORCH_SUFFIXES:
        from strop.export.zoo import torch_weights

        _check_settings(member, alpha, classes)
        path = Path(weights)
        model = torch_weights.torch_model(name, path, alpha=alpha, size=size, classes=classes)
        return from_keras_model(
            model, name=full_name, mean=torch_weights.MEAN, std=torch_weights.STD
        )
    if weights == IMAGENET:
        _check_settings(member, alpha, classes)
        _check_published(member, alpha, size, classes)
        model = imagenet(member, alpha=alpha, size=size)
    else:
        model = untrained(member, alpha=alpha, size=size, classes=classes)
    if weights == RANDOM:
        randomize(model, seed)
    elif weights != IMAGENET:
        load_weights(model, Path(weights))

    return from_keras_model(model, name=full_name, mean=member.mean, std=member.std)


def untrained(
    member: Architecture,
    *,
    alpha: float = 1.0,
    size: int | None = None,
    classes: int = IMAGENET_CLASSES,
) -> Any:
    """A member as a keras.Model with the weights that Keras starts with.

    Args:
        member: The architecture.
        alpha: Width multiplier.
        size: Side of the input in pixels; the member's default without it.
        classes: Length of a row of scores.

    Raises:
        SourceError: A setting is out of range, or Keras cannot build it so small.
    """
    _check_settings(member, alpha, classes)
    size = size or member.default_size
    try:
        return _builder(member, alpha, size)(None, classes)
    except ValueError as err:
        raise SourceError(
            f"{member.name}: Keras cannot build it with alpha {alpha:g} and {size} pixels"
            f" ({str(err).splitlines()[0]}); use a larger one"
        ) from err


def default_source() -> Source:
    """The model that ships with strop.

    Raises:
        SourceError: It is missing.
    """
    from strop.export.source.source import load_model_file

    shipped_folder()  # raises where a missing file would blame the user's path
    return load_model_file(SHIPPED_MODEL)


def _check_settings(member: Architecture, alpha: float, classes: int) -> None:
    if not member.has_alpha and alpha != 1:
        raise SourceError(
            f"{member.name}: alpha is {alpha}, and this architecture has no width multiplier;"
            " leave out --alpha"
        )
    if not 0 < alpha <= MAX_ALPHA:
        raise SourceError(f"{member.name}: alpha is {alpha}; needed is above 0, to {MAX_ALPHA:g}")
    if member.alphas and alpha not in member.alphas:
        raise SourceError(
            f"{member.name}: alpha is {alpha:g}; its paper has {_listed(member.alphas)}"
        )
    if classes < 1:
        raise SourceError(f"{member.name}: {classes} classes; needed is at least 1")


def _check_published(member: Architecture, alpha: float, size: int, classes: int) -> None:
    if not member.imagenet_sizes:
        raise SourceError(
            f"{member.name}: Keras publishes no ImageNet weights for it; give weights of your own"
            " with --weights FILE, or try things out with --weights random"
        )
    remedy = "; or give weights of your own with --weights FILE"
    if classes != IMAGENET_CLASSES:
        raise SourceError(
            f"{member.name}: {classes} classes, and ImageNet weights have {IMAGENET_CLASSES};"
            f" leave out --classes{remedy}"
        )
    if alpha not in member.imagenet_alphas:
        raise SourceError(
            f"{member.name}: no ImageNet weights are published for alpha {alpha:g}; use one of"
            f" {_listed(member.imagenet_alphas)}{remedy}"
        )
    if size not in member.imagenet_sizes:
        raise SourceError(
            f"{member.name}: no ImageNet weights are published for {size} pixels; use a"
            f" --resolution that gives one of {_listed(member.imagenet_sizes)}{remedy}"
        )


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def imagenet(member: Architecture, *, alpha: float, size: int) -> Any:
    try:
        return _builder(member, alpha, size)(IMAGENET, IMAGENET_CLASSES)
    # Keras raises a bare Exception when it cannot download; others pass through.
    except Exception as err:
        if "URL fetch failure" not in str(err) and "corrupted file" not in str(err):
            raise
        raise SourceError(
            f"{member.name}: Keras cannot download its ImageNet weights ({err}); download that"
            " file on a machine with a network and give it with --weights FILE, or try things"
            " out with --weights random"
        ) from err


def _builder(member: Architecture, alpha: float, size: int) -> Callable[[str | None, int], Any]:
    function = getattr(import_module(member.module), member.function)
    # Always with its shape: without one, MobileNetV3 gets an input of any size.
    fixed: dict[str, Any] = {"input_shape": (size, size, 3)}
    if member.has_alpha:
        fixed["alpha"] = alpha
    if member.is_minimalistic:
        fixed["minimalistic"] = True
    if member.groups is not None:
        fixed["groups"] = member.groups
    if member.number is not None:
        fixed["number"] = member.number
    if not member.imagenet_sizes:
        return lambda weights, classes: function(classes=classes, **fixed)
    return lambda weights, classes: function(weights=weights, classes=classes, **fixed)
