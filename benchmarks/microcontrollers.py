"""What TensorFlow Lite Micro and the Vela compiler make of strop's int8 files.

    uv run python benchmarks/microcontrollers.py \
        --network TITLE FILE.tflite IMAGES ... \
        --output benchmarks/results/microcontrollers.json --page docs/consumers.md

Both run where `strop consumers --install` put them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from record_file import origin, write_record

import strop.runtime
from strop import console
from strop.export.consumers import ask, ethos_u, tflite_micro
from strop.export.consumers.consumer import Consumer
from strop.export.consumers.environment import Environment
from strop.export.consumers.micro.operators import micro_operators
from strop.export.consumers.micro.tensors import micro_tensors
from strop.export.consumers.presence import environment_of, why_not_here
from strop.export.consumers.readers.images import Images
from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.errors import ConsumerError, ContractError
from strop.runtime.images.dataset import list_images, pixels_in_order

FORMAT_VERSION = 1
START, END = "<!-- microcontrollers: -->", "<!-- until here: microcontrollers -->"
BYTES_PER_KIB = 1024
TITLES = (
    "network",
    "file, KiB",
    "arena, KiB",
    "same class as strop's runtime",
    "furthest score, codes",
    "operators on NPU / CPU",
    "SRAM, KiB",
    "flash, KiB",
    "estimated ms",
)


def required(consumer: Consumer) -> Environment:
    """Where a consumer is.

    Raises:
        ConsumerError: It is not here.
    """
    found = environment_of(consumer)
    if found is None:
        raise ConsumerError(f"{consumer.name}: {why_not_here(consumer, found)}")
    return found


def seen(path: Path, folder: Path, limit: int) -> NDArray[np.uint8]:
    """The images as the file takes them, spread over the folder."""
    contract = read_contract(path)
    if contract is None:
        raise ContractError(f"{path}: no contract; needed is a file by strop")
    images = list_images(folder)
    images = images[:: max(1, len(images) // limit)][:limit]
    return np.stack(list(pixels_in_order(images, contract)))


def measured(title: str, path: Path, folder: Path, limit: int) -> dict[str, object]:
    """One row of the record."""
    micro, npu = required(tflite_micro.CONSUMER), required(ethos_u.CONSUMER)
    pixels = seen(path, folder, limit)
    images = Images(pixels=pixels)
    with strop.runtime.open(path) as classifier:
        own = np.stack([classifier.scores(image) for image in pixels])
    begin = perf_counter()
    found = ask.ask(ask.READERS / "tflite_micro.py", micro, path, images)
    asked_s = perf_counter() - begin
    reference = ask.ask(ask.READERS / "tflite_reference.py", npu, path, images)
    with tempfile.TemporaryDirectory(prefix="strop-vela.") as written:
        report = ethos_u.compiled(npu, path, Path(written))
    _, (output,) = micro_tensors(path)
    return {
        "network": title,
        "sha256": sha256_file(path),
        "size_bytes": path.stat().st_size,
        "images": len(own),
        "operators": micro_operators(path),
        "arena_bytes": tflite_micro.smallest_arena(micro, path),
        "asked_s": asked_s,
        "same_class": int((found.argmax(axis=1) == own.argmax(axis=1)).sum()),
        "furthest_codes": round(float(np.abs(found - own).max()) / output.scale),
        "equals_reference": bool(np.array_equal(found, reference)),
        "vela": asdict(report),
    }


def row(result: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of the table."""
    vela = result["vela"]
    return (
        result["network"],
        f"{result['size_bytes'] / BYTES_PER_KIB:,.0f}",
        f"{result['arena_bytes'] / BYTES_PER_KIB:,.1f}",
        f"{result['same_class'] / result['images']:.3f} of {result['images']:,}",
        str(result["furthest_codes"]),
        f"{vela['on_npu']} / {vela['on_cpu']}",
        f"{vela['sram_kib']:,.0f}",
        f"{vela['flash_kib']:,.0f}",
        f"{vela['inference_ms']:.1f}",
    )


def table(record: Mapping[str, Any]) -> str:
    """The record in Markdown."""
    rows = [TITLES, ("---",) * len(TITLES), *map(row, record["results"])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def with_table(page: str, record: Mapping[str, Any]) -> str:
    """The page, with the record's table between its marks."""
    before, rest = page.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n\n{table(record)}\n\n{END}{after}"


def measure(networks: Sequence[tuple[str, Path, Path]], limit: int) -> dict[str, object]:
    """Everything that the record says."""

    def rows() -> Iterator[dict[str, object]]:
        for title, path, folder in networks:
            yield measured(title, path, folder, limit)

    return {
        "format_version": FORMAT_VERSION,
        **origin(),
        "packages": [*tflite_micro.CONSUMER.packages, *ethos_u.CONSUMER.packages],
        "results": list(console.progress(rows(), len(networks), "networks")),
    }


def main() -> int:
    """Measure, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", nargs=3, action="append", required=True)
    parser.add_argument("--limit", type=int, default=1000, help="images of each")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    networks = [(title, Path(path), Path(folder)) for title, path, folder in options.network]
    record = measure(networks, options.limit)
    write_record(record, options.output)
    if options.page is not None:
        page = options.page.read_text(encoding="utf-8")
        options.page.write_text(with_table(page, json.loads(json.dumps(record))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
