"""Whole records, read strictly: every value typed, every rule of the contract applied, every mistake named.

The service and batch scoring read here, whatever the shape of the request, so that the same record gets the same
answer everywhere. What JSON commonly holds passes a compiled check, of a whole record or a whole column at once; all
else gets a closer look, which alone decides.
"""

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from pydantic_core import CoreSchema, SchemaValidator, ValidationError
from pydantic_core import core_schema as core

from ..contract import NUMERIC, Column, Contract, Policy, Source
from ..encoding import UNPACKED, modality_of
from ..showing import as_markdown
from .records import Value, ineligible, outside, parser

Kind = Literal["unknown_field", "missing", "invalid", "outside", "out_of_scope"]
Raw = Mapping[str, Any]

ABSENT: Any = object()  # a field that a record does not have
LARGEST = sys.float_info.max
EXACT = 2**53  # whole numbers up to here are floats too
MOST_UNKNOWN = 100  # fields of one record that are named, where the contract does not have them
PLAIN_BYTES = 16_384  # the compiled check gathers all mistakes of a record: of more than this, they take memory
CACHED, SHORT = 1024, 64  # texts whose typed value is remembered, and their length
KEY_ENDS = re.compile(rb'"\s*:').findall  # where keys end in JSON, and perhaps in some texts
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

    def __init__(self, name: str, column: Column, source: Source) -> None:
        self.name, self.column = name, column
        self.parse = parser(column, source.decimal, source.missing)
        self.optional = column.nullable or not column.is_feature
        self.absent = None if self.optional else ABSENT
        # with markers of one's own, a plain value may be missing
        self.plain = core.no_info_plain_validator_function(self.faultless) if source.missing else _plain(self)
        self._one, self._all = SchemaValidator(self.plain), SchemaValidator(core.list_schema(self.plain))

    def read(self, raw: Any, row: int, findings: list[Finding]) -> Value:
        """The typed value; what is wrong with the raw one is added to `findings`."""
        try:
            value: Value = self._one.validate_python(raw)
        except ValidationError:
            return self.look(raw, row, findings)
        return value

    def read_all(self, raw: Sequence[Any], findings: list[Finding]) -> list[Value]:
        try:
            values: list[Value] = self._all.validate_python(raw)
        except ValidationError:
            return [self.read(value, row, findings) for row, value in enumerate(raw)]
        return values

    def look(self, raw: Any, row: int, findings: list[Finding]) -> Value:
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

    def faultless(self, raw: Any) -> Value:
        """The typed value. Raises ValueError where anything is to be said of it."""
        findings: list[Finding] = []
        value = self.look(raw, 0, findings)
        if findings:
            raise ValueError
        return value

    def _note(self, findings: list[Finding], row: int, kind: Kind, detail: str, policy: Policy) -> None:
        findings.append(Finding(row, self.name, kind, detail, policy == "refuse"))


class Reader:
    """Raw records -> typed records, and what is not as the contract has it."""

    def __init__(self, contract: Contract) -> None:
        modality_of(contract)
        self.fields = [Field(name, column, contract.source) for name, column in contract.inputs.items()]
        unpacked = [(field.name, UNPACKED.get(field.column.type)) for field in self.fields]
        self.unpacks = [(name, size_of) for name, size_of in unpacked if size_of]
        self.rules = contract.eligibility
        self.known = frozenset(contract.columns)  # the outcome may be there; it is not used
        self.refuses_unknown = contract.requests.unknown_fields == "refuse"
        self._plain = SchemaValidator(_plain_record(self.fields))

    def plain(self, body: bytes) -> dict[str, Value] | None:
        """One typed record from its JSON, or None where `one` has to look: this takes a third of its time."""
        if len(body) > PLAIN_BYTES:
            return None
        try:
            record: dict[str, Value]
            record, _, given = self._plain.validate_json(body)
        except ValidationError:
            return None
        if repeated_key(body, len(given), len(given) - 1) is not None:
            return None
        return None if ineligible(self.rules, record) else record

    def one(self, raw: Raw) -> tuple[dict[str, Value], list[Finding]]:
        """Raw fields -> (typed record, findings)."""
        findings: list[Finding] = []
        record = {field.name: field.read(raw.get(field.name, field.absent), 0, findings) for field in self.fields}
        if not refused(findings):
            findings += self._out_of_scope({rule.column: [record[rule.column]] for rule in self.rules}, set())
        if not raw.keys() <= self.known:
            findings += self.unknown(raw, 0)
        return record, findings

    def many(
        self, raw: Mapping[str, Sequence[Any]], rows: int, enough: float = math.inf
    ) -> tuple[dict[str, list[Value]], list[Finding]]:
        """Raw columns of equal length -> (typed columns, findings); a column that is not there is absent.

        Once `enough` findings are refused, no further column is read.
        """
        findings: list[Finding] = []
        columns: dict[str, list[Value]] = {}
        for field in self.fields:
            columns[field.name] = field.read_all(raw.get(field.name) or [field.absent] * rows, findings)
            if len(findings) >= enough and len(refused(findings)) >= enough:
                return columns, findings
        findings += self._out_of_scope(columns, {finding.row for finding in refused(findings)})
        return columns, findings

    def unpacked(self, raw: Mapping[str, Sequence[Any]]) -> int:
        """How many bytes the values of raw columns take that are larger than they look, such as pictures."""
        return sum(size_of(value) for name, size_of in self.unpacks for value in raw.get(name) or ())

    def unknown(self, names: Iterable[str], row: int | None) -> list[Finding]:
        """What is to be said of fields that the contract does not have: of the first ones, and how many there are."""
        found = [name for name in names if name not in self.known]
        details = [self._right(name) for name in found[:MOST_UNKNOWN]]
        if more := len(found) - len(details):
            details[-1] = f"there is no such field, and no {more:,} others that the record has"
        return [
            Finding(row, name, "unknown_field", detail, self.refuses_unknown)
            for name, detail in zip(found, details, strict=False)
        ]

    def _right(self, name: str) -> str:
        if (meant := name.strip()) in self.known:
            return f"there is no such field: write {meant!r}, without the blanks around it"
        return "there is no such field; /metadata lists those that exist"

    def _out_of_scope(self, columns: Mapping[str, Sequence[Value]], but: set[int | None]) -> list[Finding]:
        """What the eligibility rules say of typed columns, of all rows but some."""
        findings = []
        for rule in self.rules:
            values = columns[rule.column]
            reasons = {value: ineligible([rule], {rule.column: value}) for value in set(values)}
            if any(reasons.values()):
                findings += [
                    Finding(row, rule.column, "out_of_scope", reason, rule.outside == "refuse")
                    for row, value in enumerate(values)
                    if (reason := reasons[value]) and row not in but
                ]
        return findings


def refused(findings: Iterable[Finding]) -> list[Finding]:
    """The findings for which a record is refused."""
    return [finding for finding in findings if finding.refused]


def _plain(field: Field) -> CoreSchema:
    """What needs no closer look, as pydantic's compiled validators check it: the typed value, or an error."""
    column = field.column
    schema: CoreSchema
    if column.type in NUMERIC:
        bounds = (column.min, column.max) if column.is_feature else (None, None)
        widest = EXACT if column.type == "integer" else LARGEST
        low, high = (
            end if bound is None else float(bound) for bound, end in zip(bounds, (-widest, widest), strict=True)
        )
        if column.type == "integer":
            whole = core.int_schema(strict=True, ge=math.ceil(low), le=math.floor(high))
            schema = core.no_info_after_validator_function(float, whole)
        else:
            schema = core.float_schema(strict=True, allow_inf_nan=False, ge=low, le=high)
    elif column.type == "boolean":
        schema = core.bool_schema(strict=True)
    elif column.is_feature and (levels := [level for level in column.levels if field.parse(level) == level]):
        schema = core.literal_schema(levels)
    elif column.type in ("category", "ordinal", "datetime"):  # the same few texts again and again
        short = core.str_schema(strict=True, max_length=SHORT)
        schema = core.no_info_after_validator_function(lru_cache(CACHED)(field.faultless), short)
    else:
        return core.no_info_plain_validator_function(field.faultless)
    return core.nullable_schema(schema) if field.optional else schema


def _plain_record(fields: Sequence[Field]) -> CoreSchema:
    """Records of plain values and no unknown field; a validator of it also gives the names of those that are there."""
    return core.model_fields_schema(
        {
            field.name: core.model_field(
                core.with_default_schema(field.plain, default=None) if field.optional else field.plain
            )
            for field in fields
        },
        extra_behavior="forbid",
    )


def repeated_key(body: bytes, keys: int, commas: int) -> str | None:
    """A key that an object of this valid JSON has twice, or None.

    Parsers keep the last of two values, or the first, and say nothing. To see both takes a parser that is slow, so what
    cannot hold a key twice is told by counting: a repeat has a comma, a colon and an end of its own. `keys` and
    `commas` are how many there are without repeats; texts may hold more of each.
    """
    if body.count(b",") == commas or body.count(b":") == keys or len(KEY_ENDS(body)) == keys:
        return None
    repeated: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        repeated.extend(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)

    json.loads(body, object_pairs_hook=look, parse_int=float, strict=False)
    return repeated[0] if repeated else None


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
    """One column's values as JSON Schema; where they are ignored, any value goes."""
    if column.type == "ignored":
        return {"description": f"{as_markdown(column.description)} (not used by the model)".lstrip()}
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
    text = as_markdown(column.description)  # as OpenAPI has it, and Swagger's page
    if column.unit:
        text = f"{text} [{as_markdown(column.unit)}]"
    if column.type == "datetime":
        example = datetime(2026, 1, 31).strftime(column.format or "%Y-%m-%d")
        text = f"{text} (such as {as_markdown(example)})".lstrip()
    return schema | ({"description": text} if text else {})
