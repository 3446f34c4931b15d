"""Draws the charts of an export's page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from strop.export.bundle.manifest import Manifest
from strop.export.bundle.manifest_rows import COST_COLUMNS, TIME_COLUMNS, cost_row, time_rows
from strop.export.certify.certificate import Verdict
from strop.export.inspect.contents import Latency
from strop.export.quantize.costs import Cost
from strop.runtime.bench.layer_times import LayerTimes
from strop.runtime.pages.chart import PICKED, Chart, Row, Spec, tooltip
from strop.runtime.statistics.intervals import Interval
from strop.runtime.units import BYTES_PER_MIB, PERCENT

SEPARATOR = "/"  # in the converters' names of layers
BARS = 20
BAR_STEP = 26  # pixels, a name and a bar below it
FLOAT = "float model as float32 .tflite"
MADE, REFERENCE = "made", "float"
MARGIN = 1.05  # of the axis, to the right of the slowest
NAMES = {"field": "name", "type": "nominal", "sort": None}


def overview(manifest: Manifest) -> Chart | None:
    """Draw how near each file comes to the float model, and how long it takes.

    Returns:
        None where no latencies are known.
    """
    latencies = {each.file: each.latency for each in manifest.artifacts}
    sizes = manifest.sizes_bytes
    rows: list[Row] = []
    for verdict in manifest.certificate.verdicts:
        latency = latencies[verdict.artifact]
        if latency is not None:
            size = f"{sizes[verdict.artifact] / BYTES_PER_MIB:.2f} MiB"
            name = verdict.artifact.removeprefix(f"{manifest.source.name}.")
            rows.append(_point(name, latency, *nearness(verdict), size))
    if not rows:
        return None
    is_regression = manifest.certificate.verdicts[0].agreement is None
    if manifest.float_latency is not None:
        exact = 0.0 if is_regression else 1.0
        rows.append(_point(FLOAT, manifest.float_latency, exact, None, ""))
    title = "same answer as the float model, %"
    if is_regression:
        title = "mean distance from the float model, % of its spread"
    ms = {
        "field": "ms",
        "type": "quantitative",
        "title": "p50 for one image, ms",
        "scale": {"domain": [0, MARGIN * max(_highest_ms(row) for row in rows)], "nice": True},
    }
    near = {
        "field": "near",
        "type": "quantitative",
        "title": title,
        "scale": {"zero": False, "padding": 12},
    }
    return Chart(
        title="How near to the float model, and how fast",
        rows=rows,
        layers=_overview_layers(rows, ms, near),
        series="name",
    )


def nearness(verdict: Verdict) -> tuple[float, Interval | None]:
    """Return the agreement with its interval; of a regression, the largest mean error."""
    if verdict.agreement is not None:
        return verdict.agreement, verdict.agreement_interval
    found = [
        (
            error.mean / error.spread,
            Interval(
                low=error.mean_interval.low / error.spread,
                high=error.mean_interval.high / error.spread,
            ),
        )
        for error in verdict.errors
        if error.spread
    ]
    return max(found, key=lambda each: each[0], default=(0.0, None))


def _point(
    name: str, latency: Latency, near: float, near_interval: Interval | None, size: str
) -> Row:
    ms, within = latency.p50_ms, latency.p50_interval
    return {
        "name": name,
        "ms": ms,
        "ms_low": None if within is None else within.low,
        "ms_high": None if within is None else within.high,
        "near": PERCENT * near,
        "near_low": None if near_interval is None else PERCENT * near_interval.low,
        "near_high": None if near_interval is None else PERCENT * near_interval.high,
        "latency": f"{ms:.3g} ms" + _ends(within, 1, ".3g"),
        "nearness": f"{PERCENT * near:.2f} %" + _ends(near_interval, PERCENT, ".2f"),
        "size": size,
        "kind": REFERENCE if name == FLOAT else MADE,
    }


def _ends(interval: Interval | None, unit: float, form: str) -> str:
    if interval is None:
        return ""
    return f" [{unit * interval.low:{form}}, {unit * interval.high:{form}}]"


def _highest_ms(row: Row) -> float:
    return float(row["ms_high"] or row["ms"] or 0)


def _overview_layers(rows: Sequence[Row], ms: Spec, near: Spec) -> list[Spec]:
    shared = {"color": {**NAMES, "title": None}, "opacity": PICKED}
    across = {**shared, "x": {**ms, "field": "ms_low"}, "x2": {"field": "ms_high"}, "y": near}
    along = {**shared, "y": {**near, "field": "near_low"}, "y2": {"field": "near_high"}, "x": ms}
    details = {"name": "file", "latency": "p50 [95 %]", "nearness": near["title"], "size": "size"}
    shape = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": [MADE, REFERENCE], "range": ["circle", "diamond"]},
        "legend": None,
    }
    points = {**shared, "x": ms, "y": near, "shape": shape, "tooltip": tooltip(details)}
    layers: list[tuple[str, Spec]] = [
        ("ms_low", {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": across}),
        ("near_low", {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": along}),
        ("ms", {"mark": {"type": "point", "filled": True, "size": 110}, "encoding": points}),
    ]
    # Without a row, a layer has no extent, of which Vega warns.
    return [
        {"transform": [{"filter": f"isValid(datum.{field})"}], **layer}
        for field, layer in layers
        if any(row[field] is not None for row in rows)
    ]


def costs_chart(costs: Sequence[Cost]) -> Chart:
    """Draw what rounding costs at the BARS layers at which it costs most."""
    shown = costs[:BARS]
    names = layer_names(cost.layer for cost in costs)
    return _bars(
        "What rounding at one place alone costs, nats per image",
        [names[cost.layer] for cost in shown],
        [cost.divergence for cost in shown],
        [cost.part for cost in shown],
        COST_COLUMNS,
        map(cost_row, shown),
    )


def times_chart(file: str, times: LayerTimes) -> Chart:
    """Draw how long the BARS slowest operations of a file take."""
    names = layer_names(each.layer for each in times.operations)
    rows = time_rows(times)[:BARS]
    return _bars(
        f"Microseconds by operation of {file}",
        [names[row[0]] for row in rows],
        [float(row[2]) for row in rows],
        [row[1] for row in rows],
        TIME_COLUMNS,
        rows,
    )


def _bars(
    title: str,
    names: Sequence[str],
    values: Sequence[float],
    kinds: Sequence[str],
    columns: Sequence[str],
    cells: Iterable[Sequence[str]],
) -> Chart:
    """Draw bars, each below its name: a long name then needs no cut."""
    rows: list[Row] = [
        {
            "place": place,
            "name": name,
            "value": value,
            "kind": kind,
            **{f"detail{i}": cell for i, cell in enumerate(row)},
        }
        for place, (name, value, kind, row) in enumerate(
            zip(names, values, kinds, cells, strict=True)
        )
    ]
    y = {"field": "place", "type": "ordinal", "axis": None}
    axis = {"orient": "top", "tickCount": 4, "format": "~g", "title": None}
    x = {"field": "value", "type": "quantitative", "axis": axis}
    colour = {"field": "kind", "type": "nominal", "sort": None}
    details = {f"detail{i}": column for i, column in enumerate(columns)}
    bar = {"type": "bar", "height": 7, "yOffset": 7}
    text = {"type": "text", "align": "left", "baseline": "bottom", "dy": 2, "dx": 1}
    return Chart(
        title=title,
        rows=rows,
        layers=[
            {
                "mark": bar,
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour,
                    "opacity": PICKED,
                    "tooltip": tooltip(details),
                },
            },
            {
                "mark": text,
                "encoding": {"y": y, "x": {"datum": 0}, "text": {"field": "name"}},
            },
        ],
        series="kind",
        can_zoom=False,
        height=BAR_STEP * len(rows),
    )


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
    found = [SEPARATOR.join(parts[at:]) for at in range(len(parts) - 1, 0, -1) if "_" in parts[at]]
    return [*found, path]
