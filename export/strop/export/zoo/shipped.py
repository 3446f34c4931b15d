"""Finds the model and the images that ship with strop."""

from __future__ import annotations

from pathlib import Path

from strop.export.zoo.spec import ModelSpec
from strop.runtime.errors import SourceError

FOLDER = "calibration_data"
MODEL_NAME = "mobilenet_v2_fashion_mnist"
# strop/export/zoo/shipped.py in a wheel; export/strop/export/zoo/shipped.py in the source tree.
PLACES = tuple(Path(__file__).resolve().parents[depth] / FOLDER for depth in (2, 4))


def shipped_folder(places: tuple[Path, ...] = PLACES) -> Path:
    """Find the folder calibration_data, in the installed package or the source tree.

    Raises:
        SourceError: It is in neither place.
    """
    folder = _first_present(places)
    if not _is_shipped(folder):
        raise SourceError(
            f"{folder}: the model and the images that ship with strop are not there; install"
            " strop again, or name a model and give --calibration-data FOLDER"
        )
    return folder


def _is_shipped(folder: Path) -> bool:
    # By a file of ours: another package may well have a folder of that name.
    return (folder / f"{MODEL_NAME}.keras").is_file()


def _first_present(places: tuple[Path, ...]) -> Path:
    return next((place for place in places if _is_shipped(place)), places[-1])


# Not checked here, so that importing this cannot fail: `shipped_folder` does.
_FOLDER = _first_present(PLACES)
SHIPPED_MODEL = _FOLDER / f"{MODEL_NAME}.keras"
"""MobileNetV2, alpha 0.35, input 64 x 64 x 3."""
SHIPPED_LABELS = _FOLDER / "labels.txt"
"""One label per line, in the order of the scores."""
SHIPPED_CALIBRATION = _FOLDER / "calibration"
"""Grey PNG images of 28 x 28, to be stretched to the model's input."""
SHIPPED_VALIDATION = _FOLDER / "validation"
"""As the calibration images, in one folder per label."""


def shipped_spec() -> ModelSpec:
    """Name the model that ships with strop.

    Raises:
        SourceError: It is missing.
    """
    shipped_folder()  # raises where a missing file would blame the user's path
    return ModelSpec(model=str(SHIPPED_MODEL))
