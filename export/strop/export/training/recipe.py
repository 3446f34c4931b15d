"""States how a network is trained: every number that decides the result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from strop.export.training.heads import CLASSES_ALONE, WHOLE_NETWORKS, Head, check_heads
from strop.export.zoo.architectures import ARCHITECTURES, architecture
from strop.export.zoo.spec import RANDOM, ModelSpec, check_spec, no_weights
from strop.runtime.artifact.contract import CROP_FRACTION, Contract, ResizeRule, Task
from strop.runtime.errors import SourceError

MOMENTUM = 0.9
NUMBERS = (Task.REGRESS, Task.LANDMARKS)
MIN_EMBEDDING = 2  # numbers; one has no direction
WARMUP_SHARE = 0.05  # of all steps
# keras.applications has 0.99 and 0.999: after few steps the statistics are still those of no
# images at all. They are to forget within a fifth of an epoch.
MAX_BATCH_NORM_MOMENTUM = 0.99
MIN_BATCH_NORM_MOMENTUM = 0.5
BATCH_NORM_SHARE = 5


class Augment(str, Enum):
    """What is done to the images of an epoch."""

    NONE = "none"
    LIGHT = "light"
    """Mirrored or not, and shifted by up to a twelfth of the side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """SGD with momentum, a cosine after a warm-up, weight decay on kernels.

    Attributes:
        model: A name of the zoo.
        alpha: Width multiplier.
        size: Side of the input in pixels.
        heads: The network's outputs, in their order.
        weights: To begin with: "random", "imagenet", or a model's file.
        frozen_epochs: Of the first epochs, those in which the head alone is trained.
        epochs: In all.
        batch_size: Images of a step.
        learning_rate: At its highest.
        clip_norm: The longest gradient of a step, as one vector over all weights; a longer one
            is shortened to it. None takes any. R. Pascanu et al., arXiv:1211.5063, section 3.2.
        weight_decay: Of kernels; depthwise kernels, biases and batch norm have none, as
            MobileNets, arXiv:1704.04861, section 3.2, has it. 4e-5 is MobileNetV2's,
            arXiv:1801.04381, section 6.1.
        dropout: In front of the heads, 0 to 1.
        label_smoothing: C. Szegedy et al., arXiv:1512.00567, section 7; 0 to 1; of classes and
            labels.
        embedding: Numbers of an image's vector, 2 or more, where it is trained to be compared
            with others, in place of heads; None trains these.
        margin: Of an embedding: the cosine by which an image has to be nearer to its class than to
            others, 0 to 1.
        augment: What is done to the images.
        seed: Of the weights, the order and the augmentation.
        resize: How an image is brought to the input's size.
        crop_fraction: For `crop`: input size over the resized shorter side.
    """

    model: str
    alpha: float = 1.0
    size: int = 224
    heads: tuple[Head, ...] = CLASSES_ALONE
    weights: str = RANDOM
    frozen_epochs: int = 0
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 0.1
    clip_norm: float | None = None
    weight_decay: float = 4e-5
    dropout: float = 0.2
    label_smoothing: float = 0.0
    embedding: int | None = None
    margin: float = 0.0
    augment: Augment = Augment.LIGHT
    seed: int = 0
    resize: ResizeRule = ResizeRule.CROP
    crop_fraction: float = CROP_FRACTION

    def __post_init__(self) -> None:
        for name in ("size", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise SourceError(f"{name} is {getattr(self, name)}; needed is 1 or more")
        _require_above_zero("learning_rate", self.learning_rate)
        if self.clip_norm is not None:
            _require_above_zero("clip_norm", self.clip_norm)
        check_heads(self.heads)
        self._check_labels()
        self._check_embedding()
        for name in ("weight_decay", "dropout", "label_smoothing", "margin"):
            if not 0 <= getattr(self, name) < 1:
                raise SourceError(f"{name} is {getattr(self, name):g}; needed is 0 to below 1")
        if not 0 <= self.frozen_epochs <= self.epochs:
            raise SourceError(
                f"frozen_epochs is {self.frozen_epochs}; needed is 0 to {self.epochs}, the epochs"
            )
        if self.frozen_epochs and self.weights == RANDOM:
            raise SourceError("frozen_epochs is for given weights; random ones have to be trained")

    def _check_network(self) -> None:
        task, head = architecture(self.model).task, self.heads[0]
        gives_rows = task not in WHOLE_NETWORKS
        if (gives_rows and head.is_whole_network) or (not gives_rows and head.task is not task):
            fitting = [one.name for one in ARCHITECTURES.values() if one.task is head.task]
            raise SourceError(
                f"{self.model}: is a network to {task.value}, and the task is {head.task.value};"
                f" give one of {', '.join(fitting)}"
            )
        if not head.is_whole_network:
            return
        for name in ("dropout", "label_smoothing", "frozen_epochs", "embedding"):
            if getattr(self, name):
                raise SourceError(
                    f"{name} is {getattr(self, name):g}, and {self.model} is trained as a whole"
                    " without it; leave it out"
                )

    def _check_labels(self) -> None:
        if self.label_smoothing and all(head.task in NUMBERS for head in self.heads):
            raise SourceError(
                f"label_smoothing is {self.label_smoothing:g}, and numbers have no labels; leave"
                " it out"
            )

    def _check_embedding(self) -> None:
        if self.margin and self.embedding is None:
            raise SourceError(f"margin is {self.margin:g} without an embedding; give both")
        if self.embedding is not None and self.heads != CLASSES_ALONE:
            raise SourceError("an embedding is trained by classes alone; leave out other tasks")
        if self.embedding is not None and self.embedding < MIN_EMBEDDING:
            raise SourceError(
                f"embedding is {self.embedding}; needed is {MIN_EMBEDDING} or more numbers"
            )

    def original(self) -> ModelSpec:
        """Name the model whose last layer is replaced: a network of the zoo, or a whole model.

        Raises:
            SourceError: There is no such network, it is for another task, or no such file.
        """
        self._check_network()
        spec = ModelSpec(
            model=self.model,
            alpha=self.alpha,
            size=(self.size, self.size),
            weights=self.weights,
            seed=None,
        )
        member, file = architecture(self.model), spec.weights_file
        if file is None or spec.is_torch or member.task in WHOLE_NETWORKS:
            check_spec(spec)
            return spec
        if not file.is_file():
            raise SourceError(no_weights(file))
        # It has a size and a last layer of its own, and normalizes as the network does.
        return ModelSpec(model=self.weights, mean=member.mean, std=member.std)

    def contract(self) -> Contract:
        """Describe the input: size and resize rule."""
        return Contract(
            height=self.size,
            width=self.size,
            resize=self.resize,
            crop_fraction=self.crop_fraction,
        )

    def learning_rate_at(self, step: int, steps: int) -> float:
        """Compute the learning rate of a step, counted from 0.

        Source: I. Loshchilov and F. Hutter, SGDR, arXiv:1608.03983, eq. 5, one period.
        """
        warmup = max(1, round(WARMUP_SHARE * steps))
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        done = (step - warmup) / max(1, steps - warmup)
        return self.learning_rate * (1 + math.cos(math.pi * done)) / 2


def _require_above_zero(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise SourceError(f"{name} is {value:g}; needed is above 0")


def batch_norm_momentum(steps_per_epoch: int) -> float:
    """Compute the share of its statistics that a batch norm keeps at a step."""
    kept = 1 - BATCH_NORM_SHARE / max(1, steps_per_epoch)
    return min(MAX_BATCH_NORM_MOMENTUM, max(MIN_BATCH_NORM_MOMENTUM, kept))
