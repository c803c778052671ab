"""Images that are unlike the sample: modes, sizes, formats, and a camera that was held on its side."""

import io
from typing import Any

import numpy as np
from PIL import Image

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    return exif


ODD = {
    "grey": encoded(PHOTO.convert("L")),
    "16 bits": encoded(Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.uint16) * 257)),
    "palette": encoded(PHOTO.convert("P"), transparency=3),
    "transparent": encoded(PHOTO.convert("RGBA")),
    "CMYK": encoded(PHOTO.convert("CMYK"), "JPEG"),
    "on its side": encoded(PHOTO, "JPEG", exif=turned()),
    "one pixel": encoded(Image.new("1", (1, 1))),
    "a thin line": encoded(Image.new("RGB", (2_000, 1))),
    "WebP": encoded(PHOTO, "WEBP"),
    "TIFF": encoded(PHOTO, "TIFF"),
}
