"""Draws the README's two pictures from the records in results/.

uv run python benchmarks/readme_pictures.py docs
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from strop.runtime.pages.chart import Chart, Row, Spec, picture
from strop.runtime.pages.plots import PlotAxis, PlotPoint, point_chart
from strop.runtime.pages.style import DIM, INK, LINES
from strop.runtime.units import NS_PER_MS, PERCENT

RESULTS = Path(__file__).parent / "results"
WIDTH = 640
PEERS = {  # names in the record, and in the picture
    "strop-tflite": "strop, .tflite and .onnx",
    "strop-onnx": "",
    "tflite-int8": "TFLiteConverter",
    "onnx-static": "onnxruntime quantize_static",
    "onnx-static-conv": "the same, convolutions only",
    "onnx-from-tflite": "tf2onnx of TFLiteConverter's",
    "tflite-float": "float .tflite",
    "onnx-float": "float .onnx",
}
SERIES = ("strop", "other converters", "float")
SIMPLE_LIMIT = 1.05  # pytest-benchmark's median:5%, and the same for a plain ratio
KINDS = {  # of trials, and what the picture calls them
    "improved by 9 %": "9 % faster",
    "equal": "the same file",
    "equal, beside a hog": "the same file, one of two cores busy",
    "+5 %": "5 % slower",
    "+10 %": "10 % slower",
    "+10 %, beside a hog": "10 % slower, one of two cores busy",
}
VERDICTS = {
    "improved": LINES[0].light,
    "pass": LINES[2].light,
    "inconclusive": LINES[4].light,
    "regression": LINES[1].light,
}
GATES = ("strop check", "pytest-benchmark, 5 %", "ratio of two runs, 5 %")
ROW_STEP = 19  # pixels


def main() -> None:
    """Write both pictures into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for name, text in pictures().items():
        (folder / name).write_text(text)


def pictures() -> dict[str, str]:
    """Return the SVG files by name."""
    return {"agreement.svg": agreement_picture(), "gate.svg": gate_picture()}


def agreement_picture() -> str:
    """Draw agreement with the float model over latency, for strop and its peers."""
    record = json.loads((RESULTS / "mobilenet_v2_imagenet.json").read_text())
    chart = point_chart(
        sorted(map(_peer_point, record["peers"]), key=lambda each: SERIES.index(each.series)),
        x=PlotAxis(title="p50 latency of one image, ms", is_log=True),
        y=PlotAxis(title="same class as the float model, % of images, with 95 % intervals"),
        title="",
    )
    notes = (
        f"MobileNetV2 1.0/224, {record['images']} images of ImageNet; two-core x86-64 VM, one"
        " thread.",
    )
    return picture(
        [chart],
        title="How often a file agrees with the float model, and how fast it is",
        notes=notes,
        width=WIDTH,
    )


def gate_picture() -> str:
    """Draw what three gates said of files whose true slowdown is known."""
    lines = (RESULTS / "check_trials.jsonl").read_text().splitlines()[1:]  # the plan is first
    trials = list(map(json.loads, lines))
    rows = list(_gate_rows(trials))
    chart = Chart(
        title="",
        rows=rows,
        layers=_gate_layers(),
        can_zoom=False,
        height=ROW_STEP * (1 + max(int(row["rank"] or 0) for row in rows)),
    )
    notes = (f"Verdicts of {len(trials)} trials on a busy two-core VM; red fails the build.",)
    title = "What a gate says of a new file that is ..."
    return picture([chart], title=title, notes=notes, width=WIDTH - 280)


def _peer_point(peer: Mapping[str, Any]) -> PlotPoint:
    name = PEERS[peer["peer"]]
    is_strop = peer["peer"].startswith("strop")
    interval = peer["verdict"]["agreement_interval"]
    return PlotPoint(
        name=name,
        series=SERIES[0] if is_strop else SERIES[2 if peer["precision"] == "float32" else 1],
        x=median(peer["samples"]["invoke_ns"]) / NS_PER_MS,
        y=PERCENT * peer["verdict"]["agreement"],
        y_interval=(PERCENT * interval["low"], PERCENT * interval["high"]),
        is_hollow=peer["precision"] == "float32",
    )


def _gate_rows(trials: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    rank = 0
    for kind, heading in KINDS.items():
        ours = [trial for trial in trials if trial["kind"] == kind]
        yield {"rank": rank, "heading": heading}
        for gate, verdicts in zip(GATES, _verdicts(ours), strict=True):
            rank += 1
            red = f"red: {verdicts['regression']} of {len(ours)}"
            yield {"rank": rank, "gate": gate, "red": red}
            low = 0.0
            for verdict in VERDICTS:
                high = low + verdicts[verdict] / len(ours)
                if high > low:
                    yield {"rank": rank, "verdict": verdict, "low": low, "high": high}
                low = high
        rank += 1


def _verdicts(trials: Sequence[Mapping[str, Any]]) -> Iterator[Counter[str]]:
    """Count what strop's check, and the two simple gates, said."""
    yield Counter(trial["decision"]["verdict"] for trial in trials)
    for ratio in ("cold_ratio", "warm_ratio"):
        is_red = [trial["sequential"][ratio] > SIMPLE_LIMIT for trial in trials]
        yield Counter("regression" if red else "pass" for red in is_red)


def _gate_layers() -> list[Spec]:
    rank = {"field": "rank", "type": "ordinal", "axis": None}
    low = {"field": "low", "type": "quantitative", "axis": None}
    scale = {"domain": list(VERDICTS), "range": list(VERDICTS.values())}
    colour = {"field": "verdict", "type": "nominal", "scale": scale}
    bar = {"y": rank, "x": low, "x2": {"field": "high"}, "color": colour}

    def text(field: str, x: int | str, **mark: object) -> Spec:
        at = {"y": rank, "x": {"value": x}, "text": {"field": field}}
        mark = {"type": "text", "baseline": "middle", **mark}
        return {"transform": [{"filter": f"datum.{field}"}], "mark": mark, "encoding": at}

    return [
        {"transform": [{"filter": "datum.verdict"}], "mark": "bar", "encoding": bar},
        text("heading", 0, align="left", fontWeight="bold", color=INK.light, dy=3),
        text("gate", 0, align="right", dx=-8, color=DIM.light),
        text("red", "width", align="left", dx=8, color=INK.light),
    ]


if __name__ == "__main__":
    main()
