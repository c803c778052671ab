"""How the texts of a record become model inputs: the only such code, for training, serving, scoring and drift.

An `Encoder` is fitted on the training part and saved in the bundle as JSON. It gives normalised text; cutting it into
n-grams and weighing them is part of the graph. It needs NumPy alone, and knows nothing about models.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from pydantic import Field

from .ascii import to_ascii
from .engineroom.contract import Contract, Type
from .text import TextEncoder, TextParams, Words, fit_texts, invent, join, join_one, normalise, parse

Columns = Mapping[str, Any]  # column name -> list or array of typed values, None for missing
Record = Mapping[str, Any]  # column name -> one typed value
Inputs = dict[str, np.ndarray]  # graph input name -> array
Part = Words  # what an explanation leaves out

FEATURE_TYPES: tuple[Type, ...] = ("text",)
PARSERS: Mapping[Type, Callable[[Any], Any]] = {"text": parse}
MAKERS: Mapping[Type, Callable[..., list[Any]]] = {"text": invent}
UNPACKED: Mapping[Type, Callable[[Any], int]] = {}  # a text is as large as it looks
MEDIA_TYPES: tuple[str, ...] = ("text/plain",)


class FeatureParams(TextParams):
    length: int = Field(2_000, ge=1, description="characters of a record that are read")


class Encoder(TextEncoder):
    """The texts of a record as one line of ASCII. Input of the graph: `text`, strings, shape (records, 1)."""

    length: int

    @classmethod
    def fit(cls, columns: Columns, contract: Contract, params: FeatureParams) -> Self:
        """Learn which columns hold text and which words are common, from the training part alone."""
        return cls(length=params.length, **fit_texts(columns, contract, params))

    @property
    def reach(self) -> int:
        return self.length

    def encode(self, columns: Columns) -> Inputs:
        """Typed columns of n records -> {"text": str objects (n, 1)}."""
        return self._inputs(join(columns, self.columns))

    def encode_one(self, record: Record) -> Inputs:
        """One typed record -> {"text": str object (1, 1)}: what `encode` gives."""
        return self._inputs([join_one(record, self.columns)])

    def _inputs(self, texts: list[str]) -> Inputs:
        lines = [to_ascii(normalise(text[: self.length])) for text in texts]
        return {"text": np.array(lines, dtype=object).reshape(-1, 1)}
