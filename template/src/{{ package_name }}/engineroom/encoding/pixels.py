"""Images for networks, which read pixels.

The encoder gives pixels as bytes; the mean and the spread that it learns are taken off inside the network, and so
inside the exported graph.
"""

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from ..contract import Contract, Section
from .encoder import Columns, Inputs, Record
from .image import ImageEncoder, ImageParams, images_of

TINY = 1e-3


class PixelEncoder(ImageEncoder):
    """An image as bytes. Input of the graph: `pixels`, uint8 (records, channels, size, size)."""

    Params: ClassVar[type[Section]] = ImageParams

    kind: Literal["pixels"] = "pixels"
    mean: tuple[float, ...] = Field(description="of each channel, from 0 to 1")
    spread: tuple[float, ...] = Field(description="standard deviation of each channel")

    @property
    def names(self) -> list[str]:
        channels = ("red", "green", "blue") if self.params.colour else ("grey",)
        return [f"{self.column} {channel}" for channel in channels]

    @property
    def channels(self) -> int:
        return len(self.mean)

    @classmethod
    def fit(cls, columns: Columns, contract: Contract, params: ImageParams) -> Self:
        """Learn mean and spread of each channel from the training part, and from it alone."""
        images = images_of(columns, contract)
        sums, squares = np.zeros(3 if params.colour else 1), np.zeros(3 if params.colour else 1)
        for content in images:
            light = params.pixels(content) / 255
            sums += light.mean(axis=(0, 1))
            squares += (light**2).mean(axis=(0, 1))
        mean = sums / len(images)
        spread = np.sqrt(np.maximum(squares / len(images) - mean**2, TINY**2))
        name = next(iter(contract.features))
        return cls(column=name, params=params, mean=mean.tolist(), spread=spread.tolist())

    def encode(self, columns: Columns) -> Inputs:
        """Typed columns of n records -> {"pixels": uint8 (n, channels, size, size)}."""
        images, params = columns[self.column], self.params
        pixels = np.empty((len(images), self.channels, params.size, params.size), dtype=np.uint8)
        for row, content in enumerate(images):
            pixels[row] = self._one(content)
        return {"pixels": pixels}

    def encode_one(self, record: Record) -> Inputs:
        """One typed record -> {"pixels": uint8 (1, channels, size, size)}: what `encode` gives."""
        return {"pixels": np.ascontiguousarray(self._one(record.get(self.column))[None])}

    def _one(self, content: bytes | None) -> np.ndarray:
        """(channels, size, size): networks have the channels first."""
        return self.params.pixels(content).transpose(2, 0, 1)
