"""strop's own int8 files, by one export with its default options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

from peers.peer import Built, Task

from strop.export.options.options import ExportOptions
from strop.export.pipeline import export
from strop.runtime.artifact.artifact import Format

OWN = ("output", "calibration", "validation", "truth", "labels")  # this run's, not options


def strop_tflite(task: Task, made: Mapping[str, Built]) -> Built:
    """Export both formats, and take the .tflite.

    It is given the calibration images only: what strop decides by its certificate, it
    must not decide on the images that the peers are judged on.
    """
    options = ExportOptions(
        output=task.folder / "strop",
        calibration=task.calibration,
        labels=task.contract.labels,
        resize=task.contract.resize,
        crop_fraction=task.contract.crop_fraction,
        min_images=1,
    )
    paths = export(task.source, options).paths
    (path,) = (path for path in paths if path.suffix == f".{Format.TFLITE.value}")
    shown = {name: value for name, value in asdict(options).items() if name not in OWN}
    return Built(path=path, options={**shown, "calibration_images": len(task.calibration)})


def strop_onnx(task: Task, made: Mapping[str, Built]) -> Built:
    """The .onnx of the same export."""
    tflite = made["strop-tflite"]
    return replace(tflite, path=tflite.path.with_suffix(f".{Format.ONNX.value}"))
