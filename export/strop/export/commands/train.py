"""`strop train`: images and answers in, a .keras out that `strop export` takes as it is."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from strop import console
from strop.export.commands.flags import add_network_flags, add_resize_flags, size_of, weights
from strop.export.commands.heads import add_head_flags, heads_of, images_of
from strop.export.commands.training_words import epoch_in_words, heads_in_words, result_in_words
from strop.export.training.recipe import Augment, Recipe
from strop.export.zoo.architectures import architecture
from strop.export.zoo.spec import RANDOM
from strop.runtime.artifact.contract import CROP_FRACTION, ResizeRule, Task
from strop.runtime.commands.flags.numbers import count, positive
from strop.runtime.errors import OutputError, SourceError
from strop.runtime.records.user_files import require_writable

if TYPE_CHECKING:
    from strop.export.training.state import Epoch

DEFAULT_SHARE = 0.1
DEFAULT_MARGIN = 0.2
FINE_TUNING_RATE = 0.01
# What lies outside of a crop cannot be found.
PLACES = (Task.SEGMENT, Task.DETECT, Task.LANDMARKS)
EPILOG = """\
examples:
  strop train photos/ --model mobilenet_v2 --alpha 0.35 --size 96 -o mine.keras
  strop train photos/ --model mobilenet_v2 --weights imagenet --frozen-epochs 3 -o mine.keras
  strop train photos/ --model mobilenet_v2 --embedding 64 -o vectors.keras
  strop train photos/ --model mobilenet_v2 --task regress --truth ages.csv -o ages.keras
  strop train photos/ --model mobilenet_v2 --task who=classify --task age=regress \\
    --truth age=ages.csv -o both.keras
  strop train images/ --model deeplab_v3_plus_mobilenet_v2 --truth masks/ --labels labels.txt \\
    -o map.keras
  strop train images/ --model ssdlite_mobilenet_v2 --truth boxes.json -o boxes.keras
  strop train faces/ --model mobilenet_v2 --task landmarks --truth points.csv -o points.keras
  strop export mine.keras --calibration-data photos/
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train` to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="train a model of the zoo on labelled images",
        description="Train a network of the zoo on a folder with one subfolder per class, or with"
        "\ntables of labels, numbers and points, masks or boxes, from random or given weights."
        "\nAn interrupted training continues when the same command is given again.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "folder", type=Path, help="images, in one subfolder per class where classes are learned"
    )
    _add_model_flags(parser.add_argument_group("model"))
    add_head_flags(parser.add_argument_group("outputs"))
    _add_image_flags(parser.add_argument_group("images"))
    _add_recipe_flags(parser.add_argument_group("recipe"))
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.keras", help="the model to write"
    )
    parser.add_argument("--force", action="store_true", help="start again, and overwrite")
    parser.add_argument("--json", action="store_true", help="print the record as JSON")


def _add_model_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model", required=True, metavar="NAME", help="of the zoo (see strop zoo)")
    add_network_flags(group)
    group.add_argument(
        "--weights",
        type=weights,
        default=RANDOM,
        metavar="W",
        help="to start with: random (default), imagenet (Keras downloads them), a .keras or .h5"
        " file of a model, or a .pth or .safetensors of torchvision or timm; the last layer is"
        " replaced, and a network for maps or boxes takes the backbone",
    )
    group.add_argument(
        "--frozen-epochs",
        type=count,
        default=0,
        metavar="N",
        help="with given weights: first epochs in which only the new layers at its end are"
        " trained (default %(default)s)",
    )


def _add_image_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--validation-data",
        type=Path,
        metavar="DIR",
        help="images that choose the best epoch, in subfolders or with tables like the others",
    )
    group.add_argument(
        "--validation-share",
        type=float,
        default=DEFAULT_SHARE,
        metavar="F",
        help="without --validation-data: share of each class that is kept for it (default"
        " %(default)s)",
    )
    group.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="text file with one label per line, in the order of the scores (default: the"
        " subfolders' names, sorted)",
    )
    add_resize_flags(group)


def _add_recipe_flags(group: argparse._ArgumentGroup) -> None:
    defaults = Recipe(model="")
    for name, read, about in (
        ("epochs", positive, "times that every image is learned from"),
        ("batch_size", positive, "images per step"),
        ("weight_decay", float, "of the kernels of convolutions and dense layers"),
        ("label_smoothing", float, "share of each label that is spread over all classes"),
        ("seed", int, "of the weights, the order of the images and their augmentation"),
    ):
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=read,
            default=getattr(defaults, name),
            metavar="F" if read is float else "N",
            help=f"{about} (default %(default)s)",
        )
    group.add_argument(
        "--dropout",
        type=float,
        metavar="F",
        help="share of the features that is dropped in front of the outputs (default"
        f" {defaults.dropout:g}, of maps and boxes 0)",
    )
    group.add_argument(
        "--learning-rate",
        type=float,
        metavar="R",
        help=f"the highest of the schedule (default {defaults.learning_rate:g}, with given weights"
        f" {FINE_TUNING_RATE:g})",
    )
    group.add_argument(
        "--clip-norm",
        type=float,
        metavar="N",
        help="longest gradient of a step; try 1 if the loss jumps (default: any)",
    )
    group.add_argument(
        "--embedding",
        type=positive,
        metavar="N",
        help="train vectors of N numbers that are near each other for images of one class, in place"
        " of a classifier",
    )
    group.add_argument(
        "--margin",
        type=float,
        metavar="F",
        help="with --embedding: the cosine by which an image has to be nearer to its class than to"
        f" others (default {DEFAULT_MARGIN:g})",
    )
    group.add_argument(
        "--augment",
        type=Augment,
        choices=list(Augment),
        default=defaults.augment,
        metavar="{none,light}",
        help="light (default): mirror and shift at random; none where an answer changes with that",
    )


def run(options: argparse.Namespace) -> int:
    """Train, and say what came out.

    Raises:
        SourceError: The options contradict each other, or nothing can be made of them.
        ImageError, ContractError: The images or labels cannot be used.
        OutputError: The output exists, or cannot be written.
    """
    recipe = _recipe(options)
    recipe.original()  # what it lacks shall not wait for TensorFlow
    _check_output(options)

    from strop.export.tensorflow_logs import NOTHING, quiet_tensorflow

    quiet_tensorflow(NOTHING)
    from strop.export.training.fit import state_folder, train

    images = images_of(options, recipe)
    console.settings(
        f"strop train {recipe.model}",
        {
            **asdict(recipe),
            "augment": recipe.augment.value,
            "resize": recipe.resize.value,
            "heads": heads_in_words(recipe, images),
            "images": f"{len(images.training)}, {len(images.validation)} to validate",
            "output": options.output,
        },
    )

    def tell(number: int, epoch: Epoch) -> None:
        console.note(
            f"  epoch {number}/{recipe.epochs}: loss {epoch.loss:.4f},"
            f" {epoch_in_words(recipe, epoch)}, {epoch.seconds:.0f} s"
        )

    try:
        record = train(
            recipe,
            images,
            output=options.output,
            force=options.force,
            on_epoch=tell,
            progress=console.progress,
            verbose=1 if sys.stdout.isatty() and not options.json else 0,
        )
    except KeyboardInterrupt:
        console.note(
            f"ended; {state_folder(options.output)} has the epochs that were done, and the same"
            " command goes on behind them"
        )
        raise
    if options.json:
        console.json(asdict(record))
    else:
        console.line(f"{options.output}: {result_in_words(record)}")
    console.note(f"next: strop export {options.output} --calibration-data {options.folder}")
    return 0


def _recipe(options: argparse.Namespace) -> Recipe:
    member = architecture(options.model)
    height, width = size_of(options, options.model) or (member.default_size,) * 2
    if height != width:
        raise SourceError(
            f"size is {height}x{width}; networks of the zoo take squares, as --size {height}"
        )
    is_random = options.weights == RANDOM
    rate = Recipe(model="").learning_rate if is_random else FINE_TUNING_RATE
    if not 0 < options.validation_share < 1:
        raise SourceError(
            f"--validation-share is {options.validation_share:g}; needed is above 0, below 1"
        )
    heads = heads_of(options, member)
    is_whole = heads[0].is_whole_network
    dropout = 0.0 if is_whole else Recipe(model="").dropout
    resize = ResizeRule.STRETCH if heads[0].task in PLACES else ResizeRule.CROP
    return Recipe(
        model=options.model,
        alpha=1.0 if options.alpha is None else options.alpha,
        size=height,
        weights=options.weights,
        frozen_epochs=options.frozen_epochs,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=rate if options.learning_rate is None else options.learning_rate,
        clip_norm=options.clip_norm,
        weight_decay=options.weight_decay,
        dropout=dropout if options.dropout is None else options.dropout,
        label_smoothing=options.label_smoothing,
        heads=heads,
        embedding=options.embedding,
        margin=_margin(options),
        augment=options.augment,
        seed=options.seed,
        resize=options.resize or resize,
        crop_fraction=CROP_FRACTION if options.crop_fraction is None else options.crop_fraction,
    )


def _margin(options: argparse.Namespace) -> float:
    if options.margin is not None:
        return float(options.margin)
    return 0.0 if options.embedding is None else DEFAULT_MARGIN


def _check_output(options: argparse.Namespace) -> None:
    if options.output.suffix != ".keras":
        raise OutputError(f"{options.output}: needed is a name that ends in .keras")
    require_writable(options.output, force=options.force)
