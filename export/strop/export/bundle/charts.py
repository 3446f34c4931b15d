"""Draws the charts of an export's page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from strop.export.bundle.manifest import Manifest
from strop.export.bundle.tables import Table, costs_table, times_table
from strop.export.certify.certificate import Verdict
from strop.export.inspect.contents import Latency
from strop.export.max_drop.frontier import Frontier
from strop.export.quantize.costs import Cost
from strop.runtime.artifact.contract import Task
from strop.runtime.bench.layer_times import LayerTimes
from strop.runtime.classify.task_words import WORDS
from strop.runtime.pages.chart import Chart
from strop.runtime.pages.plots import Bar, PlotAxis, PlotPoint, bar_chart, point_chart
from strop.runtime.statistics.intervals import Interval
from strop.runtime.units import BYTES_PER_MIB, PERCENT

BARS = 20
COST_SERIES, TIME_SERIES = 2, 1  # columns: what is rounded, and the operation
FLOAT = "float model as float32 .tflite"
SEPARATOR = "/"  # in the converters' names of layers
Ends = tuple[float, float]


def overview(manifest: Manifest) -> Chart | None:
    """Draw how near each file comes to the float model, and how long it takes.

    Returns:
        None where no latencies are known.
    """
    artifacts = {each.file: each for each in manifest.artifacts}
    points = []
    # Of several outputs the first: each has a measure of its own.
    for verdict in manifest.certificate.verdicts:
        artifact = artifacts[verdict.artifact]
        if artifact.latency is not None:
            name = artifact.file.removeprefix(f"{manifest.source.name}.")
            size = f"{artifact.size_bytes / BYTES_PER_MIB:.2f} MiB"
            points.append(_point(name, artifact.latency, *_nearness(verdict), size))
    if not points:
        return None
    words = WORDS[manifest.certificate.task]
    known = [each.latency for each in manifest.artifacts]
    if manifest.float_latency is not None and manifest.float_latency not in known:
        exact = 0.0 if words.is_error else 1.0
        points.append(_point(FLOAT, manifest.float_latency, exact, None, "", is_hollow=True))
    near = f"same {words.answer} as the float model, %"
    if words.is_error:
        unit = "the longer side" if manifest.certificate.task is Task.LANDMARKS else "its spread"
        near = f"mean distance from the float model, % of {unit}"
    if manifest.certificate.output:
        near = f"{manifest.certificate.output}: {near}"
    return point_chart(
        points,
        x=PlotAxis(title="p50 for one image, ms", from_zero=True),
        y=PlotAxis(title=near),
        title="How near to the float model, and how fast",
    )


def frontier_chart(frontier: Frontier) -> Chart:
    """Draw what more of the network in float takes, and how near to float it comes."""
    points = [
        PlotPoint(
            series=price.artifact,
            x=price.ms / price.int8_ms,
            y=point.signal_to_noise_db,
            details=[price.artifact, f"in float: {point.words}", f"{price.ms:.3g} ms"],
            is_hollow=at != (frontier.chosen or 0),
        )
        for at, point in enumerate(frontier.points)
        for price in point.prices
    ]
    return point_chart(
        points,
        x=PlotAxis(title="p50 for one image, of int8's"),
        y=PlotAxis(title="signal to noise of the scores, dB"),
        title="More of the network in float",
    )


def costs_chart(costs: Sequence[Cost]) -> Chart:
    """Draw what rounding costs at the BARS layers at which it costs most."""
    bars = _bars(costs_table(costs), [cost.divergence for cost in costs], series=COST_SERIES)
    return bar_chart(bars, value_title="nats per image", title="Divergence by layer")


def times_chart(file: str, times: LayerTimes) -> Chart:
    """Draw how long the BARS slowest operations of a file take."""
    table = times_table(times)
    microseconds = sorted((each.microseconds for each in times.operations), reverse=True)
    bars = _bars(table, microseconds, series=TIME_SERIES)
    return bar_chart(bars, value_title="microseconds", title=f"Time by operation of {file}")


def _bars(table: Table, values: Sequence[float], *, series: int) -> list[Bar]:
    """Make a bar of each of the first rows; the layer is in the first column."""
    names = layer_names(row[0] for row in table.rows)
    return [
        Bar(
            name=names[row[0]],
            value=value,
            series=row[series],
            details=[f"{name}: {cell}" for name, cell in zip(table.columns, row, strict=True)],
        )
        for row, value in zip(table.rows[:BARS], values, strict=False)
    ]


def layer_names(paths: Iterable[str]) -> dict[str, str]:
    """Name each path by its last parts: as few as tell it from the others.

    "net_1/stem_1/conv_2/Add" is "conv_2/Add": a part without "_" is an operation's name or one
    of strop's, and is not shown without the layer that it belongs to.
    """
    known = set(paths)
    endings = Counter(ending for path in known for ending in _endings(path))
    return {
        path: next(each for each in _endings(path) if endings[each] == 1 or each == path)
        for path in known
    }


def _endings(path: str) -> list[str]:
    """Return the ends of a path that may name it, the shortest first."""
    parts = path.split(SEPARATOR)
    starts = (at for at in range(len(parts) - 1, 0, -1) if "_" in parts[at])
    return [*(SEPARATOR.join(parts[at:]) for at in starts), path]


def _nearness(verdict: Verdict) -> tuple[float, Interval | None]:
    """Return the agreement with its interval; of numbers, the largest mean error, or points'."""
    if verdict.agreement is not None:
        return verdict.agreement, verdict.agreement_interval
    if verdict.points is not None:
        return verdict.points.found.mean, verdict.points.found.mean_interval
    known = [error for error in verdict.errors if error.spread]
    if not known:
        return 0.0, None
    worst = max(known, key=lambda error: error.mean / error.spread)
    low, high = worst.mean_interval.low, worst.mean_interval.high
    within = Interval(low=low / worst.spread, high=high / worst.spread)
    return worst.mean / worst.spread, within


def _point(
    name: str,
    latency: Latency,
    near: float,
    within: Interval | None,
    size: str,
    *,
    is_hollow: bool = False,
) -> PlotPoint:
    times, shares = _ends(latency.p50_interval, 1), _ends(within, PERCENT)
    return PlotPoint(
        series=name,
        x=latency.p50_ms,
        x_interval=times,
        y=PERCENT * near,
        y_interval=shares,
        details=[
            name,
            f"{latency.p50_ms:.3g} ms{_written(times, '.3g')}",
            f"{PERCENT * near:.2f} %{_written(shares, '.2f')}",
            *([size] if size else []),
        ],
        is_hollow=is_hollow,
    )


def _ends(interval: Interval | None, unit: float) -> Ends | None:
    return None if interval is None else (unit * interval.low, unit * interval.high)


def _written(ends: Ends | None, form: str) -> str:
    return "" if ends is None else f" [{ends[0]:{form}}, {ends[1]:{form}}]"
