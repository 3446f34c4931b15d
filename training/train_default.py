"""Train the model that ships with strop, and write the images that ship with it.

The network is MobileNetV2 (alpha 0.35, 64 x 64) on Fashion-MNIST; the recipe is that
of the MobileNet papers: SGD with momentum 0.9, weight decay 4e-5, batch normalization,
dropout 0.2 in front of the classifier, and light augmentation.

Run it from the repository's root, with Debian's package dataset-fashion-mnist installed:

    uv run python training/train_default.py --output calibration_data

With --model it trains another network of keras.applications by the same recipe, to see
what int8 does to its family:

    uv run python training/train_default.py --model mobilenet_v3_small --output build/trained

Sources:
    M. Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks,
    CVPR 2018, section 6.1 (the recipe).
    H. Xiao et al., Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms, arXiv:1708.07747 (the data).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import struct
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]

DATASET = Path("/usr/share/datasets/fashion-mnist")
LABELS = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle-boot",
)
SIZE = 64  # pixels; the images are 28 x 28 and are stretched to this
ALPHA = 0.35
BATCH_SIZE = 128
PEAK_LEARNING_RATE = 0.1
WEIGHT_DECAY = 4e-5  # MobileNetV2 paper, section 6.1
DROPOUT = 0.2
# keras.applications has 0.999, which lags by a thousand steps: two epochs here.
BATCH_NORM_MOMENTUM = 0.99
MAX_SHIFT = 5  # pixels of the 64
CALIBRATION_PER_CLASS = 20
VALIDATION_PER_CLASS = 100


DEFAULT = "mobilenet_v2"
BACKBONES = {
    DEFAULT: partial(keras.applications.MobileNetV2, alpha=ALPHA),
    "mobilenet_v3_small": keras.applications.MobileNetV3Small,
    "mobilenet_v3_large": keras.applications.MobileNetV3Large,
    "efficientnet_b0": keras.applications.EfficientNetB0,
}


def read_idx(path: Path) -> Bytes:
    """Read a gzipped IDX file of unsigned bytes (images [N, H, W] or labels [N])."""
    data = gzip.decompress(path.read_bytes())
    rank = data[3]
    shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def stretch(images: Bytes) -> Bytes:
    """Resize [N, 28, 28] to [N, SIZE, SIZE] as strop's contract of the model does."""
    resized = [
        np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        for image in images
    ]
    return np.stack(resized)


def to_rgb(images: Bytes) -> Bytes:
    return np.repeat(images[..., None], 3, axis=-1)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, randomly shifted and mirrored training batches, the same for a seed."""

    def __init__(self, images: Bytes, labels: Bytes, *, seed: int) -> None:
        super().__init__()
        self.padded = np.pad(images, ((0, 0), (MAX_SHIFT, MAX_SHIFT), (MAX_SHIFT, MAX_SHIFT)))
        self.labels = labels
        self.random = np.random.default_rng(seed)
        self.order = self.random.permutation(len(labels))

    def __len__(self) -> int:
        return len(self.labels) // BATCH_SIZE

    def __getitem__(self, index: int) -> tuple[Bytes, Bytes]:
        chosen = self.order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        batch = np.empty((len(chosen), SIZE, SIZE), np.uint8)
        shifts = self.random.integers(0, 2 * MAX_SHIFT + 1, (len(chosen), 2))
        mirrored = self.random.random(len(chosen)) < 0.5
        for row, (source, (y, x), mirror) in enumerate(zip(chosen, shifts, mirrored, strict=True)):
            image = self.padded[source, y : y + SIZE, x : x + SIZE]
            batch[row] = image[:, ::-1] if mirror else image
        return to_rgb(batch), self.labels[chosen]

    def on_epoch_end(self) -> None:
        self.order = self.random.permutation(len(self.labels))


def build(name: str) -> keras.Model:
    """A network with its normalization inside: uint8-valued RGB in, probabilities out."""
    backbone = BACKBONES[name](
        input_shape=(SIZE, SIZE, 3), weights=None, include_top=False, pooling="avg"
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    image = keras.Input((SIZE, SIZE, 3), name="image")
    # The networks after V2 normalize by themselves.
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(image) if name == DEFAULT else image
    features = backbone(scaled)
    features = keras.layers.Dropout(DROPOUT)(features)
    scores = keras.layers.Dense(len(LABELS), activation="softmax", name="scores")(features)
    return keras.Model(image, scores, name=f"{name}_fashion_mnist")


def train(model: keras.Model, images: Bytes, labels: Bytes, *, epochs: int, seed: int) -> None:
    batches = Batches(stretch(images), labels, seed=seed)
    warmup_steps = len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=len(batches) * epochs - warmup_steps,
        warmup_target=PEAK_LEARNING_RATE,
        warmup_steps=warmup_steps,
    )
    model.compile(
        keras.optimizers.SGD(schedule, momentum=0.9, weight_decay=WEIGHT_DECAY),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(batches, epochs=epochs, verbose=2)


def top1(model: keras.Model, images: Bytes, labels: Bytes) -> float:
    scores = model.predict(to_rgb(stretch(images)), batch_size=250, verbose=0)
    return float(np.mean(np.argmax(scores, axis=1) == labels))


def write_images(folder: Path, images: Bytes, labels: Bytes, *, per_class: int) -> None:
    """Write the first `per_class` images of each class as LABEL/NNNNN.png, 28 x 28, grey."""
    for number, label in enumerate(LABELS):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in np.flatnonzero(labels == number)[:per_class]:
            Image.fromarray(images[index]).save(folder / label / f"{index:05}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the model that ships with strop.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    parser.add_argument("--model", choices=list(BACKBONES), default=DEFAULT)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dataset", type=Path, default=DATASET)
    options = parser.parse_args()

    train_images = read_idx(options.dataset / "train-images-idx3-ubyte.gz")
    train_labels = read_idx(options.dataset / "train-labels-idx1-ubyte.gz")
    test_images = read_idx(options.dataset / "t10k-images-idx3-ubyte.gz")
    test_labels = read_idx(options.dataset / "t10k-labels-idx1-ubyte.gz")

    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "labels.txt").write_text("\n".join(LABELS) + "\n")
    write_images(
        options.output / "calibration",
        train_images,
        train_labels,
        per_class=CALIBRATION_PER_CLASS,
    )
    write_images(
        options.output / "validation", test_images, test_labels, per_class=VALIDATION_PER_CLASS
    )

    keras.utils.set_random_seed(options.seed)
    model = build(options.model)
    train(model, train_images, train_labels, epochs=options.epochs, seed=options.seed)
    accuracy = top1(model, test_images, test_labels)
    # Without the optimizer's state: what ships is for inference.
    inference = keras.Model(model.inputs, model.outputs, name=model.name)
    inference.save(options.output / f"{model.name}.keras")
    record = {
        "model": options.model,
        "alpha": ALPHA if options.model == DEFAULT else 1.0,
        "size": SIZE,
        "epochs": options.epochs,
        "seed": options.seed,
        "test_images": len(test_labels),
        "test_top1": round(accuracy, 4),
        "parameters": int(model.count_params()),
        "keras": keras.__version__,
    }
    (options.output / f"{model.name}.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
