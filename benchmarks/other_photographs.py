r"""Make photographs of another kind than ImageNet's, of packages of Debian.

    apt-get download tuxpaint-stamps-default plasma-workspace-wallpapers mate-backgrounds \
        lomiri-wallpapers-16.04 lomiri-wallpapers-20.04
    for package in *.deb; do dpkg-deb -x $package unpacked; done
    uv run python benchmarks/other_photographs.py unpacked build/other_photographs

Most of Tux Paint's stamps are photographs of animals, plants, food, buildings and things, cut out;
some are drawings. Each is laid over two photographs that others use as wallpapers, of which the
left and right square are kept too.
Nobody has labelled them: they show how often a file names another class than its float model.
The same packages give the same files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from strop import console

SIDE = 320
# Of the object, as shares of the picture.
LEAST_SIDE, MOST_SIDE = 0.45, 0.85
# A drawing has fewer colours, of 5 bits each, than a photograph: looked at, of these packages.
LEAST_COLOURS = 350
# The wallpapers that are photographs: looked at. One of each is taken, of its first path.
PHOTOGRAPHS = (
    *("backgrounds/*_by_*.jpg", "backgrounds/mate/nature/*.jpg", "wallpapers/BytheWater/**/*.jpg"),
    *("wallpapers/ColorfulCups/**/*.jpg", "wallpapers/FallenLeaf/**/*.jpg"),
)
DRAWN = ("analogpattern", "Painting", "umang", "aitzgorri_by", "free_by")
GROUNDS_OF_A_THING = 2
QUALITY = 92


def colours(picture: Image.Image) -> int:
    """How many colours of 5 bits a channel its opaque part has, at most 256 pixels a side."""
    small = picture.convert("RGBA")
    small.thumbnail((256, 256))
    pixels = np.asarray(small).reshape(-1, 4)
    codes = (pixels[pixels[:, 3] > 200, :3] >> 3).astype(np.int64)
    return len(np.unique(codes @ np.array([1, 32, 1024])))


def grounds(share: Path) -> Iterator[tuple[str, Image.Image]]:
    """Two squares of each wallpaper that is a photograph, with a name."""
    for pattern in PHOTOGRAPHS:
        paths = [path for path in sorted(share.glob(pattern)) if not path.stem.startswith(DRAWN)]
        for path in paths[:1] if "**" in pattern else paths:
            with Image.open(path) as opened:
                for place, square in zip(("left", "right"), squares(opened), strict=True):
                    yield f"{path.stem}_{place}", square


def squares(wallpaper: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Its left and right square, as high as it is: they share nothing where it is twice as wide."""
    picture = wallpaper.convert("RGB")
    side = min(picture.height, picture.width // 2)
    top = (picture.height - side) // 2
    boxes = ((0, top, side, top + side), (picture.width - side, top, picture.width, top + side))
    left, right = (picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=box) for box in boxes)
    return left, right


def laid_over(stamp: Image.Image, ground: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The stamp at a random size and place of the ground."""
    thing = stamp.convert("RGBA")
    scale = rng.uniform(LEAST_SIDE, MOST_SIDE) * SIDE / max(thing.size)
    size = tuple(max(1, round(side * scale)) for side in thing.size)
    thing = thing.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    left, top = (int(rng.integers(0, SIDE - side + 1)) for side in thing.size)
    made = ground.copy()
    made.paste(thing, (left, top), thing)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("packages", type=Path, help="folder that the packages were unpacked into")
    parser.add_argument("output", type=Path, help="folder to write into")
    options = parser.parse_args(argv)
    options.output.mkdir(parents=True, exist_ok=True)
    share = options.packages / "usr" / "share"
    rng = np.random.default_rng(0)
    found = dict(grounds(share))
    for name, square in found.items():
        square.save(options.output / f"ground_{name}.jpg", quality=QUALITY)
    squares_found = list(found.values())
    things = 0
    for path in sorted((share / "tuxpaint" / "stamps").rglob("*.png")):
        with Image.open(path) as stamp:
            if colours(stamp) < LEAST_COLOURS:
                continue
            for place in range(GROUNDS_OF_A_THING):
                ground = squares_found[int(rng.integers(len(squares_found)))]
                made = laid_over(stamp, ground, rng)
                made.save(options.output / f"thing_{things:03}_{place}.jpg", quality=QUALITY)
        things += 1
    console.note(f"{things} things, each on {GROUNDS_OF_A_THING} of {len(found)} grounds")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
