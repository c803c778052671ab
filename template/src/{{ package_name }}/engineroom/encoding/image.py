"""Image files to pixels: the only such code, for training, serving, scoring and drift.

A typed image is `bytes`, the encoded file as it came. Here it is checked, decoded to 8-bit RGB, resized and described.
It needs Pillow and NumPy, and knows nothing about models.
"""

import base64
import binascii
import io
import math
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import pairwise, product
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from ..contract import Contract, ContractError, Section
from .by_type import FORMATS
from .encoder import Columns, Encoder, LeftOut, Record

ALLOWED = f"allowed are {', '.join(FORMATS)} files"
MAX_PIXELS = 25_000_000  # 200 to 450 MB while it is decoded; the header tells, before any memory is taken
MAX_EDGE = 65_535  # as in JPEG: each row of pixels costs memory and time beside them
MAX_SCANS = 500  # of a progressive JPEG, each of which goes over all of it: others have about ten
BYTES = 4  # that a pixel takes once it is decoded
LARGE = 1_000_000  # pixels: of pictures with more, one is decoded at a time, in all threads together
TILE = 2**20  # pixels that are brought to RGB at a time
_decoding = threading.Lock()
MAX_BYTES = 100_000_000
DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
NEUTRAL = 127  # grey of what a picture does not fill, and of a picture that is missing
PATCHES = 7  # an edge, that an explanation paints over one after the other
DESCRIBED_EDGE = 512
INVENTED_EDGE = 48
DESCRIPTORS = ("brightness", "contrast", "sharpness", "saturation", "width", "height", "aspect", "format", "mode")
DAMAGE = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, OverflowError, struct.error, zlib.error)

Fit = Literal["pad", "crop"]


def parse(value: Any) -> bytes | None:
    """A raw image as the bytes of its file: bytes as they are, the path of a file, or base64 text (a data: URL too).

    None where there is none. Raises ValueError, in a sentence, for what does not decode.
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, Path):
        return _read(value)
    content = _from_base64(value) if isinstance(value, str) else value
    if not isinstance(content, bytes):
        raise ValueError(f"an image is expected, as bytes or base64 text, not {type(value).__name__}")
    with decoded(content):
        return content


def unpacked(value: Any) -> int:
    """The bytes that a raw image takes once it is decoded, by its header; 0 where it is none."""
    try:
        content = _from_base64(value) if isinstance(value, str) else value
        picture = header(content) if isinstance(content, bytes) else None
    except ValueError:
        return 0
    return BYTES * picture.width * picture.height if picture else 0


def images_of(columns: Columns, contract: Contract) -> Sequence[bytes | None]:
    """The images of training, which are one column. Raises ContractError when it has too few."""
    [name] = contract.features
    images: Sequence[bytes | None] = columns[name]
    missing = sum(content is None for content in images) / max(len(images), 1)
    if missing > contract.quality.drop_above_missing:
        raise ContractError(f"column {name!r}: {missing:.0%} of its images are missing, too many to learn from")
    return images


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: has {path.stat().st_size:,} bytes, at most {MAX_BYTES:,} are allowed")
    content = path.read_bytes()
    try:
        with decoded(content):
            return content
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _from_base64(text: str) -> bytes:
    """The bytes behind base64 text, line breaks allowed; a data: URL holds them behind its first comma."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        shown = text if len(text) < 30 else f"{text[:30]}..."
        raise ValueError(f"{shown!r} is not the base64 text of an image file") from None


def decode(content: bytes) -> Image.Image:
    """The first frame as 8-bit RGB, the way it is meant to be looked at.

    The camera's EXIF orientation is applied. Of 16-bit values the high byte is kept, so that equal light gives equal
    numbers in every file; grey levels, palettes and CMYK become RGB; what is transparent lies over white.

    Raises:
        ValueError: for what is empty, damaged, cut short, too large, or no image of an allowed format.
    """
    picture = header(content)
    try:
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        return _rgb(picture)
    except DAMAGE as error:
        raise ValueError(f"a damaged or incomplete {picture.format} file ({error}): export it again") from None


@contextmanager
def decoded(content: bytes) -> Iterator[Image.Image]:
    """What `decode` gives, as long as it is needed: no other large picture is decoded meanwhile. Raises ValueError."""
    picture = header(content)
    with _decoding if picture.width * picture.height > LARGE else nullcontext():
        yield decode(content)


def header(content: bytes) -> Image.Image:
    """The image with its size, format and mode, not yet decoded. Raises ValueError as `decode` does."""
    if not content:
        raise ValueError(f"an empty file, {ALLOWED}")
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise ValueError(f"more pixels than the {MAX_PIXELS:,} that are allowed: make it smaller") from None
    except DAMAGE:
        raise ValueError(f"not a readable image (it begins with {content[:8]!r}), {ALLOWED}") from None
    if (pixels := picture.width * picture.height) > MAX_PIXELS:
        raise ValueError(f"{pixels:,} pixels, at most {MAX_PIXELS:,} are allowed: make it smaller")
    if max(picture.size) > MAX_EDGE:
        raise ValueError(f"an edge of {max(picture.size):,} pixels, at most {MAX_EDGE:,} are allowed: make it smaller")
    if picture.format in ("JPEG", "MPO") and content.count(b"\xff\xda") > MAX_SCANS:
        raise ValueError(f"a JPEG of more than {MAX_SCANS} scans: save it anew")
    if picture.mode in ("I", "F"):
        raise ValueError("values of 32 bits, which have no known range: save it with 8 or 16")
    return picture


def _rgb(picture: Image.Image) -> Image.Image:
    """A picture in RGB, made tile by tile: steps in between take more memory than both."""
    if picture.mode == "RGB" and not picture.has_transparency_data:
        return picture
    whole = Image.new("RGB", picture.size)
    width = min(picture.width, TILE)
    height = TILE // width
    for left, top in product(range(0, picture.width, width), range(0, picture.height, height)):
        box = left, top, min(left + width, picture.width), min(top + height, picture.height)
        whole.paste(_rgb_of_tile(picture.crop(box)), box)
    return whole


def _rgb_of_tile(picture: Image.Image) -> Image.Image:
    if picture.mode in DEEP:
        return Image.fromarray((np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def pixels(content: bytes | None, size: int, fit: Fit, colour: bool) -> np.ndarray:
    """An image as uint8 (size, size, 3), or (size, size, 1) without colour; a missing one is plain grey.

    `pad` keeps all of a picture and fills the borders of a long one with grey; `crop` fills the square and loses what
    lies outside. Both shrink with a triangle filter as wide as the step, so fine patterns do not alias.
    """
    if content is None:
        return np.full((size, size, 3 if colour else 1), NEUTRAL, dtype=np.uint8)
    with decoded(content) as picture:
        return _square(picture, size, fit, colour)


def _square(picture: Image.Image, size: int, fit: Fit, colour: bool) -> np.ndarray:
    edges, filter_ = (size, size), Image.Resampling.BILINEAR
    if fit == "pad":
        square = ImageOps.pad(picture, edges, filter_, color=(NEUTRAL,) * 3)
    else:
        square = ImageOps.fit(picture, edges, filter_)
    return np.asarray(square) if colour else np.asarray(square.convert("L"))[:, :, None]


def invent(images: Sequence[bytes], owners: Sequence[Any], generator: np.random.Generator, count: int) -> list[bytes]:
    """Pictures that nobody took, as small PNG files: coloured patches, sharp or blurred."""
    invented = []
    for size in generator.integers(2, 7, count):
        patches = generator.integers(0, 256, (size, size, 3), dtype=np.uint8)
        blur = Image.Resampling.BICUBIC if generator.random() < 0.5 else Image.Resampling.NEAREST
        file = io.BytesIO()
        Image.fromarray(patches).resize((INVENTED_EDGE, INVENTED_EDGE), blur).save(file, "PNG")
        invented.append(file.getvalue())
    return invented


class ImageParams(Section):
    """How pictures are resized."""

    size: int = Field(32, ge=8, le=1024, description="edge of the square that an image is resized to, in pixels")
    fit: Fit = Field("pad", description="pad keeps all of an oblong image, crop its centre")
    colour: bool = Field(True, description="false when colour tells nothing: a third of the pixels, so less to learn")

    def pixels(self, content: bytes | None) -> np.ndarray:
        """An image as uint8 (size, size, channels)."""
        return pixels(content, self.size, self.fit, self.colour)


class Patch(LeftOut):
    """What an explanation leaves out: a rectangle of the picture, as it is meant to be looked at."""

    box: tuple[int, int, int, int] = Field(description="left, top, right and bottom edge, in pixels of the picture")


class ImageEncoder(Encoder):
    """What every encoder of images holds: which column it reads, and how pictures are resized."""

    Part: ClassVar[type[LeftOut]] = Patch

    column: str
    params: ImageParams

    def describe(self, columns: Columns, contract: Contract) -> dict[str, list[Any]]:
        """What drift looks at: see the function `describe`."""
        return describe(self.column, columns[self.column])

    def occlude(self, record: Record, contract: Contract) -> Iterator[tuple[Patch, Record]]:
        """The record with one patch of the picture after the other in the mean colour of what the model sees of it.

        They are painted on the square that the model sees, so that a large picture costs no more than a small one.
        """
        if (content := record.get(self.column)) is None:
            return
        size, fit = self.params.size, self.params.fit
        with decoded(content) as picture:
            square, edges = _square(picture, size, fit, self.params.colour), picture.size
        filling = max(edges) if fit == "pad" else min(edges)
        across, down = (_patches(edge, filling, size) for edge in edges)
        if not (across and down):
            return
        seen = square[down[0][1].start : down[-1][1].stop, across[0][1].start : across[-1][1].stop]
        colour = seen.mean(axis=(0, 1)).round()
        for ((top, bottom), rows), ((left, right), columns) in product(down, across):
            painted = square.copy()
            painted[rows, columns] = colour
            file = io.BytesIO()
            Image.fromarray(painted.squeeze()).save(file, "BMP")
            yield Patch(part=self.column, box=(left, top, right, bottom)), {**record, self.column: file.getvalue()}


def _patches(edge: int, filling: int, size: int) -> list[tuple[tuple[int, int], slice]]:
    """Along an edge of a picture, of which `filling` pixels fill the square: where each patch begins and ends, and its
    pixels in the square. None where a thin picture has vanished there."""
    seen, fitted = min(edge, filling), min(size, round(edge / filling * size))
    number = min(PATCHES, seen, fitted)
    steps = range(number + 1) if number else ()
    ends = pairwise((edge - seen) // 2 + seen * step // number for step in steps)
    places = pairwise(round((size - fitted) / 2) + fitted * step // number for step in steps)
    return [(end, slice(*place)) for end, place in zip(ends, places, strict=True)]


def describe(column: str, images: Iterable[bytes | None]) -> dict[str, list[Any]]:
    """What drift looks at in place of a column's pixels, for each of DESCRIPTORS: how pictures were taken and stored.

    Light is measured from 0 to 1, on at most 512 pixels an edge; sharpness is the variance of the Laplacian. Of a
    missing picture all is None.

    References:
        Pech-Pacheco et al. (2000), Diatom autofocusing in brightfield microscopy.
    """
    rows = [{} if content is None else _describe_one(content) for content in images]
    return {f"{column} {name}": [row.get(name) for row in rows] for name in DESCRIPTORS}


def _describe_one(content: bytes) -> dict[str, float | str]:
    stored = header(content)
    with decoded(content) as picture:
        width, height = picture.size
        picture.thumbnail((DESCRIBED_EDGE, DESCRIBED_EDGE), Image.Resampling.BILINEAR)
    shape = {"width": float(width), "height": float(height), "aspect": width / height}
    return {**_light(picture), **shape, "format": str(stored.format), "mode": stored.mode}


def _light(picture: Image.Image) -> dict[str, float]:
    grey = np.asarray(picture.convert("L"), dtype=np.float64) / 255
    framed = np.pad(grey, 1, mode="edge")
    neighbours = framed[:-2, 1:-1] + framed[2:, 1:-1] + framed[1:-1, :-2] + framed[1:-1, 2:]
    return {
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "sharpness": float((neighbours - 4 * grey).var()),
        "saturation": float(np.asarray(picture.convert("HSV"))[:, :, 1].mean() / 255),
    }
