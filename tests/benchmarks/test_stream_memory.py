"""The script that measures `strop run` over a long stream, on a short one."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from stream_memory import MAX_GROWTH_BYTES, MemorySample, growth_bytes, main, measure_stream
from tests.runtime.tiny_artifacts import onnx_bytes

from strop.runtime.artifact.contract import Activation, Contract

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc"
)
N_IMAGES = 4000


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifact") / "tiny.onnx"
    path.write_bytes(onnx_bytes(Contract(height=16, width=16, activation=Activation.SOFTMAX)))
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three that can be used and one that cannot."""
    for number, colour in enumerate(("red", "green", "blue")):
        Image.new("RGB", (24, 20), colour).save(tmp_path / f"{number}.png")
    (tmp_path / "3.jpg").write_bytes(b"no image")
    return tmp_path


@pytest.mark.parametrize("as_folder", [False, True])
def test_memory_stays_where_it_is_over_thousands_of_images(
    artifact: Path, images: Path, as_folder: bool
) -> None:
    paths = sorted(images.iterdir())
    samples = measure_stream(artifact, paths, n_images=N_IMAGES, n_samples=4, as_folder=as_folder)
    assert [sample.n_images for sample in samples] == [1000, 2000, 3000, 4000]
    assert min(sample.rss_bytes for sample in samples) > 0
    # 2 MiB over 3000 images is 700 bytes an image: less than one path, answer or traceback.
    assert growth_bytes(samples) <= MAX_GROWTH_BYTES


def test_growth_is_told_from_the_first_sample_to_the_last() -> None:
    first, last = (
        MemorySample(n_images=n, rss_bytes=1, peak_bytes=peak, elapsed_s=1.0)
        for n, peak in ((1, 50), (2, 80))
    )
    assert growth_bytes((first, last)) == 30


def test_an_artifact_that_does_not_open_ends_the_measurement(images: Path) -> None:
    with pytest.raises(ChildProcessError, match="ended with code 2 before image 1"):
        measure_stream(images / "none.onnx", [images / "0.png"], n_images=20)


def test_the_script_prints_a_row_a_sample(
    artifact: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(artifact), str(images), "--n", "40"]) in (0, 1)  # so short, it still grows
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 21
    assert "the peak grew by" in printed.err
