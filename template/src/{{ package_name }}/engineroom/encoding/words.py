"""Texts for models of n-grams, which are scikit-learn's.

The encoder gives normalised text; cutting it into n-grams and weighing them is part of the graph. It needs NumPy alone.
"""

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from ..contract import Contract, Section
from .ascii import to_ascii
from .encoder import Columns, Inputs, Record
from .text import TextEncoder, TextParams, fit_texts, join, join_one, normalise


class WordParams(TextParams):
    """How texts are encoded for models of n-grams."""

    length: int = Field(2_000, ge=1, description="characters of a record that are read")


class WordEncoder(TextEncoder):
    """The texts of a record as one line of ASCII. Input of the graph: `text`, strings, shape (records, 1)."""

    Params: ClassVar[type[Section]] = WordParams

    kind: Literal["words"] = "words"
    length: int

    @classmethod
    def fit(cls, columns: Columns, contract: Contract, params: WordParams) -> Self:
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
