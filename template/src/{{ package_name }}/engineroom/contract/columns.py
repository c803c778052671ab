"""One column: its type, its role, and which values it may have."""

import re
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from .section import Label, Section

Type = Literal["number", "integer", "category", "ordinal", "datetime", "boolean", "text", "image", "id", "ignored"]
Role = Literal["feature", "id", "target", "time", "group", "sensitive", "pii"]
NUMERIC: tuple[Type, ...] = ("number", "integer")
Policy = Literal["refuse", "accept"]
ISO = re.compile(r"[0-9]{4}(-?[0-9]{2}-?[0-9]{2}|-?W[0-9]{2}(-?[0-9])?)([Tt ].*)?")


class Column(Section):
    """What values of a column mean, and which are expected.

    `min` and `max` are in the column's `unit`, dates in ISO 8601; both belong to the range. `completeness` is the least
    share of rows with a value, from 0 to 1.
    """

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
        check_bounds(self.type, self.min, self.max)
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


def check_bounds(kind: Type, *bounds: float | str | None) -> None:
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
