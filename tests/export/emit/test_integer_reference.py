"""Both files, tensor by tensor, against the integers that they were made from.

Every operation gets the engine's own input codes, so that a difference is that operation's
and none that came down to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.export.emit import integer_reference
from tests.export.emit.every_tensor import by_litert, by_onnxruntime
from tests.export.emit.test_emitters import KINDS, variety
from tests.export.graphs import Steps, mobile_block, mobile_steps, steps, with_live_statistics
from tests.export.shuffled_nets import NETS

from strop.export.emit.tflite import emit_tflite
from strop.export.frontend.convert import float_graph
from strop.export.inspect.delegation import delegation
from strop.export.ir.graph import Array, Kind
from strop.export.options.choices import Input
from strop.export.passes.cut_activation import cut_activation
from strop.export.passes.fold import fold
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.quantize import QuantizedGraph, quantize
from strop.export.source.source import load_model_file
from strop.export.zoo.architectures import ARCHITECTURES
from strop.export.zoo.build import keras_model
from strop.export.zoo.spec import RANDOM, ModelSpec
from strop.runtime.artifact.contract import Activation, Contract, ResizeRule
from strop.runtime.images.dataset import batches

IMAGES = 8
Codes = list[dict[str, Array]]
ENGINES: dict[str, Callable[[QuantizedGraph, Iterable[Array]], Codes]] = {
    "litert": by_litert,
    "onnxruntime": by_onnxruntime,
}
# All operations are the reference's to the code, in both engines; but where no scale keeps its
# distance from ties, float32's error decides: measured 0.
NEAR_TIES_SHARE = 0.001
SHARED = os.environ.get("STROP_SHARED")


def differences(quantized: QuantizedGraph, found: Codes) -> dict[Kind, Array]:
    """For every kind of operation, how many codes each value is off the reference."""
    graph = quantized.graph
    gaps: dict[Kind, list[Array]] = {}
    for codes in found:
        for op in graph.ops:
            expected = integer_reference.run_op(graph, op, codes).astype(np.int32)
            gaps.setdefault(op.kind, []).append(np.abs(expected - codes[op.output]).reshape(-1))
    return {kind: np.concatenate(parts) for kind, parts in gaps.items()}


def check(quantized: QuantizedGraph, found: Codes) -> None:
    near_ties = {op.kind for op in quantized.graph.ops if op.output in quantized.near_ties}
    for kind, gap in differences(quantized, found).items():
        assert gap.max() <= 1, kind
        allowed = NEAR_TIES_SHARE if kind in near_ties else 0
        assert np.mean(gap > 0) <= allowed, kind


@pytest.fixture(scope="module", params=["mobile", *KINDS, *NETS])
def made(request: pytest.FixtureRequest) -> Steps:
    kind = request.param
    if kind in NETS:
        return steps(NETS[kind]())
    return steps(mobile_block() if kind == "mobile" else variety(kind))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_operation_gives_the_integers_of_the_reference(made: Steps, engine: str) -> None:
    check(made.quantized, ENGINES[engine](made.quantized, made.images[:IMAGES]))


@pytest.mark.parametrize(
    ("name", "alpha"),
    [
        ("shufflenet_v1_g3", 0.25),
        ("shufflenet_v2", 0.5),
        ("efficientnet_lite0", 1.0),
        ("mobilenet_v4_conv_small", 0.35),
    ],
)
def test_members_of_the_zoo_are_the_reference_in_both_files_and_one_partition(
    name: str, alpha: float, tmp_path: Path
) -> None:
    member = ARCHITECTURES[name]
    spec = ModelSpec(model=name, alpha=alpha, size=(64, 64), classes=7, weights=RANDOM)
    model = keras_model(spec)
    made = steps(with_live_statistics(model), mean=(member.mean,) * 3, std=(member.std,) * 3)
    assert made.quantized.near_ties == ()
    codes = [compute(made.quantized, made.images[:2]) for compute in ENGINES.values()]
    for found in codes:
        check(made.quantized, found)
    output = made.quantized.graph.output
    for tflite, onnx in zip(*codes, strict=True):
        np.testing.assert_array_equal(tflite[output], onnx[output])
    path = tmp_path / "member.tflite"
    path.write_bytes(emit_tflite(made.quantized, Input.INT8))
    delegated = delegation(path)
    assert delegated is not None
    assert delegated.is_whole


@pytest.mark.parametrize("engine", ENGINES)
def test_a_wrong_bias_is_noticed(engine: str) -> None:
    made = mobile_steps()
    found = ENGINES[engine](made.quantized, made.images[:1])
    graph = made.quantized.graph
    bias = graph.tensors[graph.ops[2].inputs[2]]
    assert bias.codes is not None
    # More than one code of the output, whatever its multiplier.
    moved = replace(bias, codes=bias.codes + 2**20)
    wrong = replace(graph, tensors={**graph.tensors, bias.name: moved})
    with pytest.raises(AssertionError):
        check(replace(made.quantized, graph=wrong), found)


@pytest.fixture(scope="module")
def mobilenet_v2() -> tuple[QuantizedGraph, Sequence[Array]]:
    shared = Path(SHARED or "")
    source = load_model_file(shared / "checkpoints/mobilenet_v2_imagenet.keras")
    contract = Contract(
        height=224, width=224, channels=3, resize=ResizeRule.CROP, activation=Activation.SOFTMAX
    )
    images = sorted(path for path in (shared / "imagenet").glob("*/*/*") if path.is_file())
    graph, _ = cut_activation(float_graph(source))
    folded = fold(graph)
    (batch,) = batches(images[:20], contract, batch_size=20)
    quantized = quantize(folded, calibrate(folded, [batch]))
    (unseen,) = batches(images[-3:], contract, batch_size=3)
    return quantized, list(unseen)


@pytest.mark.skipif(SHARED is None, reason="STROP_SHARED is not set: no real MobileNetV2 here")
def test_real_mobilenet_v2_is_the_reference_in_both_files(
    mobilenet_v2: tuple[QuantizedGraph, Sequence[Array]],
) -> None:
    quantized, images = mobilenet_v2
    assert quantized.near_ties == ()
    alone = [integer_reference.run(quantized, pixels) for pixels in images]
    for compute in ENGINES.values():
        found = compute(quantized, images)
        check(quantized, found)
        # Without a difference on the way, the scores are the same from end to end.
        for expected, codes in zip(alone, found, strict=True):
            output = quantized.graph.output
            np.testing.assert_array_equal(expected[output], codes[output])
