"""Whether the memory of `strop run` stays where it is over a long stream of images."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from threading import Thread
from typing import IO

from strop import console
from strop.runtime.images.dataset import list_images

N_IMAGES = 100_000
N_SAMPLES = 20
BYTES_PER_KIB = 1 << 10
BYTES_PER_MIB = 1 << 20
# Between the first sample and the last: what an allocator may still take after its start.
MAX_GROWTH_BYTES = 2 * BYTES_PER_MIB
GREW = 1  # the exit code
COLUMNS = ("images", "RSS MiB", "peak MiB", "images/s")


@dataclass(frozen=True, kw_only=True, slots=True)
class MemorySample:
    """The process of `strop run` at one time of its stream.

    Attributes:
        n_images: Answered until then.
        rss_bytes: Resident then.
        peak_bytes: Resident at most until then.
        elapsed_s: Since the first answer.
    """

    n_images: int
    rss_bytes: int
    peak_bytes: int
    elapsed_s: float


def measure_stream(
    artifact: Path,
    images: Sequence[Path],
    *,
    n_images: int,
    n_samples: int = N_SAMPLES,
    as_folder: bool = False,
) -> tuple[MemorySample, ...]:
    """Stream images through `strop run --jsonl` in a process of its own.

    Args:
        artifact: A .tflite or .onnx.
        images: Taken over and over again.
        n_images: How many are streamed, at least n_samples.
        n_samples: How often memory is read, evenly over the stream.
        as_folder: Give one folder of n_images links instead of paths on standard input.

    Raises:
        ChildProcessError: strop ended before its time.
    """
    paths = islice(cycle(images), n_images)
    with _arguments(paths, as_folder=as_folder) as arguments:
        command = (sys.executable, "-m", "strop", "run", str(artifact), *arguments, "--jsonl")
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if child.stdin is None or child.stdout is None:
            raise ChildProcessError("no pipes to strop run")
        feeder = Thread(target=_feed, args=(child.stdin, paths), daemon=True)
        try:
            feeder.start()
            samples = tuple(_samples(child, child.stdout, n_images // n_samples, n_samples))
        finally:
            child.kill()
            feeder.join()
            with suppress(BrokenPipeError):  # what strop has not read any more
                child.stdin.close()
            child.stdout.close()
            child.wait()
    return samples


def growth_bytes(samples: Sequence[MemorySample]) -> int:
    """By how much the peak grew after the first sample."""
    return samples[-1].peak_bytes - samples[0].peak_bytes


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where memory grew by more than MAX_GROWTH_BYTES."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifact", type=Path, help=".tflite or .onnx")
    parser.add_argument("images", type=Path, help="folder; its images are taken over and over")
    parser.add_argument("--n", type=int, default=N_IMAGES, help="images (default: %(default)s)")
    parser.add_argument(
        "--as-folder",
        action="store_true",
        help="give one folder of links to the images, not paths on standard input",
    )
    options = parser.parse_args(argv)
    samples = measure_stream(
        options.artifact,
        list_images(options.images),
        n_images=options.n,
        as_folder=options.as_folder,
    )
    rows = [
        (
            sample.n_images,
            f"{sample.rss_bytes / BYTES_PER_MIB:.2f}",
            f"{sample.peak_bytes / BYTES_PER_MIB:.2f}",
            f"{sample.n_images / sample.elapsed_s:.0f}",
        )
        for sample in samples
    ]
    console.table(COLUMNS, rows)
    grown = growth_bytes(samples)
    console.note(
        f"the peak grew by {grown / BYTES_PER_MIB:.2f} MiB after {samples[0].n_images} images;"
        f" allowed are {MAX_GROWTH_BYTES / BYTES_PER_MIB:.0f}"
    )
    return GREW if grown > MAX_GROWTH_BYTES else 0


@contextmanager
def _arguments(paths: Iterator[Path], *, as_folder: bool) -> Iterator[tuple[str, ...]]:
    """What stands for the images; "-" at the end keeps strop waiting, to be looked at."""
    if not as_folder:
        yield ("-",)
        return
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(paths):
            Path(folder, f"{number:08}{path.suffix}").symlink_to(path.resolve())
        yield folder, "-"


def _feed(stdin: IO[bytes], paths: Iterator[Path]) -> None:
    """Every path as a line; the pipe stays open."""
    try:
        stdin.writelines(os.fsencode(path) + b"\n" for path in paths)
        stdin.flush()
    except BrokenPipeError:
        return  # strop has ended; the samples say so


def _samples(
    child: subprocess.Popen[bytes], stdout: IO[bytes], every: int, n_samples: int
) -> Iterator[MemorySample]:
    started = None
    for n_images in range(1, every * n_samples + 1):
        if not stdout.readline():
            raise ChildProcessError(
                f"strop run ended with code {child.wait()} before image {n_images}; its message is"
                " above"
            )
        started = started or time.perf_counter()
        if n_images % every == 0:
            elapsed_s = time.perf_counter() - started
            yield _sample(child.pid, n_images=n_images, elapsed_s=elapsed_s)


def _sample(pid: int, *, n_images: int, elapsed_s: float) -> MemorySample:
    """Source: proc(5), /proc/pid/status, VmRSS and VmHWM, in kB of 1024 bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    rss, peak = (
        int(found.group(1)) * BYTES_PER_KIB if (found := re.search(pattern, status)) else 0
        for pattern in (r"VmRSS:\s*(\d+) kB", r"VmHWM:\s*(\d+) kB")
    )
    return MemorySample(n_images=n_images, rss_bytes=rss, peak_bytes=peak, elapsed_s=elapsed_s)


if __name__ == "__main__":
    sys.exit(main())
