"""Makes the valid files that are damaged: of each kind that strop reads, the smallest there is.

`python -m tests.fuzz.seeds FOLDER` does it in a process of its own, for it needs TensorFlow.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE = 16
LABELS = ("n1 red", "n2 green", "n3 blue", "n4 grey", "n5 white")
IMAGES = 8
KERAS_2 = (
    "teachable_machine",
    "many_layers",
    "calls_of_tensorflow",
)  # of tests.export.source.keras2_models
COMPLETE = "complete"  # written last


def make_seeds(folder: Path) -> None:
    """Write all seeds into a folder, unless they are there.

    Args:
        folder: Made anew where it is not complete.
    """
    folder = folder.resolve()
    if (folder / COMPLETE).exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _images(folder / "images")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    _keras_sources(folder)
    _bundle(folder)
    _onnx(folder)
    _records(folder)
    _checkpoints(folder)
    _training(folder)
    (folder / COMPLETE).touch()


def _images(folder: Path) -> None:
    random = np.random.default_rng(0)
    for i in range(IMAGES):
        place = folder / LABELS[i % 2].split()[0]
        place.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{i}.png")


def _keras_sources(folder: Path) -> None:
    from tests.export.model_fixtures import saved, small_model
    from tests.export.source.keras2_models import made

    model = small_model()
    for name in ("keras.keras", "hdf5.h5", "saved_model"):
        saved(model, folder / name)
    for name in KERAS_2:
        made(name).save(folder / f"keras2_{name}.h5")


def _bundle(folder: Path) -> None:
    """What strop itself writes: artifacts of two precisions, golden vectors, manifest."""
    from strop.cli import main

    made = folder / "bundle"
    flags = {
        "--calibration-data": folder / "images",
        "--min-images": IMAGES,
        "--labels": folder / "labels.txt",
        "--precision": "int8,float32",
        "--effort": "fast",
        "--output": made,
    }
    words = [str(word) for pair in flags.items() for word in pair]
    code = main(["export", str(folder / "keras.keras"), *words])
    if code != 0:
        raise RuntimeError(f"the seeds' export ended with {code}")


def _onnx(folder: Path) -> None:
    """The tests' tiny function in float, and one with branches and loops."""
    import onnx
    from onnx import TensorProto, helper
    from tests.runtime.tiny_artifacts import onnx_bytes

    (folder / "tiny.onnx").write_bytes(onnx_bytes(None))
    model = onnx.ModelProto.FromString(onnx_bytes(None))
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["goes_on"]),
            helper.make_node("Add", ["carried", "carried"], ["doubled"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("count", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("doubled", TensorProto.FLOAT, None),
        ],
    )
    graph = model.graph
    graph.node[-1].output[0] = "single"
    graph.initializer.extend(
        [
            helper.make_tensor("times", TensorProto.INT64, [], [2]),
            helper.make_tensor("always", TensorProto.BOOL, [], [True]),
        ]
    )
    loop = helper.make_node("Loop", ["times", "always", "single"], ["scores"], body=body)
    graph.node.append(loop)
    (folder / "loop.onnx").write_bytes(model.SerializeToString())


def _records(folder: Path) -> None:
    """Records of each kind, by the tests' own makers."""
    from tests.export.sweep.fake_sweep import fake_sweep
    from tests.runtime.baseline.sessions import session
    from tests.runtime.bench_records import record_maker
    from tests.runtime.check.pairs import pair
    from tests.runtime.check.reports import report_of

    from strop.runtime.artifact.artifact import sha256_file
    from strop.runtime.baseline.directory import BaselineDirectory
    from strop.runtime.baseline.index import Index, Promotion
    from strop.runtime.bench.record import BENCH_RECORD
    from strop.runtime.check.judge.report import CHECK_REPORT

    records = folder / "records"
    records.mkdir()
    with tempfile.TemporaryDirectory() as board:
        made = record_maker(Path(board) / "a")(5.0)
        (records / "bench.json").write_text(BENCH_RECORD.dumps(made))
        pairs = [pair(0.01 * i) for i in range(7)]
        for i in range(2):
            report = report_of(Path(board) / f"c{i}", pairs)
            (records / f"check{i}.json").write_text(CHECK_REPORT.dumps(report))
    artifact = folder / "bundle" / "keras.int8.tflite"
    sha256 = sha256_file(artifact)
    baselines = BaselineDirectory(folder / "baselines")
    baselines.add_artifact(artifact, sha256)
    for hours in range(0, 12, 2):
        baselines.add_session(session(sha256=sha256, hours=hours))
    promoted = Promotion(
        model="model",
        sha256=sha256,
        replaces=None,
        reason="first",
        promoted_by="somebody",
        promoted_at="2026-01-31T12:00:00Z",
        evidence=(),
    )
    baselines.write_index(Index(models=(promoted,)))
    (folder / "sweep").mkdir()
    fake_sweep(folder / "sweep")


def _checkpoints(folder: Path) -> None:
    from tests.export.zoo.torch_files import state, write_legacy, write_zip

    arrays: dict[str, Any] = {
        "features.0.0.weight": np.ones((4, 3, 3, 3), np.float32),
        "features.0.1.num_batches_tracked": np.array(7, np.int64),
        "classifier.1.weight": np.ones((5, 4), np.float32),
        "classifier.1.bias": np.zeros(5, np.float32),
    }
    write_zip(folder / "zip.pth", state(arrays))
    write_legacy(folder / "legacy.pth", state(arrays))


def _training(folder: Path) -> None:
    """A training of two epochs: ended after the first, and gone on with to its end."""
    from strop.export.commands.train import FINE_TUNING_RATE
    from strop.export.tensorflow_logs import quiet_tensorflow
    from strop.export.training.fit import train
    from strop.export.training.images import find_images
    from strop.export.training.recipe import Recipe

    quiet_tensorflow()
    os.chdir(folder)  # paths are a part of the images' fingerprint, and of the recipe
    images = find_images(Path("images"), validation=None, validation_share=0.1, labels=None, seed=0)
    # As the command line makes it from the flags of source_kinds.TRAINED.
    recipe = Recipe(
        model="mobilenet_v2",
        size=SIDE,
        weights="hdf5.h5",
        epochs=2,
        batch_size=4,
        learning_rate=FINE_TUNING_RATE,
    )
    place = Path("training")
    place.mkdir()

    def end(number: int, epoch: object) -> None:
        if number == 1:
            raise KeyboardInterrupt

    def passed_on(items: Any, total: int, label: str) -> Any:
        return items

    with contextlib.suppress(KeyboardInterrupt):
        train(recipe, images, output=place / "model.keras", on_epoch=end, progress=passed_on)
    train(recipe, images, output=place / "done.keras", progress=passed_on)


def main() -> None:
    """Make the seeds in the folder that is given, without a word."""
    with contextlib.redirect_stdout(io.StringIO()):
        make_seeds(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
