"""Images for models of descriptors, which are scikit-learn's.

Pixels, edge directions or both are scaled in float64 and cast once, to float32, so that training and serving see the
same bits.
"""

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from ..contract import Contract, Section
from .encoder import Columns, Inputs, Record
from .image import ImageEncoder, ImageParams, images_of

DIRECTIONS = 9
BLOCK = 2  # cells an edge that are brought to one scale together
CLIP = 0.2  # most that one direction of one cell may weigh in its block
TINY = 1e-6


class DescriptorParams(ImageParams):
    """What is read off pictures."""

    descriptor: Literal["pixels", "hog", "both"] = Field("hog", description="hog: directions of edges")
    cell: int = Field(8, ge=4, description="edge of a cell in which edges are counted, in pixels")


class DescriptorEncoder(ImageEncoder):
    """An image as one row of float32. Input of the graph: `features`, shape (records, width)."""

    Params: ClassVar[type[Section]] = DescriptorParams

    kind: Literal["descriptors"] = "descriptors"
    params: DescriptorParams
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @property
    def names(self) -> list[str]:
        kinds = {"pixels": ["pixel"], "hog": ["edge"], "both": ["pixel", "edge"]}[self.params.descriptor]
        return [f"{self.column} {kind}s" for kind in kinds]

    @classmethod
    def fit(cls, columns: Columns, contract: Contract, params: DescriptorParams) -> Self:
        """Learn the mean and the scale of every value from the training part, and from it alone."""
        images = images_of(columns, contract)
        rows = np.stack([values(content, params) for content in images])
        scale = np.where((spread := rows.std(axis=0)) < TINY, 1.0, spread)
        name = next(iter(contract.features))
        return cls(column=name, params=params, mean=rows.mean(axis=0).tolist(), scale=scale.tolist())

    def encode(self, columns: Columns) -> Inputs:
        """Typed columns of n records -> {"features": float32 (n, width)}."""
        images = columns[self.column]
        features = np.empty((len(images), len(self.mean)), dtype=np.float32)
        for row, content in enumerate(images):
            features[row] = self._scaled(content)
        return {"features": features}

    def encode_one(self, record: Record) -> Inputs:
        """One typed record -> {"features": float32 (1, width)}: what `encode` gives."""
        return {"features": self._scaled(record.get(self.column)).astype(np.float32)[None]}

    def _scaled(self, content: bytes | None) -> np.ndarray:
        return (values(content, self.params) - np.array(self.mean)) / np.array(self.scale)


def values(content: bytes | None, params: DescriptorParams) -> np.ndarray:
    """What is read off one image, unscaled: float64 (width,)."""
    pixels = params.pixels(content) / 255
    blocks = {"pixels": [pixels], "hog": [], "both": [pixels]}[params.descriptor]
    if params.descriptor != "pixels":
        blocks = [*blocks, edges(pixels, params.cell)]
    return np.concatenate([block.ravel() for block in blocks])


def edges(pixels: np.ndarray, cell: int) -> np.ndarray:
    """Histograms of edge directions of pixels (height, width, channels) in [0, 1]: (blocks, blocks, 4 * 9).

    References:
        Dalal and Triggs (2005), Histograms of oriented gradients for human detection: unsigned directions, the
        channel with the steepest edge, overlapping blocks of 2 x 2 cells, L2-Hys.
    """
    cells = _cells(np.sqrt(pixels), cell)
    corners = np.lib.stride_tricks.sliding_window_view(cells, (BLOCK, BLOCK), axis=(0, 1))
    blocks = corners.reshape(*corners.shape[:2], -1)
    return _unit(np.minimum(_unit(blocks), CLIP))


def _cells(pixels: np.ndarray, cell: int) -> np.ndarray:
    """Steepness by direction, summed over each cell: (rows, columns, 9). A direction between two counts for both."""
    down, right = (_gradient(pixels, axis) for axis in (0, 1))
    steepest = (down**2 + right**2).argmax(axis=2, keepdims=True)
    down, right = (np.take_along_axis(part, steepest, axis=2)[:, :, 0] for part in (down, right))
    place = np.arctan2(down, right) % np.pi / np.pi * DIRECTIONS
    lower, share = np.floor(place).astype(int), place % 1
    weights = np.zeros((*place.shape, DIRECTIONS))
    steepness = np.hypot(down, right)
    for direction, weight in ((lower, 1 - share), (lower + 1, share)):
        weights += np.eye(DIRECTIONS)[direction % DIRECTIONS] * (weight * steepness)[:, :, None]
    rows, columns = (edge // cell for edge in place.shape)
    return weights[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell, DIRECTIONS).sum(axis=(1, 3))


def _gradient(pixels: np.ndarray, axis: int) -> np.ndarray:
    """Half the difference of the two neighbours, the border repeated."""
    framed = np.pad(pixels, [(int(axis == 0),) * 2, (int(axis == 1),) * 2, (0, 0)], mode="edge")
    last = framed.shape[axis]
    return (framed.take(range(2, last), axis) - framed.take(range(last - 2), axis)) / 2


def _unit(blocks: np.ndarray) -> np.ndarray:
    return blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + TINY)
