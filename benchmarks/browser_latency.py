"""How long int8 files take in a page of headless Chromium, in turn in one page.

    uv run python benchmarks/browser_latency.py --for litert-js \
        --file "strop"=build/mine/model.int8.tflite --file "float"=build/float.tflite \
        --image photo.jpg --batch 1 --rounds 100 --output record.json

The npm packages are those of `strop consumers --install`. One thread, on the CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from record_file import origin, write_record

from strop import console
from strop.export.consumers.catalogue import consumer_named
from strop.export.consumers.presence import environment_of, why_not_here
from strop.export.consumers.readers import litert_js, onnxruntime_web
from strop.export.consumers.readers.chromium import (
    PAGE,
    WEB,
    RefusedError,
    Site,
    opened,
    posted,
    served,
    with_imports,
)
from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.errors import ContractError, StropError
from strop.runtime.images.load import load_image

FORMAT_VERSION = 1
WARM_UP = 5  # rounds
RESAMPLES = 1000
READERS = {"litert-js": litert_js, "onnxruntime-web": onnxruntime_web}
HERE = Path(__file__).parent


def times_ms(
    name: str, files: list[Path], pixels: NDArray[np.uint8], rounds: int
) -> NDArray[np.float32]:
    """Time each file in turn, [rounds, files], after the first ones.

    Raises:
        ConsumerError: The program is not installed.
        RefusedError: It does not take a file.
    """
    reader, consumer = READERS[name], consumer_named(name)
    environment = environment_of(consumer)
    if environment is None or environment.node_modules is None:
        raise SystemExit(why_not_here(consumer, environment))
    page = (WEB / PAGE).read_text(encoding="utf-8")
    names = [f"file{at}" for at in range(len(files))]
    task = {"files": names, "shape": pixels.shape, "rounds": rounds + WARM_UP}
    site = Site(
        files={
            PAGE: with_imports(page, reader.IMPORTS).encode(),
            "reader.js": (HERE / "browser_latency.js").read_bytes(),
            "model.js": (WEB / reader.MODULE).read_bytes(),
            "task": json.dumps(task).encode(),
            "pixels": pixels.tobytes(),
            **{name: path.read_bytes() for name, path in zip(names, files, strict=True)},
        },
        node_modules=environment.node_modules,
    )
    with served(site) as address, opened(address + PAGE) as process:
        found = [np.frombuffer(times, np.float32) for times in posted(site, process)]
    return np.stack(found[WARM_UP:])


def main() -> int:
    """Measure, print the table, keep the record."""
    parser = argparse.ArgumentParser(description="Latency of files in a page of Chromium.")
    parser.add_argument("--for", dest="consumer", choices=READERS, required=True)
    parser.add_argument("--file", action="append", required=True, metavar="TITLE=PATH")
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    files = {title: Path(path) for title, _, path in (word.partition("=") for word in options.file)}
    first = next(iter(files.values()))
    contract = read_contract(first)
    if contract is None:
        raise ContractError(f"{first}: no contract; needed is a file by strop first")
    pixels = np.stack([load_image(options.image, contract)] * options.batch)
    resolved = [path.resolve() for path in files.values()]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)  # Chromium's profile goes there
        times = times_ms(options.consumer, resolved, pixels, options.rounds)
        os.chdir(HERE)
    console.table(
        ("file", "median, ms", "least, ms", "ratio to the first [95 %]"),
        [row(title, times[:, at], times[:, 0]) for at, title in enumerate(files)],
    )
    if options.output is not None:
        record = {
            "format_version": FORMAT_VERSION,
            **origin(),
            "consumer": options.consumer,
            "batch": options.batch,
            "files": [{"title": title, "sha256": sha256_file(files[title])} for title in files],
            "times_ms": {title: times[:, at].tolist() for at, title in enumerate(files)},
        }
        write_record(record, options.output)
    return 0


def row(title: str, times: NDArray[np.float32], first: NDArray[np.float32]) -> tuple[str, ...]:
    """Median and least of the times, and the median of their ratios to the first file's."""
    ratios = times / first
    drawn = np.random.default_rng(0).choice(ratios, (RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return (
        title,
        f"{np.median(times):.2f}",
        f"{times.min():.2f}",
        f"{np.median(ratios):.3f} [{low:.3f}, {high:.3f}]",
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (StropError, RefusedError) as err:
        console.error(str(err))
        sys.exit(2)
