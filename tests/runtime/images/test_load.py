from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from strop.runtime.artifact.contract import Contract, ResizeRule
from strop.runtime.errors import ImageError
from strop.runtime.images import flat_image
from strop.runtime.images.flat_image import BACKGROUND, flat
from strop.runtime.images.frames import check_array
from strop.runtime.images.load import MAX_PIXELS, load_image
from strop.runtime.images.seen import crop_box

RGB = Contract(height=8, width=8)
GREY = Contract(height=8, width=8, channels=1)
STRETCH = Contract(height=8, width=8, resize=ResizeRule.STRETCH)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    generator = np.random.default_rng(seed)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


def photograph(width: int, height: int, *, grain: float = 4.0) -> Image.Image:
    """Edges, a gradient and a sensor's noise, in colour; what is far away has finer detail."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    period = 8 + 40 * y / height
    stripes = np.where(np.sin(2 * np.pi * (x + y / 3) / period) > 0, 45.0, -45.0)
    planes = [120 + 90 * x / width + stripes, 110 + 60 * y / height + stripes, 140 - stripes]
    pixels = np.stack(planes, -1) + np.random.default_rng(0).normal(0, grain, (height, width, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def errors(ours: NDArray[np.uint8], exact: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Largest and mean difference in codes, and the peak signal to noise ratio in dB."""
    difference = np.abs(ours.astype(np.float64) - exact)
    noise = float((difference**2).mean())
    psnr = 10 * np.log10(255**2 / noise) if noise else np.inf
    return float(difference.max()), float(difference.mean()), float(psnr)


def saved(path: Path, image: Image.Image, orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, quality=90, exif=exif)
    return path


def decoded_in_full(path: Path, contract: Contract) -> NDArray[np.uint8]:
    """One step: all pixels, upright, then Pillow's resize of the crop."""
    from PIL import ImageOps

    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("L" if contract.channels == 1 else "RGB")
    box = crop_box(upright.size, contract)
    size = (contract.width, contract.height)
    pixels = np.asarray(upright.resize(size, Image.Resampling.BILINEAR, box=box))
    return pixels if contract.channels == 3 else pixels[..., np.newaxis]


def resized_then_cropped(image: Image.Image, short: int, side: int) -> NDArray[np.uint8]:
    """What torchvision's Resize(short) and CenterCrop(side) do to a Pillow image."""
    width, height = image.size
    if width <= height:
        size = (short, int(short * height / width))
    else:
        size = (int(short * width / height), short)
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
    return np.asarray(image.crop((left, top, left + side, top + side)))


@pytest.mark.parametrize(
    "size", [(500, 375), (375, 500), (256, 256), (300, 257), (97, 1031), (50, 33), (1, 1), (3, 900)]
)
def test_crop_is_torchvisions_resize_and_centre_crop(size: tuple[int, int]) -> None:
    image = noise(*size)
    ours = load_image(image, Contract(height=224, width=224))
    theirs = resized_then_cropped(image, 256, 224)
    # One code: Pillow takes the box in float32, and rounds its weights to fixed point.
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_a_crop_fraction_of_one_crops_only_the_longer_side() -> None:
    image = noise(64, 32)
    ours = load_image(image, Contract(height=32, width=32, crop_fraction=1.0))
    assert np.array_equal(ours, np.asarray(image)[:, 16:48])


def test_an_input_that_is_not_square_is_filled_from_the_centre() -> None:
    image = noise(40, 40)
    ours = load_image(image, Contract(height=20, width=40, crop_fraction=1.0))
    assert np.array_equal(ours, np.asarray(image)[10:30])


def test_stretch_is_pillows_plain_bilinear_resize() -> None:
    image = noise(31, 20)
    expected = np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR))
    assert np.array_equal(load_image(image, STRETCH), expected)


def test_a_very_long_image_costs_no_more_memory_than_the_crop() -> None:
    assert load_image(Image.new("RGB", (1_000_000, 1), (9, 8, 7)), RGB).tolist()[0][0] == [9, 8, 7]


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.new("RGB", (20, 20), (200, 100, 50)).save(path)
    pixels = load_image(path, RGB)
    assert pixels.shape == (8, 8, 3)
    # A few codes: JPEG and WebP are lossy.
    assert np.abs(pixels.astype(int) - (200, 100, 50)).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    image = noise(8, 8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    image.save(path, exif=exif)
    contract = Contract(height=8, width=8, crop_fraction=1.0)
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    assert np.array_equal(load_image(path, contract), expected)


@pytest.mark.parametrize("size", [(511, 383), (1001, 803), (1600, 1200)])
@pytest.mark.parametrize("channels", [3, 1])
def test_a_large_jpeg_is_within_the_stated_error_of_one_step(
    tmp_path: Path, size: tuple[int, int], channels: int
) -> None:
    path = saved(tmp_path / "large.jpg", photograph(*size))
    contract = Contract(height=64, width=80, channels=channels)
    ours, exact = load_image(path, contract), decoded_in_full(path, contract)
    largest, mean, psnr = errors(ours, exact)
    assert 0 < largest <= 14
    assert mean <= 1.3
    assert psnr >= 43


def test_a_large_image_or_array_is_within_the_stated_error_of_one_step(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    photograph(1001, 803).save(path)
    contract = Contract(height=64, width=80)
    exact = decoded_in_full(path, contract)
    with Image.open(path) as image:
        for ours in (load_image(path, contract), check_array(np.asarray(image), contract)):
            largest, mean, psnr = errors(ours, exact)
            assert 0 < largest <= 6
            assert mean <= 0.8
            assert psnr >= 46


def test_an_image_below_four_times_the_size_is_decoded_in_full(tmp_path: Path) -> None:
    contract = Contract(height=64, width=64, crop_fraction=1.0)
    for height, is_exact in ((255, True), (256, False)):
        path = saved(tmp_path / f"{height}.jpg", photograph(400, height))
        exact = decoded_in_full(path, contract)
        assert np.array_equal(load_image(path, contract), exact) is is_exact


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_jpeg_is_turned_without_a_shift(tmp_path: Path, orientation: int) -> None:
    # Sides of 8 n + 1: an eighth of the last pixel is in the image, and that end may be first.
    path = saved(tmp_path / "turned.jpg", photograph(1009, 801, grain=0), orientation)
    contract = Contract(height=40, width=48, crop_fraction=1.0)
    largest, mean, _ = errors(load_image(path, contract), decoded_in_full(path, contract))
    assert largest <= 14
    assert mean <= 1.3


def test_an_open_jpeg_is_left_as_it_is(tmp_path: Path) -> None:
    path = saved(tmp_path / "large.jpg", photograph(640, 480))
    with Image.open(path) as image:
        load_image(image, RGB)
        assert image.size == (640, 480)


def test_a_large_print_and_a_large_pair_of_pictures_are_read(tmp_path: Path) -> None:
    colour = (200, 100, 50)
    Image.new("RGB", (640, 480), colour).convert("CMYK").save(tmp_path / "print.jpg")
    pair = [Image.new("RGB", (640, 480), colour), Image.new("RGB", (640, 480))]
    pair[0].save(tmp_path / "pair.jpg", "MPO", save_all=True, append_images=pair[1:])
    for name in ("print.jpg", "pair.jpg"):
        pixels = load_image(tmp_path / name, RGB)
        # A few codes for JPEG.
        assert np.abs(pixels.astype(int) - colour).max() <= 3


def test_grey_becomes_three_equal_channels_and_back() -> None:
    grey = Image.new("L", (8, 8), 77)
    assert load_image(grey, RGB).tolist() == np.full((8, 8, 3), 77).tolist()
    assert load_image(grey, GREY).tolist() == np.full((8, 8, 1), 77).tolist()


def test_colour_becomes_luma_for_a_grey_contract() -> None:
    pixels = load_image(Image.new("RGB", (8, 8), (255, 0, 0)), GREY)
    assert pixels.shape == (8, 8, 1)
    assert pixels.max() == 76  # 0.299 * 255


def test_transparency_shows_the_background() -> None:
    image = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    assert load_image(image, RGB)[0, 0].tolist() == list(BACKGROUND)
    image = Image.new("LA", (8, 8), (100, 255))
    assert load_image(image, RGB)[0, 0].tolist() == [100, 100, 100]


def test_a_palette_with_transparency_is_laid_over_the_background(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    path = tmp_path / "palette.png"
    image.save(path)
    assert load_image(path, RGB)[0, 0].tolist() == [0, 0, 255]
    image.save(path, transparency=1)
    assert load_image(path, RGB)[0, 0].tolist() == list(BACKGROUND)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path)
    red = load_image(path, RGB)[0, 0]
    # A few codes for JPEG.
    assert red[0] >= 250
    assert red[1:].max() <= 5


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((8, 8), 32768, np.uint16)).save(path)
    assert load_image(path, RGB)[0, 0].tolist() == [128, 128, 128]


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(ImageError, match="convert it to 8 bit"):
        load_image(Image.new("F", (8, 8)), RGB)


def test_a_missing_file_a_folder_and_a_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none.jpg: No such file or directory; check the path"):
        load_image(tmp_path / "none.jpg", RGB)
    with pytest.raises(ImageError, match="a folder, needed is a regular file"):
        load_image(tmp_path, RGB)
    (tmp_path / "text.jpg").write_text("not an image")
    with pytest.raises(ImageError, match=r"text.jpg: not a JPEG, .*; convert or remove it"):
        load_image(tmp_path / "text.jpg", RGB)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp"])
def test_a_truncated_image_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"half.{suffix}"
    noise(64, 64).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=rf"half.{suffix}: .*remove it"):
        load_image(path, RGB)


@pytest.mark.parametrize("times", [1.2, 4])
def test_a_decompression_bomb_is_refused(tmp_path: Path, times: float) -> None:
    path = tmp_path / "bomb.png"
    side = int((MAX_PIXELS * times) ** 0.5)
    Image.new("1", (side, side)).save(path)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ImageError, match="scale the image down first"):
        load_image(path, RGB)


def test_an_image_that_memory_does_not_hold_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(self: Image.Image, mode: str) -> Image.Image:
        raise MemoryError

    Image.new("L", (8, 8)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image.Image, "convert", convert)
    with pytest.raises(ImageError, match=r"large.png: needs more memory than there is; scale"):
        load_image(tmp_path / "large.png", RGB)


def test_an_image_that_is_too_large_in_memory_is_refused_too() -> None:
    with pytest.raises(ImageError, match="the image given: 10000 x 10000 pixels"):
        load_image(Image.new("1", (10_000, 10_000)), RGB)


def test_an_array_of_the_right_size_is_passed_without_a_copy() -> None:
    array = np.zeros((8, 8, 3), np.uint8)
    assert check_array(array, RGB) is array
    assert np.shares_memory(check_array(array[..., 0], GREY), array)


def test_an_array_of_another_size_is_resized_as_an_image_is() -> None:
    image = noise(30, 20)
    assert np.array_equal(check_array(np.asarray(image), RGB), load_image(image, RGB))
    grey = image.convert("L")
    assert np.array_equal(check_array(np.asarray(grey), GREY), load_image(grey, GREY))


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 4), (1, 8, 8, 3), (0, 8, 3)])
def test_an_array_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"needed is uint8 \[H, W, 3\]: one image, channels last"):
        check_array(np.zeros(shape, np.uint8), RGB)


def test_an_array_of_floats_is_refused() -> None:
    with pytest.raises(ImageError, match=r"dtype float64, .*convert it with .astype"):
        check_array(np.zeros((8, 8, 3)), RGB)  # type: ignore[arg-type]  # the point


def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    """A pipe without a writer would keep the command waiting."""
    os.mkfifo(tmp_path / "image.png")
    with pytest.raises(ImageError, match=r"image.png: a pipe, needed is a regular file"):
        load_image(tmp_path / "image.png", RGB)
    with pytest.raises(ImageError, match=r"/dev/zero: a device"):
        load_image("/dev/zero", RGB)


def peak_growth(path: Path) -> int:
    """Bytes that a fresh process needs for an image beyond what it has with a small one."""
    program = (
        "import sys; from strop.runtime.artifact.contract import Contract\n"
        "from strop.runtime.bench.coldstart import peak_rss_bytes\n"
        "from strop.runtime.images.load import load_image; from PIL import Image\n"
        "import numpy as np\n"
        "contract = Contract(height=32, width=32)\n"
        "load_image(Image.new('RGBA', (8, 8)), contract)\n"
        "before = peak_rss_bytes(); load_image(sys.argv[1], contract)\n"
        "print(peak_rss_bytes() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.parametrize(("mode", "bytes_a_pixel"), [("I;16", 3), ("RGBA", 8), ("LA", 5)])
def test_a_large_image_needs_little_more_than_itself(
    tmp_path: Path, mode: str, bytes_a_pixel: int
) -> None:
    side = 3000
    path = tmp_path / "large.png"
    Image.new(mode, (side, side)).save(path, compress_level=1)
    # A strip's conversions, and the decoder's own rows.
    room = 48 << 20
    assert peak_growth(path) <= side * side * bytes_a_pixel + room


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I"])
def test_flat_in_strips_is_flat_at_once(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (37, 11, 4), np.uint8)
    image = Image.fromarray(pixels, "RGBA")
    if mode.startswith("I"):
        wide = pixels.view(np.uint16)[..., 0]
        image = Image.fromarray(wide.astype(np.int32) if mode == "I" else wide)
    elif mode == "P":
        image = image.convert("RGB").quantize(17)
        image.info["transparency"] = 3
    else:
        image = image.convert(mode)
    found = flat(image, "RGB")
    monkeypatch.setattr(flat_image, "STRIP_PIXELS", 30)
    np.testing.assert_array_equal(np.asarray(flat(image, "RGB")), np.asarray(found))
    assert found.mode == "RGB"
