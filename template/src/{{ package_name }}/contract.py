"""contract.yaml, read once into frozen, typed models.

The contract states the problem, the columns, the quality the data must have, what counts as good and what errors
cost. Whoever needs to know a column asks here. This module knows nothing about data frames, models or HTTP.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from .errors import UserError, mistakes_of

PATH = Path("contract.yaml")

Kind = Literal["binary", "multiclass", "continuous"]
Type = Literal["number", "integer", "category", "ordinal", "datetime", "boolean", "text", "image", "id", "ignored"]
Role = Literal["feature", "id", "target", "time", "group", "sensitive", "pii"]
NUMERIC: tuple[Type, ...] = ("number", "integer")
Policy = Literal["refuse", "accept"]
ISO = re.compile(r"[0-9]{4}(-?[0-9]{2}-?[0-9]{2}|-?W[0-9]{2}(-?[0-9])?)([Tt ].*)?")


class ContractError(UserError):
    """The contract is wrong; the message says where, what was found and what is allowed."""


def _as_text(value: Any) -> Any:
    """A label as it stands in a text file: YAML reads 0 and true as numbers and booleans, the data holds "0"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


Label = Annotated[str, BeforeValidator(_as_text)]


class Section(BaseModel):
    """Part of a file: a key that nobody knows is a mistake, and nothing changes what was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_bounds(kind: Type, *bounds: float | str | None) -> None:
    """Bounds fit the type: numbers for numbers, ISO 8601 text for dates, none for the rest."""
    for bound in bounds:
        if bound is None:
            continue
        if kind in NUMERIC:
            if isinstance(bound, str):
                raise ValueError(f"min and max of a number must be numbers, found {bound!r}")
        elif kind != "datetime":
            raise ValueError(f"min and max belong to numbers and dates, this column is {kind}")
        elif not isinstance(bound, str) or not _is_iso(bound):
            raise ValueError(f"min and max of a date must be ISO 8601 text such as 2026-01-31, found {bound!r}")


def _is_iso(text: str) -> bool:
    try:
        from_iso(text)
    except ValueError:
        return False
    return True


def from_iso(text: str) -> datetime:
    """A date, with or without a time, as ISO 8601 writes it. Raises ValueError for any other text.

    Python alone takes any character between date and time, a digit too: 2025-06-28000 would be midnight.
    """
    if not ISO.fullmatch(text):
        raise ValueError(f"{text!r} is not ISO 8601")
    return datetime.fromisoformat(text)


class Problem(Section):
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
    name: str
    kind: Kind
    positive: Label | None = Field(None, description="the class whose probability is reported; binary only")
    unit: str = ""


class Column(Section):
    type: Type
    role: tuple[Role, ...] = ("feature",)
    description: str = ""
    unit: str = ""
    nullable: bool = False
    allowed: tuple[Label, ...] = ()
    order: tuple[Label, ...] = Field((), description="ordinal only, lowest first")
    min: float | str | None = None
    max: float | str | None = None
    outside: Policy = Field("refuse", description="values outside min, max and allowed")
    missing: Policy = Field("refuse", description="of a request: no value although the column is not nullable")
    invalid: Policy = Field("refuse", description="of a request: a value that is not of the type; accepted as missing")
    format: str = Field("", description="datetime only: strptime format of text that is not ISO 8601")
    completeness: float | None = Field(None, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _one_role_or_several(cls, data: Any) -> Any:
        if isinstance(data, dict):
            default = "id" if data.get("type") == "id" else "feature"
            role = data.get("role", default)
            data = {**data, "role": [role] if isinstance(role, str) else role}
        return data

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.type == "ordinal" and len(self.order) < 2:
            raise ValueError("an ordinal column needs `order`: its levels, lowest first")
        if self.type != "ordinal" and self.order:
            raise ValueError(f"`order` belongs to ordinal columns, this one is {self.type}")
        if {"feature", "pii"} <= set(self.role):
            raise ValueError("a pii column cannot be a feature; role: [pii, id] keeps it as a keyed hash")
        if self.allowed and self.type != "category":
            raise ValueError(f"`allowed` belongs to category columns, this one is {self.type}")
        if "id" in self.role and self.type != "id":
            raise ValueError(f"a column with role: id must have type: id, this one is {self.type}")
        _check_bounds(self.type, self.min, self.max)
        if self.min is not None and self.max is not None and self.min > self.max:  # type: ignore[operator]
            raise ValueError(f"min ({self.min}) must not exceed max ({self.max})")
        return self

    @property
    def levels(self) -> tuple[str, ...]:
        """The values that are expected, in order for ordinals; empty when any value goes."""
        return self.order or self.allowed

    @property
    def is_feature(self) -> bool:
        return "feature" in self.role and self.type not in ("id", "ignored")


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


class Contract(Section):
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
            _check_bounds(self.columns[rule.column].type, rule.min, rule.max)
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
        return tuple(name for name, column in self.columns.items() if role in column.role)

    def only(self, role: str) -> str | None:
        """The column of a role that at most one column has (time, group, id), or None."""
        return next(iter(self.with_role(role)), None)

    @property
    def features(self) -> dict[str, Column]:
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


OLD_SCALARS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "timestamp"))


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars: `yes`, 007 and dates stay text, as they stand in the data; a repeated key is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise ContractError(f"line {key.start_mark.line + 1}: the key {key.value!r} stands there twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] not in OLD_SCALARS]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))


def load(path: Path = PATH) -> Contract:
    """Read and check a contract.

    Raises:
        ContractError: with the file, the key path, what was found and what is allowed, for every mistake.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ContractError(f"{path}: no such file; `make contract DATA=... TARGET=...` writes one") from None
    return loads(raw, str(path))


def loads(raw: bytes, name: str) -> Contract:
    """A contract from the bytes of its file; `name` is what messages call it. Raises ContractError as `load` does."""
    try:
        content = yaml.load(raw.decode("utf-8"), _Loader)
        json.dumps(content, ensure_ascii=False, default=str).encode()  # half a surrogate pair fits no file
    except UnicodeError as error:
        raise ContractError(f"{name}: not Unicode text in UTF-8: {error}") from None
    except (yaml.YAMLError, ContractError) as error:
        raise ContractError(f"{name}: not valid YAML: {error}") from None
    except RecursionError:
        raise ContractError(f"{name}: nested too deep for a contract") from None
    return parse(content, name)


def parse(content: Any, name: str) -> Contract:
    """Check a contract's content; `name` is what messages call it. Raises ContractError as `load` does."""
    try:
        return Contract.model_validate(content)
    except ValidationError as error:
        mistakes = "\n".join(f"  {name}: {mistake}" for mistake in mistakes_of(error))
        raise ContractError(f"{name} has {error.error_count()} mistake(s):\n{mistakes}") from None
