"""From a 12-megapixel JPEG, or a camera's frame, to the labels: strop and the usual script."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from pictures import PixelError, enlarged, pixel_error
from PIL.Image import Resampling
from record_file import artifact as about_artifact
from record_file import origin, write_record
from usual import Pixels, five_best, load, open_usual

from strop import console
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.classify.classifier import Classifier
from strop.runtime.engines import open_engine
from strop.runtime.errors import ContractError
from strop.runtime.images.load import load_image
from strop.runtime.statistics.intervals import quantile

FORMAT_VERSION = 1
IMAGES = Path(__file__).resolve().parents[1] / "calibration_data" / "validation"
N_IMAGES = 8
N_RUNS = 5
N_CALLS = 300
MIN_RATIO = 3.0
MAX_INVOKE_NS = 20_000
RESAMPLINGS = (Resampling.BICUBIC, Resampling.BILINEAR)
MISSED = 1  # the exit code
NS_PER_MS = 1_000_000
NS_PER_US = 1_000
Samples = tuple[list[int], list[int]]
COLUMNS = (
    *("artifact", "from", "usual p50 ms", "strop p50 ms", "usual / strop", "strop - usual us"),
    *("same class", "codes, most", "codes, mean", "dB"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One way to a label, as the usual script and as strop goes it.

    Attributes:
        start: "file", "frame" (an array of the input's size) or "invoke".
        name: The image's.
        usual_ns: In the order in which they ran, in turn with strop's.
        strop_ns: The same, strop's.
        is_same: The same class comes first.
        pixels: None where no file is read.
    """

    start: str
    name: str
    usual_ns: Sequence[int]
    strop_ns: Sequence[int]
    is_same: bool
    pixels: PixelError | None = None


class Pair:
    """One artifact opened twice: by the usual script and by strop; a context manager."""

    def __init__(self, path: Path, resample: Resampling = Resampling.BICUBIC) -> None:
        contract = read_contract(path)
        if contract is None:
            raise ContractError(f"{path}: carries no contract; needed is an artifact by strop")
        self.contract = contract
        self.engine = open_engine(path)
        self._classifier = Classifier(self.engine, contract, where=str(path))
        self._usual = open_usual(path, contract)
        self._load = partial(load, contract=contract, resample=resample)

    def from_file(self, path: Path, *, n: int) -> Compared:
        """A JPEG file to the five best labels."""
        exact = load(path, self.contract, Resampling.BILINEAR)
        ours = load_image(path, self.contract)

        def usually() -> object:
            return self._best(self._load(path))

        return self._compared(
            "file",
            path,
            in_turn(usually, partial(self._classifier.classify, path), n=n),
            pixels=pixel_error(ours, exact),
        )

    def from_frame(self, path: Path, *, n: int) -> Compared:
        """The file's pixels, an array of the input's size, to the five best labels."""
        frame = load_image(path, self.contract)
        samples = in_turn(
            partial(self._best, frame), partial(self._classifier.classify, frame), n=n
        )
        return self._compared("frame", path, samples)

    def invokes(self, path: Path, *, n: int) -> Compared:
        """The engine's call alone, on what the frame before has left."""
        return self._compared("invoke", path, in_turn(self._usual.invoke, self.engine.invoke, n=n))

    def _best(self, pixels: Pixels) -> object:
        return five_best(self._usual.scores(pixels), self.contract.labels)

    def _compared(
        self, start: str, path: Path, samples: Samples, *, pixels: PixelError | None = None
    ) -> Compared:
        usual = self._usual.scores(self._load(path))
        usual_ns, strop_ns = samples
        return Compared(
            start=start,
            name=path.name,
            usual_ns=usual_ns,
            strop_ns=strop_ns,
            is_same=int(usual.argmax()) == int(self._classifier.scores(path).argmax()),
            pixels=pixels,
        )

    def __enter__(self) -> Pair:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._classifier.close()


def in_turn(first: Callable[[], object], second: Callable[[], object], *, n: int) -> Samples:
    """Nanoseconds of n calls of each, after one that is not counted; each goes first in turn."""
    samples: Samples = ([], [])
    pair = ((first, samples[0]), (second, samples[1]))
    for run in range(n + 1):
        for call, into in pair if run % 2 else pair[::-1]:
            start = time.perf_counter_ns()
            call()
            elapsed_ns = time.perf_counter_ns() - start
            if run:
                into.append(elapsed_ns)
    return samples


def row(artifact: Path, compared: Sequence[Compared]) -> tuple[str, ...]:
    """All images of one start as one row: their medians' median, the worst of their errors."""
    usual_ns, strop_ns = medians(compared)
    errors = [each.pixels for each in compared if each.pixels]
    noises = [error.psnr_db for error in errors if error.psnr_db is not None]
    return (
        artifact.name,
        compared[0].start,
        f"{usual_ns / NS_PER_MS:.2f}",
        f"{strop_ns / NS_PER_MS:.2f}",
        f"{usual_ns / strop_ns:.2f}",
        f"{(strop_ns - usual_ns) / NS_PER_US:+.1f}",
        f"{sum(each.is_same for each in compared)}/{len(compared)}",
        str(max(error.largest for error in errors)) if errors else "",
        f"{max(error.mean for error in errors):.2f}" if errors else "",
        f"{min(noises):.1f}" if noises else "",
    )


def is_within_limits(compared: Sequence[Compared]) -> bool:
    """Whether a file is MIN_RATIO faster, of the same class, and invoking costs no more."""
    usual_ns, strop_ns = medians(compared)
    start = compared[0].start
    if start == "file":
        return usual_ns >= MIN_RATIO * strop_ns and all(each.is_same for each in compared)
    return start != "invoke" or strop_ns - usual_ns <= MAX_INVOKE_NS


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where strop misses a limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts", type=Path, nargs="+", help="int8 .tflite or .onnx by strop")
    parser.add_argument("--image", type=Path, help="a JPEG file, taken as it is")
    parser.add_argument(
        "--images",
        type=Path,
        default=IMAGES,
        help="folder; pictures of it are enlarged to 12 megapixels (default: the shipped ones)",
    )
    parser.add_argument(
        "--resample",
        choices=[name.name.lower() for name in RESAMPLINGS],
        default="bicubic",
        help="of the usual script; strop's is bilinear (default: Pillow's own, %(default)s)",
    )
    parser.add_argument("--n", type=int, default=N_IMAGES, help="of them (default: %(default)s)")
    parser.add_argument(
        "--runs", type=int, default=N_RUNS, help="of each file (default: %(default)s)"
    )
    parser.add_argument(
        "--calls", type=int, default=N_CALLS, help="of a frame (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, help="write all samples to this file, as JSON")
    options = parser.parse_args(argv)
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = [options.image] if options.image else enlarged(options.images, options.n, folder)
        for path in options.artifacts:
            with Pair(path, Resampling[options.resample.upper()]) as pair:
                measured[path] = (
                    pair.engine.facts,
                    [pair.from_file(image, n=options.runs) for image in paths],
                    [pair.from_frame(paths[0], n=options.calls)],
                    [pair.invokes(paths[0], n=options.calls)],
                )
        sizes = [path.stat().st_size for path in paths]
    console.table(
        COLUMNS, [row(path, group) for path, (_, *groups) in measured.items() for group in groups]
    )
    console.note(
        f"{len(sizes)} JPEG files, {min(sizes) / 1e6:.1f} to {max(sizes) / 1e6:.1f} MB; asked for"
        f" are {MIN_RATIO:.0f} times from a file, and at most"
        f" {MAX_INVOKE_NS / NS_PER_US:.0f} us more to invoke"
    )
    if options.output:
        entries = [
            {
                **about_artifact(path, facts),
                "compared": [asdict(each) for group in groups for each in group],
            }
            for path, (facts, *groups) in measured.items()
        ]
        record = {"format_version": FORMAT_VERSION, **origin(), "artifacts": entries}
        about = {"jpeg_bytes": sizes, "usual_resample": options.resample}
        write_record({**record, **about}, options.output)
    fits = [is_within_limits(group) for _, *groups in measured.values() for group in groups]
    return 0 if all(fits) else MISSED


def medians(compared: Sequence[Compared]) -> tuple[int, int]:
    """Over all images, the median of each one's median: the usual script's and strop's."""
    usual_ns = median([median(each.usual_ns) for each in compared])
    return usual_ns, median([median(each.strop_ns) for each in compared])


def median(samples: Sequence[int]) -> int:
    """The middle one."""
    return quantile(samples, 0.5)


if __name__ == "__main__":
    sys.exit(main())
