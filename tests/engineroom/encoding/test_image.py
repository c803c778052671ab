"""Images of every kind are read, encoded and described alike; what is no image is refused by name."""

import base64
import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engineroom.contract import ContractError
from engineroom.encoding.descriptors import DescriptorEncoder
from engineroom.encoding.image import (
    MAX_EDGE,
    MAX_PIXELS,
    MAX_SCANS,
    TILE,
    ImageEncoder,
    ImageParams,
    decode,
    describe,
    parse,
    pixels,
)
from engineroom.encoding.pixels import PixelEncoder
from odd_images import ODD, PHOTO, encoded, turned
from PIL import Image

from .made import MACHINERY, contract_of

ENCODERS = [DescriptorEncoder, PixelEncoder]
CONTRACT = contract_of(photo={"type": "image"})
RED = (200, 30, 30)


def header_only(width: int, height: int) -> bytes:
    """A PNG that announces so many pixels and has none."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def fitted(kind: type[ImageEncoder], fit: str) -> Any:
    """An encoder that has learned from a few pictures, which fits them into the square in this way."""
    return kind.fit({"photo": [*ODD.values()]}, CONTRACT, kind.read_params({"fit": fit}))


PEAK = """
import sys
from engineroom.encoding.image import pixels

def peak():
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])

before, content = peak(), sys.stdin.buffer.read()
pixels(content, 32, "pad", True)
print((peak() - before) // 1024)
"""


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"", "empty file"),
        (b"no image", "not a readable image"),
        (encoded(PHOTO)[:-500], "incomplete PNG"),
        (encoded(PHOTO.convert("F"), "TIFF"), "32 bits"),
        (header_only(10_000, 10_000), f"{MAX_PIXELS:,} are allowed"),
        (header_only(60_000, 60_000), f"{MAX_PIXELS:,} that are allowed"),
        (header_only(1, 1_000_000), f"at most {MAX_EDGE:,}"),
        (encoded(PHOTO, "JPEG") + b"\xff\xda" * (MAX_SCANS + 1), f"more than {MAX_SCANS} scans"),
        ("no base64!", "not the base64 text"),
        (12, "not int"),
        (Path("nowhere.png"), "nowhere.png: no such file"),
    ],
)
def test_what_is_no_image_is_refused(raw: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse(raw)


def test_base64_and_data_urls_are_images() -> None:
    text = base64.encodebytes(ODD["grey"]).decode()
    assert parse(text) == parse(f"data:image/png;base64,{text}") == ODD["grey"]
    assert [parse(raw) for raw in (None, "", float("nan"))] == [None] * 3


def test_images_are_seen_as_they_are_meant() -> None:
    assert decode(ODD["on its side"]).size == (40, 60)
    assert decode(encoded(Image.new("RGBA", (1, 1), (0, 0, 0, 0)))).getpixel((0, 0)) == (255, 255, 255)
    np.testing.assert_array_equal(np.asarray(decode(ODD["16 bits"])), np.asarray(decode(ODD["grey"])))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "CMYK", "I;16"])
def test_tiles_make_the_same_picture(mode: str) -> None:
    width, height = (40, 60_000) if mode == "LA" else (1_200, 1_000)
    assert width * height > TILE
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 4), dtype=np.uint8)
    large = Image.fromarray(noise, "RGBA")
    picture = Image.fromarray(noise[:, :, 0].astype(np.uint16) * 257) if mode == "I;16" else large.convert(mode)
    content = encoded(picture, "TIFF" if mode in ("CMYK", "PA") else "PNG")
    whole: Image.Image = Image.open(io.BytesIO(content))
    if mode == "I;16":
        expected = np.asarray(whole).astype(np.uint16) // 256
        np.testing.assert_array_equal(np.asarray(decode(content))[:, :, 0], expected)
        return
    if whole.has_transparency_data:
        whole = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole.convert("RGBA"))
    np.testing.assert_array_equal(np.asarray(decode(content)), np.asarray(whole.convert("RGB")))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells of peaks there")
@pytest.mark.parametrize("kind", ["WEBP", "PNG", "JPEG"])
def test_the_largest_picture_fits_into_memory(kind: str) -> None:
    picture = Image.new("RGB" if kind == "JPEG" else "RGBA", (5_000, 5_000), RED)
    more = {"save_all": True, "append_images": [Image.new("RGBA", picture.size)]} if kind == "WEBP" else {}
    content = encoded(picture, kind, lossless=True, exif=turned(), **more)
    done = subprocess.run(
        [sys.executable, "-c", PEAK], input=content, env={"PYTHONPATH": MACHINERY}, capture_output=True, check=True
    )
    assert int(done.stdout) < (450 if kind == "WEBP" else 250)  # MiB; with copies in between it was twice as much


def test_an_oblong_image_is_padded_or_cropped() -> None:
    content = encoded(Image.new("RGB", (40, 20), RED))
    assert tuple(pixels(content, 16, "pad", True)[0, 8]) != RED == tuple(pixels(content, 16, "crop", True)[0, 8])
    assert pixels(None, 16, "pad", False).shape == (16, 16, 1)


@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize("size", [(60, 40), (31, 77), (16, 16), (3, 2), (1, 1), (5, 300), (1_200, 30)])
@pytest.mark.parametrize("kind", ENCODERS)
def test_painting_over_a_plain_picture_changes_nothing(
    kind: type[ImageEncoder], size: tuple[int, int], fit: str
) -> None:
    encoder = fitted(kind, fit)
    record = {"photo": encoded(Image.new("RGB", size, RED))}
    [(name, given)] = encoder.encode_one(record).items()
    parts = [*encoder.occlude(record, CONTRACT)]
    assert 1 <= len(parts) <= 49
    for part, without in parts:
        left, top, right, bottom = part.box
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        np.testing.assert_array_equal(encoder.encode_one(without)[name], given)


def test_patches_cover_a_picture_once() -> None:
    covered = np.zeros((40, 60), dtype=int)
    encoder = fitted(PixelEncoder, "pad")
    for part, without in encoder.occlude({"photo": encoded(PHOTO)}, CONTRACT):
        left, top, right, bottom = part.box
        covered[top:bottom, left:right] += 1
        patch = np.asarray(decode(without["photo"]))
        changed = patch != encoder.params.pixels(encoded(PHOTO))
        assert 0 < changed.any(axis=2).mean() <= 0.05
    assert (covered == 1).all()
    assert [*encoder.occlude({"photo": None}, CONTRACT)] == []


@pytest.mark.parametrize("kind", ENCODERS)
def test_one_image_is_encoded_as_many_are(kind: type[ImageEncoder]) -> None:
    encoder, images = fitted(kind, "pad"), [*ODD.values(), None]
    [(name, many)] = encoder.encode({"photo": images}).items()
    ones = [encoder.encode_one({"photo": content})[name] for content in images]
    np.testing.assert_array_equal(np.concatenate(ones), many)


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ContractError, match="'photo': 95% of its images are missing"):
        PixelEncoder.fit({"photo": [encoded(PHOTO), *[None] * 19]}, CONTRACT, ImageParams())


def test_light_and_sharpness_are_described() -> None:
    dark, bright = (encoded(Image.new("RGB", (9, 9), (level,) * 3)) for level in (20, 220))
    found = describe("photo", [dark, bright, encoded(PHOTO), None])
    assert found["photo brightness"][0] < 0.1 < 0.8 < found["photo brightness"][1]
    assert found["photo sharpness"][0] == 0 < found["photo sharpness"][2]
    assert all(values[3] is None for values in found.values())
