"""Opens the model that a ModelSpec names; importing this loads no Keras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from strop.export.tensorflow_logs import quiet_tensorflow
from strop.export.zoo.architectures import Architecture, architecture
from strop.export.zoo.fresh_names import with_fresh_names
from strop.export.zoo.spec import IMAGENET, ModelSpec, check_spec, side_of
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import SourceError

if TYPE_CHECKING:
    from strop.export.source.source import Source


def open_model(spec: ModelSpec, *, is_to_train: bool = False) -> Source:
    """Load the file, or build the network and give it its weights.

    Args:
        spec: Which model.
        is_to_train: Whether batch norms are still to learn; otherwise those of a checkpoint of
            PyTorch's are folded as PyTorch does.

    Raises:
        SourceError: No such file or network, a setting out of range, weights that cannot be
            downloaded, read or do not fit, or no model of one image in and one row of scores
            out.
    """
    source = _whole_model(spec)
    if spec.is_torch and not is_to_train:
        from strop.export.zoo.batch_norm import fold_batch_norms

        fold_batch_norms(source.model)  # its sha256 stays that of the checkpoint's weights
    return _headless(source) if spec.is_headless else source


def _headless(source: Source) -> Source:
    """Open a source's Keras model without its last layer with weights."""
    if source.model is None:
        raise SourceError(
            f"{source.name}: its last layer can be left out of Keras models only, and this is none;"
            " give a file that ends in the features, with --task embed"
        )
    from strop.export.source.headless import headless
    from strop.export.source.source import from_keras_model

    name = f"{source.name}_features"
    cut = from_keras_model(
        headless(source.model, where=source.name, name=name),
        name=name,
        mean=source.mean,
        std=source.std,
        size=(source.height, source.width),
        takes_pixels=source.takes_pixels,
    )
    return replace(cut, file=source.file, task=Task.EMBED)


def _whole_model(spec: ModelSpec) -> Source:
    # Here and not above: `strop zoo` lists the zoo without Keras.
    from strop.export.source.source import from_keras_model, load_model_file

    member = spec.architecture
    if member is None:
        return load_model_file(
            spec.model,
            name=spec.name,
            mean=spec.mean,
            std=spec.std,
            size=spec.size,
            outputs=spec.outputs,
        )
    model = with_fresh_names(lambda: keras_model(spec))
    mean: float | Sequence[float] = member.mean
    std: float | Sequence[float] = member.std
    if spec.is_torch:
        from strop.export.zoo.torch_weights import MEAN, STD

        mean = MEAN if spec.mean is None else spec.mean
        std = STD if spec.std is None else spec.std
    name = spec.name or _name(spec, member)
    source = from_keras_model(model, name=name, mean=mean, std=std, takes_pixels=True)
    if member.task is Task.DETECT:
        from strop.export.zoo.ssd import ssd_detection

        source = replace(source, detection=ssd_detection(side_of(spec)))
    # What classifies may get another end, which says its task itself.
    return source if member.task is Task.CLASSIFY else replace(source, task=member.task)


def keras_model(spec: ModelSpec) -> Any:
    """Build a network of the zoo as a keras.Model with its weights.

    Random weights are drawn from a normal distribution as He et al. scale it
    (arXiv:1502.01852), so that activations keep their size through the layers. Keras' global
    seed is left alone.

    Raises:
        SourceError: As `open_model`.
    """
    check_spec(spec)
    member = architecture(spec.model)
    quiet_tensorflow()  # before anything imports it in its own, loud way
    from strop.export.zoo.weights import load_weights, randomize

    if spec.is_torch and spec.weights_file is not None:
        from strop.export.zoo.torch_weights import torch_model

        return torch_model(
            member.name,
            spec.weights_file,
            alpha=spec.width,
            size=side_of(spec),
            classes=spec.classes,
        )
    if spec.weights in (None, IMAGENET):
        return _imagenet(spec, member)
    model = _untrained(spec, member)
    if spec.weights_file is not None:
        load_weights(model, spec.weights_file)
    elif spec.seed is not None:
        randomize(model, spec.seed)
    return model


def _untrained(spec: ModelSpec, member: Architecture) -> Any:
    try:
        return _built(spec, member, None)
    except ValueError as err:
        raise SourceError(
            f"{member.name}: Keras cannot build it with alpha {spec.width:g} and"
            f" {side_of(spec)} pixels ({str(err).splitlines()[0]}); use a larger one"
        ) from err


def _imagenet(spec: ModelSpec, member: Architecture) -> Any:
    try:
        return _built(spec, member, IMAGENET)
    # Keras raises a bare Exception when it cannot download; others pass through.
    except Exception as err:
        if "URL fetch failure" not in str(err) and "corrupted file" not in str(err):
            raise
        raise SourceError(
            f"{member.name}: Keras cannot download its ImageNet weights ({err}); download that"
            " file on a machine with a network and give it with --weights FILE, or try things"
            " out with --weights random"
        ) from err


def _built(spec: ModelSpec, member: Architecture, weights: str | None) -> Any:
    side = side_of(spec)
    # Always with its shape: without one, MobileNetV3 gets an input of any size.
    settings: dict[str, Any] = {"input_shape": (side, side, 3)}
    settings["classes"] = member.classes if spec.classes is None else spec.classes
    if member.has_alpha:
        settings["alpha"] = spec.width
    if member.is_minimalistic:
        settings["minimalistic"] = True
    if member.groups is not None:
        settings["groups"] = member.groups
    if member.number is not None:
        settings["number"] = member.number
    if member.imagenet_sizes:
        settings["weights"] = weights
    return getattr(import_module(member.module), member.function)(**settings)


def _name(spec: ModelSpec, member: Architecture) -> str:
    side = side_of(spec)
    is_default = spec.width == 1 and side == member.default_size
    return member.name if is_default else f"{member.name}_{spec.width:g}_{side}"
