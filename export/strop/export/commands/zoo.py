"""`strop zoo`: the architectures that `strop export` takes by name, and what they cost."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from strop import console
from strop.export.commands.count_tables import count_record, print_layers, print_roles
from strop.export.commands.flags import add_classes_flag, add_network_flags, refuse_older, size_of
from strop.export.inspect.count import Count
from strop.export.options.choices import Precision
from strop.export.zoo.architectures import ARCHITECTURES, Architecture, architecture
from strop.export.zoo.counts import COUNTS
from strop.export.zoo.shipped import MODEL_NAME
from strop.export.zoo.spec import RANDOM, ModelSpec, check_spec, side_of
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import SourceError
from strop.runtime.units import BYTES_PER_MIB, MILLION

COLUMNS = (
    "name",
    "task",
    "size px",
    "alpha",
    "parameters, million",
    "multiply-adds, million",
    "alphas with ImageNet weights",
    "sizes with them",
    "paper",
)
MEMBER_FLAGS = ("alpha", "size", "rho", "classes")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "zoo",
        help="the models that export can start from, and what they cost",
        description="List the architectures that `strop export` takes by name, or count the"
        " parameters, multiply-adds and activations of one.",
        allow_abbrev=False,
    )
    parser.add_argument("name", nargs="?", help="a name of the list: count this network")
    group = parser.add_argument_group("network")
    add_network_flags(group)
    add_classes_flag(group)
    parser.add_argument("--layers", action="store_true", help="list every layer that multiplies")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    refuse_older(parser, {"--resolution": "--rho, or --size in pixels"})
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table or the record.

    Raises:
        SourceError: There is no such member, or a setting is out of range.
    """
    if options.name is not None:
        return _count(options)
    given = [name for name in MEMBER_FLAGS if getattr(options, name) is not None]
    if given or options.layers:
        raise SourceError(
            f"--{(given or ['layers'])[0]} is of one member; give its name:"
            f" {', '.join(ARCHITECTURES)}"
        )
    if options.json:
        members = [_record(member) for member in ARCHITECTURES.values()]
        console.json({"format_version": 1, "default": MODEL_NAME, "architectures": members})
        return 0
    console.table(COLUMNS, [_row(member) for member in ARCHITECTURES.values()])
    console.note(f"Without a name, strop export takes the model that ships with it: {MODEL_NAME}")
    return 0


def _count(options: argparse.Namespace) -> int:
    # Before Keras is loaded, which takes seconds.
    member = architecture(options.name)
    classes = member.classes if options.classes is None else options.classes
    spec = ModelSpec(
        model=member.name,
        size=size_of(options, member.name),
        alpha=options.alpha,
        classes=classes,
        weights=RANDOM,
        seed=None,
    )
    check_spec(spec)
    alpha, size = spec.width, side_of(spec)

    from strop.export.tensorflow_logs import quiet_tensorflow

    quiet_tensorflow()
    from strop.export.inspect.count_keras import count_keras
    from strop.export.zoo.build import keras_model

    count = count_keras(keras_model(spec))
    if options.json:
        settings = {"alpha": alpha, "size": size, "classes": classes}
        about = {"format_version": 1, "name": member.name, **settings}
        weights = {each.value: count.weight_bytes(each) for each in Precision}
        console.json({**about, **count_record(count), "weight_bytes": weights})
        return 0
    width = f", alpha {alpha:g}" if member.has_alpha else ""
    console.line(f"{member.title}, {size}x{size}x3{width}, {classes} {_counted(member)}")
    console.line(f"  {member.source}")
    _print_count(count, has_layers=options.layers)
    return 0


def _print_count(count: Count, *, has_layers: bool) -> None:
    console.gap()
    print_roles(count)
    console.gap()
    sizes = [(each.value, f"{count.weight_bytes(each) / BYTES_PER_MIB:.2f}") for each in Precision]
    console.table(("weights in", "MiB"), sizes)
    if has_layers:
        console.gap()
        print_layers(count)


def _record(member: Architecture) -> dict[str, object]:
    parameters, multiply_adds = COUNTS[member.name]
    return {**asdict(member), "parameters": parameters, "multiply_adds": multiply_adds}


def _row(member: Architecture) -> tuple[object, ...]:
    parameters, multiply_adds = COUNTS[member.name]
    return (
        member.name,
        member.task.value,
        member.default_size,
        _alphas(member),
        f"{parameters / MILLION:.2f}",
        f"{multiply_adds / MILLION:.0f}",
        [f"{alpha:g}" for alpha in member.imagenet_alphas],
        member.imagenet_sizes,
        member.source,
    )


def _counted(member: Architecture) -> str:
    return "points" if member.task is Task.LANDMARKS else "classes"


def _alphas(member: Architecture) -> object:
    if not member.has_alpha:
        return None
    return [f"{alpha:g}" for alpha in member.alphas] or "any > 0"
