r"""Times what comes after the engine: boxes, maps and points, beside the engine's own call.

    uv run python benchmarks/after_engine.py FILE.tflite [FILE.onnx ...] --images DIR \
        [--before CHECKOUT] [--score-threshold T] [--background STEPS]

Each file is answered in short blocks, in turn with all others, and, with --before, in turn with
the same of an older checkout, each in a process of its own that stays open. Times are the thread's
processor time, which other load changes little; everything runs in one thread. The table has
medians over blocks, and the share of the engine's time that what comes after takes: the median of
the blocks' own ratios. --background adds steps to the scores of class 0, the background, of a
detector with random weights: in a trained one it is ahead in nearly all boxes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

BLOCKS, ANSWERS = 25, 20
ROOT = Path(__file__).resolve().parent.parent
Block = dict[str, float]


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--images", type=Path, required=True, help="a folder of pictures")
    parser.add_argument("--before", type=Path, help="an older checkout of strop, to compare with")
    parser.add_argument("--score-threshold", type=float, help="of a detector, in place of its own")
    parser.add_argument("--background", type=int, default=0, metavar="STEPS")
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return _work(args)
    checkouts = [ROOT] if args.before is None else [args.before.resolve(), ROOT]
    workers = {
        (file, checkout): _Worker(checkout, file, args)
        for file in args.files
        for checkout in checkouts
    }
    blocks: dict[tuple[Path, Path], list[Block]] = {each: [] for each in workers}
    for _ in range(args.blocks):
        for each, worker in workers.items():
            blocks[each].append(worker.block())
    both = len(checkouts) > 1
    _say(f"| file | {'checkout | ' * both}engine, ms | after, ms | after / engine |")
    _say(f"|---|{'---|' * both}--:|--:|--:|")
    for (file, checkout), found in blocks.items():
        which = f"{'this' if checkout == ROOT else 'before'} | " if both else ""
        engine, after = (median(one[name] for one in found) for name in ("engine", "after"))
        share = median(one["after"] / one["engine"] for one in found)
        _say(f"| {file.name} | {which}{engine:.3f} | {after:.3f} | {share:.1%} |")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class _Worker:
    """A process that answers pictures with one checkout's strop."""

    def __init__(self, checkout: Path, file: Path, asked: argparse.Namespace) -> None:
        command = [sys.executable, __file__, str(file), "--images", str(asked.images), "--worker"]
        command += ["--background", str(asked.background)]
        if asked.score_threshold is not None:
            command += ["--score-threshold", str(asked.score_threshold)]
        self._process = subprocess.Popen(
            command,
            env=os.environ | {"PYTHONPATH": str(checkout / "runtime")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def block(self) -> Block:
        """Return medians of a block of answers, in milliseconds."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: Block = json.loads(self._process.stdout.readline())
        return found


def _work(asked: argparse.Namespace) -> int:
    """Answer a block of pictures for each line that comes in."""
    from dataclasses import replace

    from strop.runtime import open as open_classifier
    from strop.runtime.bench.split import StampedEngine
    from strop.runtime.classify.classifier import Classifier
    from strop.runtime.images.dataset import list_images
    from strop.runtime.images.load import load_seen

    file = asked.files[0]
    opened = open_classifier(file)
    contract = opened.contract
    if asked.score_threshold is not None and contract.detection is not None:
        contract = replace(
            contract, detection=replace(contract.detection, score_threshold=asked.score_threshold)
        )
    stamped = StampedEngine(opened._engine, time.thread_time_ns)
    if asked.background and contract.detection is not None:
        _with_background(stamped, contract.detection.scores, asked.background)
    classifier = Classifier(stamped, contract, where=str(file))
    seen = [load_seen(path, contract).pixels for path in list_images(asked.images)[:ANSWERS]]
    for _ in sys.stdin:
        engine, after = [], []
        for place in range(ANSWERS):
            classifier.answer(seen[place % len(seen)])
            ended = time.thread_time_ns()
            engine.append((stamped.ended_ns - stamped.began_ns) / 1e6)
            after.append((ended - stamped.ended_ns) / 1e6)
        _say(json.dumps({"engine": median(engine), "after": median(after)}))
    return 0


def _with_background(stamped: Any, scores: int, steps: int) -> None:
    """Let the first score of each box be so many steps higher, outside of the time."""
    import numpy as np

    invoke, read = stamped.invoke, stamped.read
    kept: list[Any] = []

    def higher() -> None:
        invoke()
        kept[:] = [read(scores)]
        wide = kept[0][..., 0].astype(np.int32) + steps
        limits = np.iinfo(kept[0].dtype)
        kept[0][..., 0] = wide.clip(int(limits.min), int(limits.max))
        ended = time.thread_time_ns()
        stamped.began_ns += ended - stamped.ended_ns
        stamped.ended_ns = ended

    stamped.invoke = higher
    stamped.read = lambda output=0: kept[0].copy() if output == scores else read(output)


if __name__ == "__main__":
    raise SystemExit(main())
