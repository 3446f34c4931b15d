"""The manifest of an export that nobody made, with names that no page may trust."""

from __future__ import annotations

from strop.export.bundle.charts import BARS
from strop.export.bundle.manifest import (
    Artifact,
    ImageSet,
    Manifest,
    Request,
    SourceFacts,
    WrittenFile,
)
from strop.export.certify.certificate import Certificate, OneAnswer, Verdict
from strop.export.image_checks.finding import ImageFinding
from strop.export.inspect.contents import Delegation, Latency
from strop.export.inspect.count import Count, LayerCount, Role
from strop.export.ir.island import FloatCause
from strop.export.max_drop.float_layers import (
    EndFigures,
    FloatEnd,
    FloatIsland,
    FloatLayers,
    IslandPrice,
)
from strop.export.max_drop.frontier import Frontier, FrontierPoint, PointPrice
from strop.export.options.choices import (
    Effort,
    Input,
    OnnxForm,
    OnnxInput,
    Precision,
    Result,
)
from strop.export.quantize.costs import Cost, Step
from strop.runtime.artifact.artifact import Format
from strop.runtime.artifact.contract import ResizeRule, Task
from strop.runtime.bench.layer_times import LayerTime, LayerTimes
from strop.runtime.machine.machine import machine
from strop.runtime.statistics.intervals import Interval

HOSTILE = "</style><script>alert(1)</script>\x00"
COUNT = Count(
    layers=(
        LayerCount(
            name="conv",
            kind="CONV_2D",
            role=Role.POINTWISE,
            kernel=(1, 1),
            shape=(10, 10, 4),
            weights=2000,
            parameters=2_500_000,
            multiply_adds=7_000_000,
        ),
    )
)


def cost(layer: str, divergence: float) -> Cost:
    return Cost(
        layer=layer,
        kind="CONV_2D",
        part="weights",
        noise=0.001,
        agreement=0.995,
        divergence=divergence,
    )


def latency(ms: float) -> Latency:
    interval = Interval(low=0.9 * ms, high=1.1 * ms)
    return Latency(runs=50, p50_ms=ms, p50_interval=interval)


def artifact(file: str, megabytes: int, times: LayerTimes | None) -> Artifact:
    return Artifact(
        file=file,
        precision=Precision.INT8,
        sha256="ab" * 32,
        size_bytes=megabytes * 2**20,
        ops={"CONV_2D": 3},
        float_ops={},
        inputs=("image int8 1x8x8x3",),
        outputs=("scores int8 1x10",),
        delegation=Delegation(partitions=1, undelegated=(), is_whole=True),
        layer_times=times,
        latency=latency(megabytes),
        counts=COUNT.totals() if times is None else None,
    )


def verdict(file: str) -> Verdict:
    return Verdict(
        artifact=file,
        engine="litert 2.3.0",
        kernels="xnnpack",
        top1=0.82,
        top5=0.96,
        drop=0.01,
        drop_interval=Interval(low=-0.01, high=0.02),
        agreement=0.99,
        agreement_interval=Interval(low=0.97, high=0.995),
    )


def certificate() -> Certificate:
    return Certificate(
        images=400,
        data="validation",
        overlap=0,
        task=Task.CLASSIFY,
        thresholds=(),
        names=(),
        float_top1=0.83,
        float_top5=0.97,
        float_mean_average_precision=None,
        one_answer=OneAnswer(
            answer="cat",
            agreement=0.1,
            agreement_interval=Interval(low=0.07, high=0.13),
            drop=0.7,
            is_beatable=True,
        ),
        verdicts=(verdict("m.int8.tflite"), verdict("m.int8.onnx")),
    )


def float_layers() -> FloatLayers:
    return FloatLayers(
        islands=(
            FloatIsland(
                layer=f"{HOSTILE}norm",
                kinds=("MEAN", "RSQRT"),
                causes=(
                    FloatCause(
                        layer="norm", kind="RSQRT", found="RSQRT", needs="BatchNormalization"
                    ),
                ),
                prices=(IslandPrice(artifact="m.int8.tflite", ms=0.125, whole_ms=2.5),),
            ),
        ),
        frontier=Frontier(
            images=100,
            points=tuple(
                FrontierPoint(
                    layer=f"{HOSTILE}head" * bool(tail),
                    tail=tail,
                    sums=2,
                    spared=(f"{HOSTILE}spared (weights)",) * (not tail),
                    divergence=0.004 / (1 + tail),
                    signal_to_noise_db=20.0 + tail,
                    agreement=0.98,
                    prices=(PointPrice(artifact="m.int8.tflite", ms=0.9 + tail / 10, int8_ms=0.9),),
                )
                for tail in (0, 4)
            ),
            chosen=1,
        ),
        ends=(
            FloatEnd(
                output="face",
                layer=f"{HOSTILE}dense",
                ops=2,
                figure="1st percentile of the cosine to float",
                limit=0.995,
                is_missed=False,
                images=72,
                is_held_out=True,
                files=(
                    EndFigures(
                        artifact="m.int8.tflite", int8=0.99, float_end=0.998, ms_int8=0.9, ms=0.91
                    ),
                ),
            ),
        ),
    )


def fake_manifest() -> Manifest:
    """Two int8 files, certified, with more layers than are drawn."""
    images = ImageSet(images=400, sha256="cd" * 32)
    times = LayerTimes(
        operations=tuple(
            LayerTime(layer=f"{HOSTILE}{i}", kind="QLinearConv", microseconds=100.0 * i)
            for i in range(1, 4)
        ),
        whole_microseconds=550.0,
    )
    return Manifest(
        versions={"python": "3.11", "strop": "0.1.0"},
        source=SourceFacts(
            name=HOSTILE,
            sha256="ef" * 32,
            classes=10,
            mean=(0.0,) * 3,
            std=(1.0,) * 3,
            engine=HOSTILE,
        ),
        options=Request(
            precisions=(Precision.INT8,),
            formats=tuple(Format),
            resize=ResizeRule.CROP,
            crop_fraction=0.875,
            effort=Effort.DEFAULT,
            max_drop=None,
            max_flips=0.02,
            max_float_layers=3,
            full_int8=False,
            task=Task.CLASSIFY,
            thresholds=(),
            input=Input.INT8,
            onnx_input=OnnxInput.BYTES,
            onnx_form=OnnxForm.QDQ,
            symmetric=False,
            result=Result.SCORES,
            result_type=None,
            calibration=images,
            validation=images,
        ),
        artifacts=(artifact("m.int8.tflite", 3, None), artifact("m.int8.onnx", 2, times)),
        golden=WrittenFile(file="m.golden.npz", sha256="01" * 32, size_bytes=5000),
        int8_steps=(Step(name="ranges", divergence=0.0012, signal_to_noise_db=30.5, is_kept=True),),
        near_ties=("gate",),
        by_processor=("gate",),
        sensitivity=tuple(cost(f"{HOSTILE}{i}", 0.5 / (i + 1)) for i in range(2 * BARS)),
        float_layers=float_layers(),
        calibration_checks=(
            ImageFinding(
                name="growth",
                numbers={"images": 400, "eighth_rel_width": 0.8, "worst": "conv", "top1": None},
                remedy="add images of snow",
            ),
        ),
        certificate=certificate(),
        consumer=None,
        machine=machine(),
        float_latency=latency(6.0),
    )
