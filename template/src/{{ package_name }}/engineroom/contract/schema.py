"""The contract as a whole: what its parts promise together, and what can be asked of it.

It answers what the rest asks about columns, and knows nothing about data frames, models or HTTP.
"""

import hashlib
from collections.abc import Iterable
from itertools import chain
from typing import Literal, Self

from pydantic import model_validator

from .columns import NUMERIC, Column, check_bounds
from .section import Section
from .terms import Acceptance, Costs, Derived, Problem, Quality, Requests, Rule, Source, Split, Target


class Contract(Section):
    """All that contract.yaml states. Dictionaries of columns are in the order of the file."""

    version: Literal[1] = 1
    problem: Problem
    source: Source
    target: Target
    columns: dict[str, Column]
    derived: Derived = Derived()
    eligibility: tuple[Rule, ...] = ()
    quality: Quality = Quality()
    requests: Requests = Requests()
    acceptance: Acceptance = Acceptance()
    costs: Costs = Costs()
    split: Split = Split()

    @model_validator(mode="after")
    def _target_fits(self) -> Self:
        target = self.columns.get(self.target.name)
        if target is None or target.role != ("target",):
            raise ValueError(f"target.name: {self.target.name!r} must be one of columns, with role: target")
        if self.with_role("target") != (self.target.name,):
            raise ValueError(f"only {self.target.name!r} may have role: target")
        if self.target.kind == "continuous" and target.type not in NUMERIC:
            raise ValueError(f"target.kind is continuous, so {self.target.name!r} must be number or integer")
        if self.target.kind != "continuous" and target.type not in ("category", "ordinal"):
            raise ValueError(f"{self.target.name!r} holds classes: give it type: category, with quoted levels")
        if self.target.kind == "binary" and self.target.positive is None:
            raise ValueError("target.positive: a binary target needs the class whose probability is reported")
        return self

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        known, features, stored = ", ".join(self.columns), self.features, self.stored
        for name in self.columns:
            if name != name.strip():
                raise ValueError(f"columns: write {name.strip()!r} for {name!r}: a header is read without outer blanks")
        for name in self.source.files:
            if name not in self.columns:
                raise ValueError(f"source.files: no column {name!r}; there are {known}")
        for role in ("time", "group"):
            if len(self.with_role(role)) > 1:
                raise ValueError(f"at most one column may have role: {role}, found {self.with_role(role)}")
        for rule in self.eligibility:
            if rule.column not in stored or rule.column == self.target.name:
                raise ValueError(f"eligibility: {rule.column!r} is no column that is kept; there are {known}")
            check_bounds(self.columns[rule.column].type, rule.min, rule.max)
        for name in chain.from_iterable((*self.derived.ratios, *self.derived.interactions)):
            if name not in features or features[name].type not in NUMERIC:
                raise ValueError(f"derived: {name!r} is not a feature of type number or integer")
        for name in self.quality.near_copies_allowed:
            if name not in self.columns:
                raise ValueError(f"quality.near_copies_allowed: no column {name!r}; there are {known}")
        if not features:
            raise ValueError("columns: at least one column must be a feature")
        return self

    def with_role(self, role: str) -> tuple[str, ...]:
        """Names of the columns that have a role."""
        return tuple(name for name, column in self.columns.items() if role in column.role)

    def only(self, role: str) -> str | None:
        """The column of a role that at most one column has (time, group, id), or None."""
        return next(iter(self.with_role(role)), None)

    @property
    def features(self) -> dict[str, Column]:
        """What a model may learn from."""
        return {name: column for name, column in self.columns.items() if column.is_feature}

    @property
    def inputs(self) -> dict[str, Column]:
        """What a record may hold when a prediction is asked for: every column but the target."""
        return {name: column for name, column in self.columns.items() if name != self.target.name}

    @property
    def stored(self) -> dict[str, Column]:
        """What ingest keeps: not the ignored columns, nor PII unless it is also an id or a group (kept as a hash)."""
        return {
            name: column
            for name, column in self.columns.items()
            if column.type != "ignored" and ("pii" not in column.role or {"id", "group"} & set(column.role))
        }

    def without(self, unused: Iterable[str]) -> Self:
        """The contract of a model that makes no use of these features: a request may hold anything there, or nothing.

        Those that a rule reads are needed all the same.
        """
        needed = {rule.column for rule in self.eligibility}
        ignored = {
            name: Column(type="ignored", description=self.columns[name].description)
            for name in unused
            if name not in needed
        }
        return self.model_copy(update={"columns": self.columns | ignored})

    @property
    def slices(self) -> tuple[str, ...]:
        """Columns by which quality is reported separately."""
        return tuple(name for name in self.inputs if {"sensitive", "group"} & set(self.columns[name].role))

    @property
    def digest(self) -> str:
        """SHA-256 of the contract's meaning: comments, the order of keys and spelled-out defaults do not change it."""
        return hashlib.sha256(self.model_dump_json(exclude_defaults=True).encode()).hexdigest()
