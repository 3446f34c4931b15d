"""Hands a float model over to a compiler that quantizes by itself: images, script, commands."""

from __future__ import annotations

from pathlib import Path
from string import Template

import numpy as np

from strop.export.consumers.consumer import Delivery
from strop.export.consumers.labels_file import LABELS, write_labels
from strop.export.options.choices import OnnxInput, Precision
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import Contract
from strop.runtime.images.dataset import pixels_in_order
from strop.runtime.records.user_files import write_whole

SETTINGS: dict[str, tuple[object, ...]] = {
    "formats": ((Format.ONNX,),),
    "precisions": ((Precision.FLOAT32,),),
    "onnx_input": (OnnxInput.FLOAT_NCHW,),
}
CALIBRATION = "calibration.npy"
FILES = """\
- `$model`: the float model, float32 [1, $channels, $height, $width], RGB pixels 0..255, which
  it normalizes itself. `manifest.json` says what it is worth, in ONNX Runtime.
- `$calibration`: calibration images, uint8 [$count, $height, $width, $channels], RGB pixels
  0..255, brought to this size by the rule that the model was certified with.
"""


def hand_over(delivery: Delivery, texts: dict[str, str], *, most: int) -> tuple[Path, ...]:
    """Write the calibration images, the labels, and texts about them.

    Args:
        delivery: Of the float model.
        texts: By the file's name. In them $name is the source's name, $model, $calibration and
            $labels the names of files, $count the number of images, and $files says what
            the first two are.
        most: Images.

    Returns:
        What was written.
    """
    count = _write_calibration(delivery, delivery.folder / CALIBRATION, most)
    labels = write_labels(delivery)
    source = delivery.source
    facts = {
        "name": source.name,
        "model": delivery.paths[0].name,
        "calibration": CALIBRATION,
        "count": str(count),
        "height": str(source.height),
        "width": str(source.width),
        "channels": str(source.channels),
    }
    facts["files"] = Template(FILES).substitute(facts).rstrip()
    if labels:
        facts["files"] += f"\n- `{LABELS}`: one label per class, in the order of the scores."
    written = []
    for name, text in texts.items():
        written.append(delivery.folder / name)
        write_whole(Template(text).substitute(facts), written[-1])
    return (delivery.folder / CALIBRATION, *labels, *written)


def _write_calibration(delivery: Delivery, path: Path, most: int) -> int:
    """Write calibration images, or validation images where there are no others; how many."""
    options, source = delivery.options, delivery.source
    images = options.calibration or options.validation
    some = images[:: -(-len(images) // most)]  # evenly spread: folders are sorted by class
    shape = (len(some), source.height, source.width, source.channels)
    # Image by image: a thousand of them take 150 MB.
    written = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    contract = Contract(
        height=source.height,
        width=source.width,
        channels=source.channels,
        resize=options.resize,
        crop_fraction=options.crop_fraction,
    )
    for place, pixels in enumerate(pixels_in_order(some, contract)):
        written[place] = pixels
    written.flush()
    return len(some)
