"""What every encoder is: how the columns of a record become model inputs, for training, serving, scoring and drift.

An encoder is fitted on the training part and saved in the bundle as JSON. It knows nothing about models.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, ValidationError

from ..contract import Contract, ParamsError, Section, mistakes_of

Columns = Mapping[str, Any]  # column name -> list or array of typed values, None or NaN for missing
Record = Mapping[str, Any]  # column name -> one typed value
Inputs = dict[str, np.ndarray]  # graph input name -> array


class LeftOut(Section):
    """What an explanation leaves out of a record: a value, words, a patch."""

    part: str = Field(description="name of the column")


class Encoder(Section):
    """Columns of records -> the one named array that a model takes; `encode_one` gives what `encode` does, sooner."""

    Params: ClassVar[type[Section]]  # what params.yaml may say under `features`
    Part: ClassVar[type[LeftOut]]  # what `occlude` leaves out

    kind: str
    dropped: dict[str, str] = Field({}, description="features left out, and why")

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """What the features are called, in their order."""

    @classmethod
    @abstractmethod
    def fit(cls, columns: Columns, contract: Contract, params: Any) -> Self:
        """Learn from typed columns of the training part, and from them alone; `params` are those of `read_params`.

        Raises:
            ContractError: no feature is left to learn from.
        """

    @abstractmethod
    def encode(self, columns: Columns) -> Inputs:
        """Typed columns of n records -> one array of n rows, by the name of the graph's input."""

    @abstractmethod
    def encode_one(self, record: Record) -> Inputs:
        """One typed record -> what `encode` gives of it, an array of one row."""

    @abstractmethod
    def occlude(self, record: Record, contract: Contract) -> Iterator[tuple[LeftOut, Record]]:
        """Each part of a record, with the record without it."""

    @abstractmethod
    def describe(self, columns: Columns, contract: Contract) -> dict[str, list[Any]]:
        """What drift compares: floats, dates, texts or None, by column."""

    @classmethod
    def read_params(cls, features: Mapping[str, Any]) -> Section:
        """The section `features` of params.yaml, checked. Raises ParamsError naming the key of every mistake."""
        try:
            return cls.Params.model_validate(features)
        except ValidationError as error:
            raise ParamsError("\n".join(f"params.yaml: features.{one}" for one in mistakes_of(error))) from None
