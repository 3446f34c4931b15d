"""Measures how much int8 files differ where only the last digit of the float weights does.

    uv run python benchmarks/last_digit.py mobilenet_v2 --weights FILE.pth \
        --calibration-data DIR --validation-data DIR --output FILE.json

Two ways to one model, as a `.pth` and the `.onnx` that PyTorch wrote of it, fold the same weights
in another order and differ by their rounding. Here the folded graph is exported as it is, and with
each weight moved to one of the two float32 numbers beside it, drawn at random, by several seeds. A
record is written after each, and a run that was stopped goes on there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from record_file import origin, write_record

from strop import console
from strop.export.emit.tflite import emit_tflite
from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import proven_fold
from strop.export.ir.execute import batch_size
from strop.export.ir.float_tflite import float_tflite
from strop.export.ir.graph import Graph, Tensor
from strop.export.ir.litert_session import LitertSession
from strop.export.options.choices import Effort
from strop.export.passes.cut_activation import cut_activation
from strop.export.passes.fold import DeployGraph
from strop.export.quantize.tune import tune
from strop.export.source.normalization import Normalization
from strop.export.source.source import Source
from strop.export.zoo.build import open_model
from strop.export.zoo.spec import ModelSpec
from strop.runtime.artifact.contract import Activation, Contract, ResizeRule
from strop.runtime.classify.decision import decide
from strop.runtime.errors import StropError
from strop.runtime.images.dataset import batches, list_images

FORMAT_VERSION = 1
SEEDS = 6
Array = NDArray[np.generic]


def moved(graph: Graph, seed: int) -> Graph:
    """Move every constant of a float graph by its last digit; by nothing with seed 0."""
    random = np.random.default_rng(seed)
    tensors: dict[str, Tensor] = dict(graph.tensors)
    for name, tensor in graph.tensors.items():
        if tensor.data is not None and seed:
            ways = random.choice(np.array([-np.inf, np.inf], np.float32), tensor.data.shape)
            # Beside 0 there are only numbers that are too small for a processor to be quick with.
            beside = np.where(tensor.data == 0, 0, np.nextafter(tensor.data, ways))
            tensors[name] = replace(tensor, data=beside)
    return replace(graph, tensors=tensors)


class Judge:
    """Float's classes of the validation images, to count the same ones of int8 files."""

    def __init__(self, deploy: DeployGraph, images: Sequence[Array]) -> None:
        graph = deploy.graph
        session = LitertSession(float_tflite(graph, graph.ops, [graph.input], [graph.output]))
        self._images = images
        self._expected = [session.run([deploy.reals(batch)])[0].argmax(-1) for batch in images]

    def same(self, tflite: bytes) -> int:
        """Count the images whose class an int8 .tflite gives as float does."""
        session = LitertSession(tflite)
        found = (session.run([batch])[0].argmax(-1) for batch in self._images)
        return sum(
            int((one == other).sum()) for one, other in zip(found, self._expected, strict=True)
        )


def export(
    deploy: DeployGraph, activation: Activation, sample: Sequence[Array], effort: Effort
) -> tuple[bytes, dict[str, float]]:
    """Quantize a folded graph; give its int8 .tflite, and the divergence after each step."""
    scores = deploy.graph.tensors[deploy.graph.output].shape[-1]
    decision = decide(scores, activation, where="last_digit")
    tuned = tune(deploy, sample, sample, decisions=[decision], effort=effort)
    return emit_tflite(tuned.quantized), {step.name: step.divergence for step in tuned.steps}


def opened(model: str, weights: str | None, mean: Normalization, std: Normalization) -> Source:
    """Open a network of the zoo, or a model file with its normalization."""
    return open_model(ModelSpec(model=model, weights=weights, mean=mean, std=std))


def numbers(text: str) -> tuple[float, ...]:
    """Read a list with commas."""
    return tuple(map(float, text.split(",")))


def main() -> int:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="name of the zoo, or a model file")
    parser.add_argument("--weights", help="of a network of the zoo")
    parser.add_argument("--mean", type=numbers, help="of a file, per channel, in 0..255 units")
    parser.add_argument("--std", type=numbers, help="likewise")
    parser.add_argument("--calibration-data", type=Path, required=True)
    parser.add_argument("--validation-data", type=Path, required=True)
    parser.add_argument("--effort", type=Effort, choices=list(Effort), default=Effort.DEFAULT)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="moved graphs")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    source = opened(args.model, args.weights, args.mean, args.std)
    contract = Contract(
        height=source.height,
        width=source.width,
        channels=source.channels,
        resize=ResizeRule.CROP,
        activation=Activation.NONE,
    )
    at_once = batch_size(source.height, source.width)
    sample, others = (
        list(batches(list_images(folder), contract, batch_size=at_once))
        for folder in (args.calibration_data, args.validation_data)
    )
    graph, activation = cut_activation(float_graph(source))
    deploy = proven_fold(source, graph, [activation], np.concatenate(sample))
    judge = Judge(deploy, others)
    rows = json.loads(args.output.read_text())["rows"] if args.output.exists() else []
    for seed in range(len(rows), args.seeds + 1):
        graph = moved(deploy.graph, seed)
        file, steps = export(replace(deploy, graph=graph), activation, sample, args.effort)
        rows.append({"seed": seed, "same": judge.same(file), "divergence": steps})
        console.note(f"{rows[-1]}")
        write_record(
            {
                "format_version": FORMAT_VERSION,
                "model": source.name,
                "sha256": source.sha256,
                "effort": args.effort.value,
                "images": sum(map(len, others)),
                "calibration_images": sum(map(len, sample)),
                "rows": rows,
                **origin(),
            },
            args.output,
        )
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except StropError as err:
        raise SystemExit(f"error: {err}") from err
