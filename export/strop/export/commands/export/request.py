"""Makes of flags the model and the export that they ask for."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from strop.export.commands.flags import formats_of, precisions_of, size_of
from strop.export.commands.of_outputs import asked_of_outputs
from strop.export.options.choices import Input, OnnxForm, OnnxInput, Result
from strop.export.options.options import ExportOptions
from strop.export.request import ExportRequest, OutputRequest, with_consumer
from strop.export.training.record import as_trained
from strop.export.zoo.shipped import (
    SHIPPED_CALIBRATION,
    SHIPPED_LABELS,
    SHIPPED_VALIDATION,
    shipped_spec,
)
from strop.export.zoo.spec import ModelSpec
from strop.runtime.artifact.contract import ResizeRule, Task
from strop.runtime.detect.detection_file import DETECTION
from strop.runtime.errors import SourceError
from strop.runtime.images.dataset import read_labels

MODEL_FLAGS = ("size", "rho", "alpha", "classes", "weights", "mean", "std", "outputs")


def model_spec(options: argparse.Namespace) -> ModelSpec:
    """Name the model: the shipped default, a network of the zoo, or the user's file.

    Raises:
        SourceError: A flag was given that does not belong to it.
    """
    if options.source is None:
        given = [f"--{flag}" for flag in MODEL_FLAGS if getattr(options, flag) not in (None, ())]
        if given:
            raise SourceError(f"{', '.join(given)} given for the shipped default; name a source")
        return replace(shipped_spec(), is_headless=options.no_top)
    return as_trained(
        ModelSpec(
            model=options.source,
            size=size_of(options, options.source),
            alpha=options.alpha,
            classes=options.classes,
            weights=options.weights,
            is_headless=options.no_top,
            mean=options.mean,
            std=options.std,
            outputs=options.outputs,
        )
    )


def export_request(options: argparse.Namespace) -> ExportRequest:
    """Make the request of `strop export`.

    Raises:
        SourceError: As `model_spec`.
        ContractError: The labels cannot be read.
        ConsumerError: The program of --for is unknown, or cannot do with what was asked for.
    """
    request = shared_request(options, model_spec(options))
    settings = replace(
        request.settings,
        max_drop=options.max_drop,
        max_flips=options.max_flips,
        max_float_layers=options.max_float_layers,
        input=options.input or Input.INT8,
        onnx_input=options.onnx_input or OnnxInput.BYTES,
        onnx_form=options.onnx_form or OnnxForm.QDQ,
        symmetric=bool(options.symmetric),
        result=options.result or Result.SCORES,
        result_type=options.result_type,
        keep_failed=options.keep_failed,
        force=options.force,
    )
    request = replace(request, settings=settings)
    if options.consumer is not None:
        request = with_consumer(request, options.consumer, _given(options))
    if options.source is not None:
        return request
    has_vectors = request.spec.is_headless or request.task is Task.EMBED
    labels = request.labels or (None if has_vectors else read_labels(SHIPPED_LABELS))
    return replace(
        request,
        calibration_data=request.calibration_data or SHIPPED_CALIBRATION,
        validation_data=request.validation_data or SHIPPED_VALIDATION,
        labels=labels,
        resize=request.resize or ResizeRule.STRETCH,
    )


def _given(options: argparse.Namespace) -> dict[str, object]:
    """Return what was asked for of that which a consumer may fix."""
    fields = {"precisions": options.precision, "formats": options.format}
    written = ("input", "onnx_input", "onnx_form", "symmetric", "result", "result_type")
    fields |= {name: getattr(options, name) for name in (*written, "resize", "crop_fraction")}
    return {name: value for name, value in fields.items() if value is not None}


def shared_request(options: argparse.Namespace, spec: ModelSpec) -> ExportRequest:
    """Make a request of the flags that export and sweep share.

    Raises:
        ContractError: The labels cannot be read.
    """
    asked = asked_of_outputs(options)
    only = asked.pop("", OutputRequest())
    return ExportRequest(
        spec=spec,
        settings=ExportOptions(
            output=Path(),
            precisions=precisions_of(options),
            formats=formats_of(options),
            effort=options.effort,
            min_images=options.min_images,
            full_int8=options.full_int8,
        ),
        output=options.output,
        calibration_data=options.calibration_data,
        validation_data=options.validation_data,
        truth=only.truth,
        labels=only.labels or None,
        resize=options.resize,
        crop_fraction=options.crop_fraction,
        task=only.task,
        thresholds=only.thresholds,
        points=only.points,
        outputs=asked,
        detection=None if options.detection is None else DETECTION.read(options.detection),
    )
