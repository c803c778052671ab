"""Photos as cheap cameras over a bench take them: noisy, unevenly lit, and stored in more ways than one.

Nothing here knows what is predicted; `__main__` draws the object and says what it is.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from . import command

EDGE = 32  # pixels
FINE = 4  # drawn larger by this and shrunk, so that lines are smooth
NOISE = 9.0  # standard deviation, of 255 levels
DUPLICATES = 0.01  # share of files that hold the same photo as another one
STORED = {"png": 0.82, "grey.png": 0.06, "deep.png": 0.03, "jpg": 0.09}

Colour = tuple[int, ...]
Canvas = Image.Image
Subject = Callable[[ImageDraw.ImageDraw, Colour, np.random.Generator], str]


def backdrop(rng: np.random.Generator) -> tuple[Canvas, Colour]:
    """A bench lit from one side, `FINE` times as large as the photo, and a colour that stands out from it."""
    bench = rng.integers(120, 235, 3)
    fall = np.linspace(0, rng.uniform(-30, 30), EDGE * FINE)[:, None, None]
    light = np.repeat(bench + fall, EDGE * FINE, axis=1)
    turned = light if rng.random() < 0.5 else light.swapaxes(0, 1)
    ink = np.clip(bench - rng.integers(70, 120, 3), 0, 255)
    return Image.fromarray(np.clip(turned, 0, 255).astype(np.uint8)), tuple(ink.tolist())


def photograph(canvas: Canvas, rng: np.random.Generator, shift: float) -> Image.Image:
    """What the camera makes of it; at a shift of 1 the light is half gone and the noise has doubled."""
    sharp = np.asarray(canvas.resize((EDGE, EDGE), Image.Resampling.BOX), dtype=np.float64)
    noise = rng.normal(0, NOISE * (1 + shift), sharp.shape)
    return Image.fromarray(np.clip(sharp * (1 - 0.5 * min(shift, 1)) + noise, 0, 255).round().astype(np.uint8))


def encode(photo: Image.Image, rng: np.random.Generator) -> tuple[str, bytes]:
    """Suffix and content of a file: mostly PNG in colour, some grey, some with 16 bits, some JPEG."""
    kind = str(rng.choice(list(STORED), p=list(STORED.values())))
    if kind == "grey.png":
        photo = photo.convert("L")
    elif kind == "deep.png":
        photo = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    file = io.BytesIO()
    photo.save(file, "JPEG" if kind == "jpg" else "PNG", **({"quality": 90} if kind == "jpg" else {}))
    return kind.split(".")[-1], file.getvalue()


@dataclass(frozen=True)
class Photo:
    """A file, and what `__main__` says of it."""

    label: str
    suffix: str
    content: bytes


def take(rows: int, rng: np.random.Generator, shift: float, subject: Subject) -> list[Photo]:
    """`rows` photos in any order, a few of them twice. `subject` draws an object and gives its label."""
    copies = int(rows * DUPLICATES)
    taken = []
    for _ in range(rows - copies):
        canvas, ink = backdrop(rng)
        label = subject(ImageDraw.Draw(canvas), ink, rng)
        taken.append(Photo(label, *encode(photograph(canvas, rng, shift), rng)))
    repeated = [taken[place] for place in rng.choice(len(taken), copies, replace=False)]
    return [(taken + repeated)[place] for place in rng.permutation(rows)]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def run(make: command.Make) -> None:
    """The command of `__main__`, which takes the photos and writes what is known of them."""
    command.run("photos", make, rows=1200, out=Path("data/raw/photos"))
