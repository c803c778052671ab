"""Photos of wooden blocks on a sorting belt, a folder for each shape."""

import math
from pathlib import Path

import numpy as np
from PIL.ImageDraw import ImageDraw

from .photos import EDGE, FINE, Colour, run, take, write

CORNERS = {"square": 4, "triangle": 3}
WEIGHTS = {"circle": 0.3, "square": 0.3, "triangle": 0.25, "star": 0.15}


def block(draw: ImageDraw, ink: Colour, rng: np.random.Generator) -> str:
    """Draw a block of any size and turn, somewhere on the belt, and give its shape."""
    shape = str(rng.choice(list(WEIGHTS), p=list(WEIGHTS.values())))
    radius = rng.uniform(6, 13)
    centre = rng.uniform(radius, EDGE - radius, 2)
    turn = rng.uniform(0, 2 * math.pi)
    draw.polygon([tuple((centre + point) * FINE) for point in outline(shape, radius, turn)], fill=ink)
    return shape


def outline(shape: str, radius: float, turn: float) -> np.ndarray:
    """The corners around the centre, in pixels: (corners, 2). A circle has very many, a star's are near and far."""
    corners = CORNERS.get(shape, 10 if shape == "star" else 60)
    angles = turn + np.arange(corners) * 2 * math.pi / corners
    reach = np.where(np.arange(corners) % 2, 0.45 * radius, radius) if shape == "star" else radius
    return np.column_stack([reach * np.cos(angles), reach * np.sin(angles)])


def make(rows: int, shift: float, out: Path, rng: np.random.Generator) -> None:
    for number, photo in enumerate(take(rows, rng, shift, block)):
        write(out / photo.label / f"{number:05d}.{photo.suffix}", photo.content)


if __name__ == "__main__":
    run(make)
