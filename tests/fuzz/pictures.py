"""Damages images: bytes, sizes in headers, chunks, modes, EXIF, and names of other formats."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image
from tests.fuzz.damage import damaged, edge, one_of, write_word

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "ICO", "PCX", "SGI")
MODES = ("RGB", "L", "RGBA", "P", "1", "CMYK", "I;16", "I", "F", "LA", "YCbCr")
SUFFIXES = (".png", ".jpg", ".webp", ".gif", ".bmp", ".tiff")
SIDES = (0, 1, 65_535, 65_536, 9400, 20_000, 2**31 - 1, 2**32 - 1)
BOMB_SIDE = 30_000  # pixels: 900 million, from 1 MB of PNG


def picture(random: np.random.Generator) -> bytes:
    """A valid image of some format, mode and size."""
    sides = (int(random.integers(1, 48)), int(random.integers(1, 48)))
    for _ in range(20):
        name, mode = one_of(random, FORMATS), one_of(random, MODES)
        pixels = Image.fromarray(random.integers(0, 256, (*sides, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        try:
            converted = (
                pixels.convert(mode) if mode != "I;16" else pixels.convert("I").convert(mode)
            )
            converted.save(buffer, name)
        except (OSError, ValueError, KeyError):
            continue
        return buffer.getvalue()
    return b""


def damaged_picture(random: np.random.Generator) -> tuple[str, bytes]:
    """A suffix and the bytes of a damaged image; every tenth is whole, but unusual."""
    suffix = one_of(random, SUFFIXES)
    kind = random.random()
    if kind < 0.1:
        return suffix, one_of(random, UNUSUAL)(random)
    content = picture(random)
    if kind < 0.5:
        return suffix, damaged(random, content)
    if kind < 0.75:
        return suffix, _other_size(random, content)
    if kind < 0.9:
        return suffix, content[: int(random.integers(len(content) + 1))]
    return suffix, content + damaged(random, content)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, rows: bytes = b"") -> bytes:
    """A PNG that says this size, whatever pixels it has."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = png_chunk(b"IDAT", rows)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + body + png_chunk(b"IEND", b"")


def _other_size(random: np.random.Generator, content: bytes) -> bytes:
    """Other numbers where the formats have their sides; a PNG with a checksum that is right."""
    data = bytearray(content)
    if content.startswith(b"\x89PNG"):
        struct.pack_into(">I", data, one_of(random, (16, 20)), one_of(random, SIDES))
        if random.random() < 0.3:
            data[24 + int(random.integers(5))] = int(random.integers(256))
        struct.pack_into(">I", data, 29, zlib.crc32(bytes(data[12:29])))
    elif content.startswith(b"\xff\xd8"):
        at = content.find(b"\xff\xc0")
        if at > 0:
            struct.pack_into(">H", data, at + one_of(random, (5, 7)), one_of(random, SIDES) % 65536)
    else:
        at = int(random.integers(min(64, len(data))))
        write_word(data, at, one_of(random, (*SIDES, edge(random))), one_of(random, (2, 4)))
    return bytes(data)


def _with_exif(random: np.random.Generator) -> bytes:
    exif = damaged(
        random, b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00" + b"\x01" * 8
    )
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def _animation(random: np.random.Generator) -> bytes:
    frames = [Image.new("P", (16, 16), i) for i in range(20)]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        one_of(random, ("GIF", "PNG", "WEBP", "TIFF")),
        save_all=True,
        append_images=frames[1:],
    )
    return damaged(random, buffer.getvalue()) if random.random() < 0.5 else buffer.getvalue()


def _bomb(random: np.random.Generator) -> bytes:
    """So many pixels, and hardly a byte."""
    side = one_of(random, (BOMB_SIDE, 14_000, 9400))
    depth, colour = one_of(random, ((1, 0), (8, 2), (16, 6), (16, 0)))
    return png(side, side, depth=depth, colour=colour, rows=zlib.compress(bytes(1 << 20)))


def _texts(random: np.random.Generator) -> bytes:
    """Texts and a profile that are larger than the image."""
    content = zlib.compress(bytes(80 << 20), 9)
    kind, head = one_of(random, ((b"zTXt", b"a\x00\x00"), (b"iCCP", b"a\x00\x00")))
    whole = png(8, 8, rows=zlib.compress(bytes(25 * 8)))
    return whole[:33] + png_chunk(kind, head + content) * int(random.integers(1, 4)) + whole[33:]


def _flat(random: np.random.Generator) -> bytes:
    return png(one_of(random, (1, 65_535)), 1, rows=zlib.compress(bytes(4 * 65_535)))


UNUSUAL: tuple[Callable[[np.random.Generator], bytes], ...] = (
    *(_with_exif, _animation, _bomb, _texts, _flat),
    lambda random: b"\x1f\x8b\x08" + random.bytes(50),
    lambda random: (
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    ),
    lambda random: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(canary-written) (w) file\n",
    lambda random: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
)
