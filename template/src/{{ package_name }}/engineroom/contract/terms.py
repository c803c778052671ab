"""The parts of a contract beside its columns: problem, source, target, quality, acceptance, costs, split."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from .columns import Policy
from .section import Label, Section

Kind = Literal["binary", "multiclass", "continuous"]


class Problem(Section):
    """What the model is for, in words: nothing is computed from it."""

    name: str
    goal: str = ""
    decision: str = ""
    owner: str = ""
    scope: str = ""
    risks: tuple[str, ...] = ()


class Source(Section):
    """Where raw records come from: a file, or a query whose result is kept as a snapshot in `path`."""

    path: Path
    delimiter: str = Field(",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8"
    missing: tuple[Label, ...] = Field((), description="values that count as missing in every column, beside the usual")
    files: tuple[str, ...] = Field((), description="columns that name files, relative to the folder of `path`")
    url: str = Field("", description="SQLAlchemy URL; ${NAME} is taken from the environment")
    query: str = Field("", description="table name or SELECT statement")


class Target(Section):
    """What is predicted. `unit` is that of a number."""

    name: str
    kind: Kind
    positive: Label | None = Field(None, description="the class whose probability is reported; binary only")
    unit: str = ""


class Derived(Section):
    """Features made of two numeric columns: quotients and products."""

    ratios: tuple[tuple[str, str], ...] = ()
    interactions: tuple[tuple[str, str], ...] = ()


class Rule(Section):
    """One condition that a record must meet to be in scope; a missing value does not meet it."""

    column: str
    allowed: tuple[Label, ...] = ()
    min: float | str | None = None
    max: float | str | None = None
    reason: str
    outside: Policy = Field("refuse", description="of a request: a record out of scope")


class Quality(Section):
    """What the data must have before anything is learned from it. Shares are from 0 to 1."""

    minimum_rows: int = Field(200, ge=1)
    completeness: float = Field(0.95, ge=0, le=1, description="least share of values in a required column")
    drop_above_missing: float = Field(0.7, ge=0, le=1, description="an emptier feature is left out, by name")
    duplicates: Literal["drop", "refuse", "keep"] = "drop"
    freshness_days: float | None = Field(None, description="greatest age of the newest record; needs a time column")
    near_copies_allowed: tuple[str, ...] = Field((), description="columns known to be honest, however predictive")


class Requests(Section):
    """What the service takes, beside the rules of each column."""

    unknown_fields: Policy = "refuse"


class Acceptance(Section):
    """What counts as good enough. Limits are in the unit of the metric; those that are None judge nothing."""

    metric: str = ""
    minimum: float | None = None
    target: float | None = None
    margin: float = Field(0.0, ge=0, description="least improvement over the dummy baseline")
    slice_floor: float | None = None
    slice_minimum_rows: int = Field(50, ge=1)
    latency_ms: float = Field(50.0, gt=0, description="95th percentile of one prediction, in process")


class Costs(Section):
    """What one outcome costs. Classes: per record; a number: per unit of error."""

    currency: str = "EUR"
    true_positive: float = 0.0
    false_positive: float = 1.0
    true_negative: float = 0.0
    false_negative: float = 1.0
    misclassified: float = 1.0
    over: float = 1.0
    under: float = 1.0


class Split(Section):
    """Shares of the rows for each part, which add up to 1."""

    train: float = Field(0.7, gt=0, lt=1)
    validation: float = Field(0.15, gt=0, lt=1)
    test: float = Field(0.15, gt=0, lt=1)
    stratify: bool = True

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train, validation and test must add up to 1, they add up to {total:g}")
        return self
