"""Whole records, read strictly: every value typed, every rule of the contract applied, every mistake named.

The service and batch scoring read here, whatever the shape of the request, so that the same record gets the same
answer everywhere. One record takes a path through plain Python that costs a microsecond or so a column; many are
checked a column at a time.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from .contract import NUMERIC, Column, Contract, Policy
from .records import Value, as_bound, check_features, ineligible, outside, parser

Kind = Literal["unknown_field", "missing", "invalid", "outside", "out_of_scope"]
Raw = Mapping[str, Any]

ABSENT: Any = object()  # a field that a record does not have
UNSURE: Any = object()  # a value that needs the closer look
LARGEST = sys.float_info.max
CACHED, SHORT = 1024, 64  # texts whose typed value is remembered, and their length
JSON_TYPES = {"number": "number", "integer": "integer", "boolean": "boolean"}


class Finding(NamedTuple):
    """Something in a record that is not as the contract has it; the contract says whether it is refused."""

    row: int | None  # None: all of them
    field: str
    kind: Kind
    detail: str
    refused: bool


class Field:
    """How one column of a contract is read."""

    def __init__(self, name: str, column: Column, decimal: str) -> None:
        self.name, self.column = name, column
        self.parse = parser(column, decimal)
        self.optional = column.nullable or not column.is_feature
        # those that are read as they are written; one that is not needs the closer look
        self.levels = frozenset(level for level in column.levels if column.is_feature and self.parse(level) == level)
        self.quick = _quick(self)
        self.quick_all = _quick_all(self)

    def look(self, raw: Any, row: int, findings: list[Finding]) -> Value:
        """The typed value; what is wrong with the raw one is added to `findings`."""
        column = self.column
        try:
            value = self.parse(None if raw is ABSENT else raw)
        except ValueError as error:
            self._note(findings, row, "invalid", str(error), column.invalid if column.is_feature else "refuse")
            return None
        if value is None and not self.optional:
            detail = "this field is required" if raw is ABSENT else "a value is required"
            self._note(findings, row, "missing", detail, column.missing)
        elif value is not None and column.is_feature and (reason := outside(column, value)):
            self._note(findings, row, "outside", reason, column.outside)
        return value

    def look_all(self, raw: Sequence[Any], findings: list[Finding]) -> list[Value]:
        values = [self.quick(value) for value in raw]
        for row, value in enumerate(values):
            if value is UNSURE:
                values[row] = self.look(raw[row], row, findings)
        return values

    def _note(self, findings: list[Finding], row: int, kind: Kind, detail: str, policy: Policy) -> None:
        findings.append(Finding(row, self.name, kind, detail, policy == "refuse"))


class Reader:
    """Raw records -> typed records, and what is not as the contract has it."""

    def __init__(self, contract: Contract) -> None:
        check_features(contract)
        self.fields = [Field(name, column, contract.source.decimal) for name, column in contract.inputs.items()]
        self._quick = [(field.name, field.quick, field) for field in self.fields]
        self.rules = contract.eligibility
        self.known = frozenset(contract.columns)  # the outcome may be there; it is not used
        self.refuses_unknown = contract.requests.unknown_fields == "refuse"

    def one(self, raw: Raw) -> tuple[dict[str, Value], list[Finding]]:
        """Raw fields -> (typed record, findings)."""
        findings: list[Finding] = []
        record: dict[str, Value] = {}
        for name, quick, field in self._quick:
            given = raw.get(name, ABSENT)
            value = quick(given)
            record[name] = field.look(given, 0, findings) if value is UNSURE else value
        if self.rules and not refused(findings):
            findings += self._out_of_scope(record, 0)
        if not raw.keys() <= self.known:
            findings += self.unknown(raw, 0)
        return record, findings

    def many(self, raw: Mapping[str, Sequence[Any]], rows: int) -> tuple[dict[str, list[Value]], list[Finding]]:
        """Raw columns of so many records each -> (typed columns, findings); a column that is not there is absent."""
        findings: list[Finding] = []
        columns: dict[str, list[Value]] = {}
        for field in self.fields:
            given = raw.get(field.name) or [ABSENT] * rows
            plain = field.quick_all(given) if field.quick_all else False
            columns[field.name] = list(given) if plain else field.look_all(given, findings)
        if self.rules:
            wrong = {finding.row for finding in refused(findings)}
            names = {rule.column for rule in self.rules}
            for row in range(rows):
                if row not in wrong:
                    findings += self._out_of_scope({name: columns[name][row] for name in names}, row)
        return columns, findings

    def unknown(self, names: Iterable[str], row: int | None) -> list[Finding]:
        """What is to be said of fields that the contract does not have."""
        detail = "there is no such field; /metadata lists those that exist"
        return [
            Finding(row, name, "unknown_field", detail, self.refuses_unknown)
            for name in names
            if name not in self.known
        ]

    def _out_of_scope(self, record: Mapping[str, Value], row: int) -> list[Finding]:
        return [
            Finding(row, rule.column, "out_of_scope", reason, rule.outside == "refuse")
            for rule in self.rules
            if (reason := ineligible([rule], record))
        ]


def refused(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.refused]


# The quick checks pass what JSON commonly holds and leave all else to the closer look, which alone decides.


def _quick(field: Field) -> Callable[[Any], Any]:
    """A function of one raw value: its typed value where that is plain to see, else UNSURE."""
    column, empty = field.column, None if field.optional else UNSURE
    if column.type in NUMERIC:
        low, high = _bounds(column)
        whole = column.type == "integer"

        def number(raw: Any) -> Any:
            kind = type(raw)
            if (kind is float or kind is int) and low <= raw <= high and (not whole or kind is int):
                return float(raw)
            return empty if raw is None or raw is ABSENT else UNSURE

        return number
    if column.type == "boolean":
        return lambda raw: raw if raw is True or raw is False else empty if raw is None or raw is ABSENT else UNSURE
    if column.is_feature and column.levels:
        levels = field.levels

        def level(raw: Any) -> Any:
            if type(raw) is str:
                return raw if raw in levels else UNSURE
            return empty if raw is None or raw is ABSENT else UNSURE

        return level
    if column.type == "datetime" and not column.format:
        low_date, high_date = _date_bounds(column)

        def date(raw: Any) -> Any:
            if type(raw) is not str:
                return empty if raw is None or raw is ABSENT else UNSURE
            try:
                value = datetime.fromisoformat(raw)
            except ValueError:
                return UNSURE
            return value if value.tzinfo is None and low_date <= value <= high_date else UNSURE

        return date
    parse = field.parse
    if column.type in ("category", "ordinal"):  # the same few texts again and again
        parse = lru_cache(CACHED)(parse)
    bounded = column.is_feature and (column.min is not None or column.max is not None)

    def other(raw: Any) -> Any:
        if raw is None or raw is ABSENT:
            return empty
        try:
            value = parse(raw) if type(raw) is str and len(raw) < SHORT else field.parse(raw)
        except ValueError:
            return UNSURE
        if value is None:
            return empty
        return UNSURE if bounded and outside(column, value) else value

    return other


def _quick_all(field: Field) -> Callable[[Sequence[Any]], bool] | None:
    """A function of many raw values: are they all typed already and within the contract? None: look at each."""
    column = field.column
    if column.type in NUMERIC:
        low, high = _bounds(column)
        kinds = {int} if column.type == "integer" else {int, float}
        # the sum is NaN when one of them is, which min and max may overlook
        return lambda raw: (
            set(map(type, raw)) <= kinds and low <= min(raw) and max(raw) <= high and not math.isnan(sum(raw))
        )
    if column.type == "boolean":
        return lambda raw: set(map(type, raw)) == {bool}
    if column.is_feature and column.levels:
        return lambda raw: set(map(type, raw)) == {str} and field.levels.issuperset(raw)
    return None


def _bounds(column: Column) -> tuple[float, float]:
    low, high = column.min if column.is_feature else None, column.max if column.is_feature else None
    return -LARGEST if low is None else float(low), LARGEST if high is None else float(high)


def _date_bounds(column: Column) -> tuple[datetime, datetime]:
    low, high = (as_bound(bound) if bound and column.is_feature else None for bound in (column.min, column.max))
    return low or datetime.min, high or datetime.max


def record_schema(contract: Contract, examples: Sequence[Raw] = ()) -> dict[str, Any]:
    """A request's record as JSON Schema, under the columns' own names, however unlike identifiers."""
    properties = {name: value_schema(column) for name, column in contract.inputs.items()}
    properties[contract.target.name] = {"description": "the outcome, where it is already known; not used"}
    return {
        "title": "Record",
        "type": "object",
        "properties": properties,
        "required": [
            name for name, column in contract.features.items() if not column.nullable and column.missing == "refuse"
        ],
        "additionalProperties": contract.requests.unknown_fields == "accept",
        "examples": [dict(example) for example in examples[:1]],
    }


def value_schema(column: Column) -> dict[str, Any]:
    """One column's values as JSON Schema."""
    kind = JSON_TYPES.get(column.type, "string")
    empty = column.nullable or not column.is_feature or column.missing == "accept"
    schema: dict[str, Any] = {"type": [kind, "null"] if empty else kind}
    if column.type == "image":
        schema["contentEncoding"] = "base64"
    if column.outside == "refuse" and column.is_feature:
        if column.levels:
            schema["enum"] = [*column.levels, *([None] if empty else [])]
        bounds = {"minimum": column.min, "maximum": column.max}
        schema |= {key: bound for key, bound in bounds.items() if isinstance(bound, (int, float))}
    text = f"{column.description} [{column.unit}]" if column.unit else column.description
    return schema | ({"description": text} if text else {})
