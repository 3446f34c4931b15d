"""`strop export`: a Keras model in, a certified bundle of artifacts out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from strop import console
from strop.export.certify.certificate import drop_units
from strop.export.commands.export import outcome
from strop.export.commands.flags import (
    add_classes_flag,
    add_file_flags,
    add_image_flags,
    add_network_flags,
    add_normalization_flags,
    refuse_older,
    weights,
)
from strop.export.commands.of_outputs import add_output_choice
from strop.export.consumers.catalogue import consumer_named
from strop.export.consumers.presence import environment_of, why_not_here
from strop.export.options.choices import Input, OnnxForm, OnnxInput, Result, ResultType
from strop.export.options.options import MAX_FLOAT_LAYERS
from strop.runtime.artifact.contract import ResizeRule, Task
from strop.runtime.check.judge.certified import MANIFEST
from strop.runtime.classify.decision import in_words
from strop.runtime.classify.task_words import WORDS
from strop.runtime.commands.flags.numbers import count
from strop.runtime.commands.flags.sign import add_sign_flag, require_signable, sign_written

if TYPE_CHECKING:
    from strop.export.options.options import ExportOptions
    from strop.export.source.source import Source

EPILOG = """\
examples:
  strop export                          # the model and images that ship with strop
  strop export model.keras --calibration-data photos/ --validation-data labelled/ \\
      --labels labels.txt
  strop export model.keras --for mediapipe --calibration-data photos/ --labels labels.txt
  strop export mobilenet_v2 --alpha 0.5 --weights w.h5 --calibration-data photos/
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `export` to the command line."""
    parser = subparsers.add_parser(
        "export",
        help="quantize a Keras model, write .tflite and .onnx, certify both",
        description="Quantize a Keras model to int8, write .tflite and .onnx, and compare both"
        "\nwith the float model on images.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "source",
        nargs="?",
        help="a .keras or HDF5 file of Keras 2 or 3, a SavedModel folder, a float .onnx or"
        " .tflite, or a name of the zoo (see strop zoo); default: the model that ships with strop",
    )
    _add_model_flags(parser.add_argument_group("model"))
    add_image_flags(parser.add_argument_group("images"))
    _add_output_flags(parser.add_argument_group("output"))
    refuse_older(parser, {"--resolution": "--rho, or --size in pixels"})


def _add_model_flags(group: argparse._ArgumentGroup) -> None:
    add_network_flags(group, takes_files=True)
    add_classes_flag(group, "zoo: ")
    group.add_argument(
        "--weights",
        type=weights,
        metavar="W",
        help="zoo: imagenet (default; Keras downloads them), random, or a file of Keras,"
        " torchvision or timm (.pth, .safetensors)",
    )
    add_normalization_flags(group)
    add_output_choice(group)
    group.add_argument(
        "--no-top",
        action="store_true",
        help="leave out the last layer of a Keras model: the files give its features, a vector for"
        " each image (--task embed)",
    )


def _add_output_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder to write (default build/NAME)"
    )
    group.add_argument(
        "--for",
        dest="consumer",
        metavar="NAME",
        help="the program that takes the files, by its name of strop consumers: sets what it needs,"
        " and the certificate reads the files as it does",
    )
    add_file_flags(group)
    group.add_argument(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="exit 1 unless the certificate promises at most this drop: in points of the share of"
        " right answers, of a vector's recall@1; of a regression, of its error in %% of float's"
        " spread over the images",
    )
    group.add_argument(
        "--max-flips",
        type=float,
        metavar="SHARE",
        help="exit 1 unless the certificate promises that at most this share of images, as 0.02,"
        " gets another class than from the float model",
    )
    group.add_argument(
        "--max-float-layers",
        type=count,
        default=MAX_FLOAT_LAYERS,
        metavar="N",
        help="if --max-drop or --max-flips cannot be promised, measure files with sums, last layers"
        " or up to N of the costliest layers in float, and certify up to N of those that are likely"
        " to do, the fastest first (default %(default)s); 0 also keeps the end of vectors and"
        " numbers in int8",
    )
    group.add_argument(
        "--input",
        type=Input,
        choices=list(Input),
        metavar="{int8,uint8}",
        help="what an int8 .tflite takes: int8 (default, the fastest; strop's runtime converts the"
        " image), or uint8, for other programs",
    )
    group.add_argument(
        "--onnx-input",
        type=OnnxInput,
        choices=list(OnnxInput),
        metavar="{bytes,float-nchw}",
        help="what an int8 .onnx takes: bytes (default; uint8, height x width x channels), or"
        " float-nchw, for programs that hand over float32, channels x height x width, 0..255; so"
        " does a float .onnx then",
    )
    group.add_argument(
        "--onnx-form",
        type=OnnxForm,
        choices=list(OnnxForm),
        metavar="{qdq,qoperator}",
        help="what an int8 .onnx computes with: qdq (default; floats between quantizers, which"
        " engines fuse), or qoperator, integer operations, for programs that do not fuse",
    )
    group.add_argument(
        "--symmetric",
        action="store_const",
        const=True,
        help="zero points of 0 in all int8 files, for TensorRT; costs accuracy",
    )
    group.add_argument(
        "--result",
        type=Result,
        choices=list(Result),
        metavar="{scores,probabilities}",
        help="what int8 files return: scores (default; strop's runtime converts them to"
        " probabilities), or probabilities, for other programs",
    )
    group.add_argument(
        "--result-type",
        type=ResultType,
        choices=list(ResultType),
        metavar="{int8,uint8,float32}",
        help="in what numbers an int8 .tflite returns them: int8 for scores and float32 for"
        " probabilities by default; uint8 for programs that read bytes, probabilities in steps of"
        " 1/256",
    )
    group.add_argument(
        "--keep-failed",
        action="store_true",
        help="write the files even if they miss a limit; the exit code is still 1",
    )
    group.add_argument("--force", action="store_true", help="replace an earlier export")
    add_sign_flag(group, "the manifest")
    group.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Export, print what was made and what it is worth; 1 if that is not enough."""
    from strop.export.bundle.bundle import check_replaceable
    from strop.export.commands.export.request import export_request
    from strop.export.pipeline import export
    from strop.export.request import resolve
    from strop.export.zoo.build import open_model

    if options.output is not None:
        check_replaceable(options.output, force=options.force)
    require_signable(options)
    request = export_request(options)
    source = open_model(request.spec)
    resolved = resolve(request, source)
    check_replaceable(resolved.output, force=resolved.force)
    console.settings(f"strop export {source.name}", _settings(source, resolved))
    for note in source.facts.notes:
        console.note(note)
    made = export(
        source,
        resolved,
        on_step=lambda step: console.note(f"  {step} ..."),
        progress=console.progress,
    )
    sign_written(options, made.folder / MANIFEST)
    if options.json:
        console.json(outcome.record(made))
    else:
        outcome.show(made)
    for found in made.manifest.calibration_checks:
        if found.remedy:
            console.note(found.remedy)
    for reason in made.broken:
        console.error(reason)
    return 1 if made.broken else 0


def _settings(source: Source, options: ExportOptions) -> dict[str, object]:
    resize = options.resize.value
    if options.resize is ResizeRule.CROP:
        resize += f", fraction {options.crop_fraction:g}"
    limit = "not limited" if options.max_drop is None else f"{options.max_drop:g} {_unit(options)}"
    return {
        "input": f"{source.height}x{source.width}x{source.channels}",
        "normalization": _normalization(source),
        **_answers(source, options),
        "resize": resize,
        "precision": ", ".join(precision.value for precision in options.precisions),
        "format": ", ".join(form.value for form in options.formats),
        "effort": options.effort.value,
        "calibration": f"{len(options.calibration)} images",
        "validation": f"{len(options.validation)} images, "
        + ("labelled" if options.is_labelled else "without labels"),
        "tflite input": options.input.value,
        "onnx": f"{options.onnx_input.value}, {options.onnx_form.value}",
        "zero points": "0" if options.symmetric else "free",
        "result": f"{options.result.value}, {options.written_type.value} in the .tflite",
        "max drop": limit,
        "max flips": "not limited" if options.max_flips is None else f"{options.max_flips:.2%}",
        "for": _consumer(options),
        "output": options.output,
    }


def _answers(source: Source, options: ExportOptions) -> dict[str, object]:
    """Say what comes out, and how it becomes an answer."""
    if options.outputs:
        return {f"output {one.name}": in_words(one.decision, one.labels) for one in options.outputs}
    task = Task.CLASSIFY if options.decision is None else options.decision.task
    decision = options.decision
    has_own = decision is not None and (decision.points is not None or decision.is_map)
    number = decision.names_needed if decision is not None and has_own else source.classes
    return {WORDS[task].scores: number, "task": in_words(options.decision, options.labels)}


def _unit(options: ExportOptions) -> str:
    """Name what a drop is counted in; of several outputs each has its own."""
    decisions = [one.decision for one in options.each_output]
    return drop_units(Task.CLASSIFY if one is None else one.task for one in decisions)


def _consumer(options: ExportOptions) -> str:
    """Say which program it is for, and what of it the certificate is measured with."""
    if not options.consumer:
        return "any program"
    consumer = consumer_named(options.consumer)
    missing = why_not_here(consumer, environment_of(consumer))
    return f"{consumer.title}: {missing or consumer.reading.value}"


def _normalization(source: Source) -> str:
    if set(source.mean) == {0.0} and set(source.std) == {1.0}:
        return "none in front of the model; it takes 0..255"
    return f"(pixel - {_list(source.mean)}) / {_list(source.std)} in front of the model"


def _list(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)
