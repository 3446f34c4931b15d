"""Makes what is true of a training's images, for each head."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from strop.export.training.boxes import Boxes, input_boxes
from strop.export.training.images import Images, Progress, kept
from strop.export.training.masks import Masks, read_masks
from strop.export.training.objective import rows_of
from strop.export.training.recipe import Recipe
from strop.export.training.state import TRAINING_MASKS, VALIDATION_MASKS
from strop.export.training.truths import Truth
from strop.export.zoo.ssd import ssd_detection
from strop.runtime.artifact.contract import Contract
from strop.runtime.detect.anchors import anchors_of

Truths = list[Truth]


def truths_of(
    recipe: Recipe, images: Images, contract: Contract, folder: Path, progress: Progress
) -> tuple[Truths, Truths]:
    """Make what each head shall give, for the images of the training and of the validation.

    Args:
        recipe: How the network is trained.
        images: With their answers.
        contract: Of the input.
        folder: Keeps masks.
        progress: Passes masks on as they are read.

    Raises:
        ImageError: A mask or an image cannot be used.
        OutputError: There is no room for masks.
    """
    if images.masks is not None:
        return _masks(images, contract, folder, progress)
    if images.boxes is not None:
        return _boxes(recipe, images, contract)
    pairs = [rows_of(head, images) for head in recipe.heads]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _masks(
    images: Images, contract: Contract, folder: Path, progress: Progress
) -> tuple[Truths, Truths]:
    masks = images.masks
    if masks is None:
        return [], []

    def of(files: tuple[Path, ...], pictures: Iterable[Path], name: str) -> Truths:
        read = read_masks(files, list(pictures), contract, masks.labels)
        shape = (len(files), contract.height, contract.width)
        return [Masks(maps=kept(folder / name, shape, progress(read, len(files), "read masks")))]

    return (
        of(masks.training, (image.path for image in images.training), TRAINING_MASKS),
        of(masks.validation, (image.path for image in images.validation), VALIDATION_MASKS),
    )


def _boxes(recipe: Recipe, images: Images, contract: Contract) -> tuple[Truths, Truths]:
    boxes = images.boxes
    if boxes is None:
        return [], []
    detection = ssd_detection(recipe.size)
    anchors = anchors_of(detection)
    training, validation = (
        Boxes(
            pictures=input_boxes(lists, [image.path for image in pictures], contract),
            anchors=anchors,
            variances=detection.variances,
        )
        for lists, pictures in (
            (boxes.training, images.training),
            (boxes.validation, images.validation),
        )
    )
    return [training], [validation]
