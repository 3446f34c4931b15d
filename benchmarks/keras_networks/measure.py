"""Measures one network of keras.applications in a process of its own: its memory goes with it.

    python benchmarks/keras_networks/measure.py NAME IMAGES.json RESULT.json [SIZE]

IMAGES.json has two lists of paths: for calibration, and those that both files answer.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from keras_networks.measured import Measured
from keras_networks.networks import random_network
from tests.export.rounding_noise import expected_noise

from strop.export.bundle.make_manifest import PLAN
from strop.export.bundle.manifest import Manifest
from strop.export.frontend.convert import read_converted
from strop.export.frontend.equivalence import input_values
from strop.export.ir.execute import execute
from strop.export.ir.graph import Array
from strop.export.options.choices import Effort, Precision
from strop.export.options.options import ExportOptions
from strop.export.passes.cut_activation import cut_activation
from strop.export.passes.fold import fold_layers, fold_normalization
from strop.export.pipeline import export
from strop.export.source.source import Source, load_model_file
from strop.export.tensorflow_logs import quiet_tensorflow
from strop.runtime.artifact.artifact import Format, read_contract
from strop.runtime.artifact.contract import Contract
from strop.runtime.bench.latency import measure as measure_latency
from strop.runtime.classify.classifier import open as open_classifier
from strop.runtime.classify.prepare import preparation
from strop.runtime.engines import Engine, open_engine
from strop.runtime.errors import ArtifactError, StropError
from strop.runtime.images.dataset import pixels_in_order
from strop.runtime.units import NS_PER_MS

# tf2onnx, which writes the float .onnx, took more than 22 GB of memory for 198 million parameters.
MOST_FOR_TF2ONNX = 100_000_000


def measure(
    name: str, calibration: Sequence[Path], others: Sequence[Path], size: int | None
) -> Measured:
    """Measure a network of keras.applications as somebody's own .keras file.

    Args:
        name: As in keras.applications.
        calibration: For its statistics and for the ranges.
        others: That both files answer.
        size: Side of the images in pixels; None for the network's own.
    """
    network = random_network(name, calibration, size=size)
    found = Measured(network=name, size=network.size, parameters=network.model.count_params())
    given = None if network.model.input_shape[1] else (network.size, network.size)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"{name}.keras")
        network.model.save(file)
        try:
            source = load_model_file(file, mean=network.mean, std=network.std, size=given)
        except StropError as err:
            return replace(found, refused=str(err).replace(f"{folder}{os.sep}", ""))
        return exported(found, source, calibration, others)


def exported(
    found: Measured, source: Source, calibration: Sequence[Path], others: Sequence[Path]
) -> Measured:
    """Export a source at effort fast, and look at what came of it.

    Args:
        found: What is known of it so far.
        source: The model.
        calibration: For the ranges.
        others: That both files answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ExportOptions(
            output=Path(folder, "out"),
            calibration=tuple(calibration),
            validation=tuple(others),
            precisions=(Precision.INT8, Precision.FLOAT32),
            effort=Effort.FAST,
        )
        is_large = found.parameters > MOST_FOR_TF2ONNX
        alone = replace(options, precisions=(Precision.INT8,))
        try:
            made = export(source, alone if is_large else options)
            paths = [*made.paths, *(_float_tflite(source, options) if is_large else ())]
        except StropError as err:
            return replace(found, refused=str(err).replace(f"{folder}{os.sep}", ""))
        int8, float32 = (
            [path for path in paths if precision.value in path.name]
            for precision in (Precision.INT8, Precision.FLOAT32)
        )
        ms = _medians_ms([*int8, *float32], others[0])
        return replace(
            _compared(described(found, made.manifest), int8, others),
            tflite_ratio=ms[0] / ms[2],
            onnx_ratio=None if is_large else ms[1] / ms[3],
            bound_db=_bound_db(source, float32[0], calibration),
        )


def _float_tflite(source: Source, options: ExportOptions) -> Sequence[Path]:
    only = replace(
        options,
        output=options.output.with_name("float"),
        precisions=(Precision.FLOAT32,),
        formats=(Format.TFLITE,),
    )
    return export(source, only).paths


def described(found: Measured, manifest: Manifest) -> Measured:
    """Add what a manifest says: partitions, what is outside of them and in float, and noise."""
    delegation = manifest.artifacts[0].delegation
    causes = Counter(
        cause.kind for island in manifest.float_layers.islands for cause in island.causes
    )
    left = () if delegation is None else delegation.left
    kept = [step for step in manifest.int8_steps if step.is_kept]
    return replace(
        found,
        partitions=None if delegation is None else delegation.partitions,
        left=_lines(Counter(f"{op.kind}: {op.reason}" for op in left)),
        islands=_lines(causes),
        near_ties=len(manifest.near_ties),
        signal_to_noise_db=kept[-1].signal_to_noise_db,
    )


def _lines(counts: Counter[str]) -> tuple[str, ...]:
    return tuple(f"{count} x {line}" for line, count in counts.most_common())


def _medians_ms(paths: Sequence[Path], image: Path) -> list[float]:
    """Time files in turn on one photograph, by the processor time of one thread.

    A long inference is interrupted more often than a short one where other work runs, so that by
    the clock on the wall ratios are too small there.
    """
    with ExitStack() as stack:
        engines = [stack.enter_context(open_engine(path)) for path in paths]
        inputs = [
            [(prepared(path, engine, image),)] for path, engine in zip(paths, engines, strict=True)
        ]
        samples = measure_latency(engines, inputs, plan=PLAN, clock=time.process_time_ns)
    return [median(found.invoke_ns) / NS_PER_MS for found in samples]


def prepared(path: Path, engine: Engine, image: Path) -> Array:
    """Return an image as the input of an opened file."""
    contract = read_contract(path)
    if contract is None:
        raise ArtifactError(f"{path.name}: has no contract")
    (pixels,) = pixels_in_order([image], contract)
    return preparation(contract, engine.input).apply(pixels)


def _compared(found: Measured, paths: Sequence[Path], images: Sequence[Path]) -> Measured:
    """Answer the images by both files, and compare the scores in steps of the .tflite's."""
    with open_engine(paths[0]) as engine:
        step = engine.output.scale
    with open_classifier(paths[0]) as one, open_classifier(paths[1]) as other:
        pairs = [(one.scores(image), other.scores(image)) for image in images]
    codes = np.array([np.abs(np.rint((a - b) / step)).max() for a, b in pairs])
    return replace(
        found,
        images=len(images),
        same_scores=int((codes == 0).sum()),
        same_class=sum(int(a.argmax() == b.argmax()) for a, b in pairs),
        most_codes=float(codes.max()),
    )


def _bound_db(source: Source, float32: Path, images: Sequence[Path]) -> float:
    graph, _ = cut_activation(read_converted(float32.read_bytes(), name=source.name))
    deploy = fold_normalization(fold_layers(graph), input_values(source))
    contract = Contract(height=source.height, width=source.width)
    reals = deploy.reals(np.stack(list(pixels_in_order(images, contract))))
    scores: Array = np.asarray(execute(deploy.graph, reals))
    return 10 * math.log10(float(np.var(scores)) / expected_noise(deploy.graph, reals))


def main(arguments: Sequence[str]) -> None:
    """Measure one network, and write what is known of it."""
    quiet_tensorflow()
    name, images, result, *size = arguments
    calibration, others = json.loads(Path(images).read_text(encoding="utf-8"))
    found = measure(
        name,
        [Path(path) for path in calibration],
        [Path(path) for path in others],
        int(size[0]) if size else None,
    )
    Path(result).write_text(json.dumps(found.as_json()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
