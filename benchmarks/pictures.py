"""Pictures of a camera's size, and how far apart two of them are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strop.runtime.images.dataset import list_images

LARGE = (4000, 3000)  # 12 megapixels
GRAIN = 4.0  # codes: the noise of a small sensor in daylight; gives files of 2 to 3 MB
JPEG_QUALITY = 90


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelError:
    """Strop's pixels against one bilinear resize of the whole image, in codes of 255.

    Attributes:
        largest: Of all channels of all pixels.
        mean: Of the absolute differences.
        psnr_db: Peak signal to noise ratio; None where no pixel differs.
    """

    largest: int
    mean: float
    psnr_db: float | None


def pixel_error(ours: NDArray[np.uint8], exact: NDArray[np.uint8]) -> PixelError:
    """How far apart two images of the same size are."""
    difference = np.abs(ours.astype(np.int64) - exact)
    power = float((difference**2).mean())
    return PixelError(
        largest=int(difference.max()),
        mean=float(difference.mean()),
        psnr_db=float(10 * np.log10(255**2 / power)) if power else None,
    )


def enlarge(path: Path, to: Path, size: tuple[int, int] = LARGE) -> Path:
    """A JPEG file of a camera's size and noise from a smaller picture."""
    with Image.open(path) as image:
        large = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    noise = np.random.default_rng(0).normal(0, GRAIN, (size[1], size[0], 1))
    pixels = (np.asarray(large) + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(to, "JPEG", quality=JPEG_QUALITY)
    return to


def enlarged(folder: Path, n: int, into: str) -> list[Path]:
    """N pictures of a folder, spread evenly over it, at 12 megapixels."""
    paths = list_images(folder)
    chosen = paths[:: max(1, len(paths) // n)][:n]
    return [enlarge(path, Path(into, f"{i}.jpg")) for i, path in enumerate(chosen)]
