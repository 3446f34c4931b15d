"""How long `strop sweep` takes, and how that grows with the number of members.

    uv run python benchmarks/sweep_time.py build/sweep_weights build/sweeps --output results.json

The first argument is what training/sweep_weights.py wrote. On the shipped data set it sweeps one
and three resolutions of two networks in two widths and two precisions, each into a new folder: 8
members made one after the other, then two side by side, and 24 so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.machine.machine import machine
from strop.runtime.records.user_files import write_whole
from strop.runtime.records.version import installed_version

FORMAT_VERSION = 1
MODELS = ("mobilenet_v1", "mobilenet_v3_small")
ALPHAS = ("0.25", "0.5")
SIZES = ("32", "40", "48")
RUNS = ((1, 1), (1, 2), (3, 2))  # how many sizes, and exports side by side
PRECISIONS = ("int8", "float32")
DATA = Path("calibration_data")


def swept(sizes: Sequence[str], weights: Path, folder: Path, jobs: int) -> dict[str, Any]:
    """One sweep, with its seconds on the wall."""
    began = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "strop", "sweep", *MODELS, "--alpha", ",".join(ALPHAS)),
            *("--size", ",".join(sizes), "--precision", ",".join(PRECISIONS)),
            *("--weights", str(weights)),
            *("--calibration-data", str(DATA / "calibration")),
            *("--validation-data", str(DATA / "validation"), "--jobs", str(jobs)),
            *("--output", str(folder), "--json"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds = time.monotonic() - began
    record = json.loads(done.stdout)
    making = [made["seconds"] for made in record["made"]]
    return {
        "sizes": list(sizes),
        "jobs": jobs,
        "members": len(making),
        "files": len(record["entries"]),
        "seconds": seconds,
        "making_seconds": making,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Sweep, record and print; the arguments are those of the command line."""
    parser = argparse.ArgumentParser(description="Time sweeps of 8 and 24 members.")
    parser.add_argument("weights", type=Path, help="what training/sweep_weights.py wrote")
    parser.add_argument("folder", type=Path, help="for the sweeps; a new one")
    parser.add_argument("--output", type=Path, required=True, help="the record, JSON")
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True)
    runs = []
    for sizes, jobs in RUNS:
        folder = options.folder / f"{sizes}-sizes-{jobs}-jobs"
        runs.append(swept(SIZES[:sizes], options.weights, folder, jobs))
        record = {
            "format_version": FORMAT_VERSION,
            "strop_version": installed_version(),
            "machine": asdict(machine()),
            "runs": runs,
        }
        write_whole(json.dumps(record, indent=1) + "\n", options.output)
    console.table(
        ("members", "files", "side by side", "seconds", "a member"),
        [
            (
                str(run["members"]),
                str(run["files"]),
                str(run["jobs"]),
                f"{run['seconds']:.0f}",
                f"{run['seconds'] / run['members']:.1f}",
            )
            for run in runs
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
