"""Says which model export, sweep and training ask for; importing this loads no Keras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.export.zoo.architectures import (
    ARCHITECTURES,
    IMAGENET_CLASSES,
    Architecture,
    architecture,
)
from strop.runtime.artifact.contract import MAX_SIDE
from strop.runtime.errors import SourceError

IMAGENET = "imagenet"
RANDOM = "random"
MAX_ALPHA = 16.0
MIN_SIDE = 32  # pixels; keras.applications has nothing smaller
TORCH_SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")
OF_ZOO, OF_FILES = ("alpha", "classes", "weights"), ("mean", "std")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """A network of the zoo with its weights, or a model file.

    Attributes:
        model: A name of the zoo, or the path of a .keras, HDF5, .onnx or .tflite file or of a
            SavedModel.
        name: What the artifacts are called; None for the file's name, or the network's, with
            alpha and size where they are not the defaults: mobilenet_v2_0.35_96.
        size: Height and width of the input in pixels. Zoo: equal ones; None for the
            architecture's own. File: for a model that takes any.
        alpha: Zoo: width multiplier; None for 1.
        classes: Zoo: as of an Architecture, which None stands for.
        weights: Zoo: "imagenet" (Keras downloads them, or has them in its cache), which None
            stands for; "random"; or the path of a .keras, .h5 or .weights.h5 file of this very
            network, or of a .pth or .safetensors of torchvision's or timm's: then padding and
            normalization are theirs too.
        seed: Zoo: of random weights; None leaves those that Keras starts a training with.
        is_headless: Without its last layer with weights, so that it gives features.
        mean: File, or weights of PyTorch: subtracted from the pixels, in 0..255 units; one
            number, or one per channel.
        std: File, or weights of PyTorch: what they are divided by after that.
        outputs: File: names of the outputs that are wanted; none for all.

    Raises:
        SourceError: A setting of the zoo is given for a file, or one of a file for the zoo.
    """

    model: str
    name: str | None = None
    size: tuple[int, int] | None = None
    alpha: float | None = None
    classes: int | None = None
    weights: str | None = None
    seed: int | None = 0
    is_headless: bool = False
    mean: float | Sequence[float] | None = None
    std: float | Sequence[float] | None = None
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unfit: tuple[str, ...] = OF_ZOO
        reason = "a model file, which has its own; they are for names of the zoo"
        if self.architecture is not None:
            # timm has trained some networks on images that it normalized in another way.
            unfit = () if self.is_torch else OF_FILES
            reason = "a network of the zoo, whose input is known"
            if self.outputs:
                raise SourceError(
                    f"{self.model}: a network of the zoo has one output; leave out --outputs"
                )
        given = [f"--{name}" for name in unfit if getattr(self, name) is not None]
        if given:
            raise SourceError(f"{self.model}: {', '.join(given)} given for {reason}")

    @property
    def architecture(self) -> Architecture | None:
        """Of a network of the zoo; None of a file."""
        return ARCHITECTURES.get(self.model)

    @property
    def width(self) -> float:
        """The width multiplier of a network of the zoo."""
        return 1.0 if self.alpha is None else self.alpha

    @property
    def weights_file(self) -> Path | None:
        """Where a network of the zoo has its weights from, if from a file."""
        return None if self.weights in (None, IMAGENET, RANDOM) else Path(str(self.weights))

    @property
    def is_torch(self) -> bool:
        """Whether the weights are a checkpoint of PyTorch's."""
        return self.weights_file is not None and self.weights_file.suffix in TORCH_SUFFIXES


def side_of(spec: ModelSpec) -> int:
    """Return the side of the input of a network of the zoo, in pixels."""
    return architecture(spec.model).default_size if spec.size is None else spec.size[0]


def lacking(spec: ModelSpec) -> str:
    """Say why the zoo has no such network, and what to do; empty where it has one."""
    member = architecture(spec.model)
    return _unfit_setting(spec, member) or _unfit_weights(spec, member)


def check_spec(spec: ModelSpec) -> None:
    """Raise SourceError where the zoo has no such network."""
    reason = lacking(spec)
    if reason:
        raise SourceError(f"{spec.model}: {reason}")


def no_weights(path: Path) -> str:
    """Say that there is no such file of weights."""
    return (
        f"{path}: no such file; --weights takes imagenet, random, or a .keras, .h5, .weights.h5,"
        " .pth or .safetensors file"
    )


def _unfit_setting(spec: ModelSpec, member: Architecture) -> str:
    if not member.has_alpha and spec.width != 1:
        return f"alpha is {spec.width:g}, and there is no width multiplier; leave out --alpha"
    if not 0 < spec.width <= MAX_ALPHA:
        return f"alpha is {spec.width:g}; needed is above 0, to {MAX_ALPHA:g}"
    if member.alphas and spec.width not in member.alphas:
        return f"alpha is {spec.width:g}; its paper has {_listed(member.alphas)}"
    if spec.classes is not None and spec.classes < 1:
        return f"{spec.classes} classes; needed is at least 1"
    return _unfit_size(*(spec.size or (member.default_size, member.default_size)), member)


def _unfit_size(height: int, width: int, member: Architecture) -> str:
    if height != width:
        return f"size is {height}x{width}; networks of the zoo take squares, as --size {height}"
    least = 1 if member.module.startswith("strop.") else MIN_SIDE
    if not least <= height <= MAX_SIDE:
        return f"size is {height} pixels; needed is {least} to {MAX_SIDE}"
    if height % member.size_step:
        nearest = max(round(height / member.size_step), 1) * member.size_step
        return f"size is {height} pixels; needed is a multiple of {member.size_step}, as {nearest}"
    return ""


def _unfit_weights(spec: ModelSpec, member: Architecture) -> str:
    path = spec.weights_file
    if path is not None and not path.is_file():
        return no_weights(path)
    return _unpublished(spec, member) if spec.weights in (None, IMAGENET) else ""


def _unpublished(spec: ModelSpec, member: Architecture) -> str:
    if not member.imagenet_sizes:
        return (
            "Keras publishes no ImageNet weights for it; give weights of your own with"
            " --weights FILE, or try things out with --weights random"
        )
    remedy = "; or give weights of your own with --weights FILE"
    if spec.classes not in (None, IMAGENET_CLASSES):
        return (
            f"{spec.classes} classes, and ImageNet weights have {IMAGENET_CLASSES}; leave out"
            f" --classes{remedy}"
        )
    if spec.width not in member.imagenet_alphas:
        return (
            f"no ImageNet weights are published for alpha {spec.width:g}; use one of"
            f" {_listed(member.imagenet_alphas)}{remedy}"
        )
    side = side_of(spec)
    if side not in member.imagenet_sizes:
        return (
            f"no ImageNet weights are published for {side} pixels; use a --size of"
            f" {_listed(member.imagenet_sizes)}{remedy}"
        )
    return ""


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
