"""Photos of pressure gauges, and a list of what each one shows."""

import csv
import io
import math
from pathlib import Path

import numpy as np
from PIL.ImageDraw import ImageDraw

from .photos import EDGE, FINE, Colour, run, take, write

FULL_BAR = 10.0  # what a pointer at the right end of the half circle says
LIST = "readings.csv"


def gauge(draw: ImageDraw, ink: Colour, rng: np.random.Generator) -> str:
    """Draw a gauge whose pointer turns from the left (0 bar) over the top to the right, and give the reading in bar."""
    reading = rng.uniform(0, FULL_BAR)
    radius = rng.uniform(11, 14)
    hub = np.array([EDGE / 2, EDGE * 0.7]) + rng.uniform(-2, 2, 2)
    angle = math.pi * (1 + reading / FULL_BAR)  # the y axis points down
    tip = hub + radius * np.array([math.cos(angle), math.sin(angle)])
    draw.line([*(hub * FINE), *(tip * FINE)], fill=ink, width=int(rng.uniform(2, 3.5) * FINE))
    draw.circle(tuple(hub * FINE), 2.5 * FINE, fill=ink)
    return f"{reading:.2f}"


def make(rows: int, shift: float, out: Path, rng: np.random.Generator) -> None:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["photo", "site", "pressure"])
    for number, photo in enumerate(take(rows, rng, shift, gauge)):
        name = f"gauges/{number:05d}.{photo.suffix}"
        write(out / name, photo.content)
        table.writerow([name, "north" if rng.random() < 0.6 else "south", photo.label])
    write(out / LIST, text.getvalue().encode())


if __name__ == "__main__":
    run(make)
