"""Raw values to typed ones: the one place that knows how a value of each type is written.

Ingest, the service and batch scoring all parse here, so a value means the same to each of them. Typed values are
float (number, integer, boolean as bool), str (category, ordinal, text, id), datetime (naive UTC), bytes (image) and
None for missing. How texts and images are read is for `engineroom.encoding` to say.
"""

import hashlib
import math
import re
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ..contract import NUMERIC, Column, Contract, Rule, from_iso
from ..encoding import PARSERS

Value = float | str | bool | datetime | bytes | None
Parser = Callable[[Any], Value]

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nil", "-", "--", "?", "nat", "<na>"})
# A text may well say none, na or "-" (the class None, Namibia): only what no person means as a level is missing.
MISSING_TEXT = frozenset({"", "n/a", "nan", "null", "?", "nat", "<na>"})
TRUE = frozenset({"true", "t", "yes", "y", "on", "1", "1.0"})
FALSE = frozenset({"false", "f", "no", "n", "off", "0", "0.0"})
# Thousands in groups of three, all by the same sign: 1,234,567.5 or 1 234,50. The sign is no decimal sign then.
GROUPED = {
    decimal: re.compile(rf"[-+]?[1-9]\d{{0,2}}([{signs}'’ \u00a0\u202f])\d{{3}}(?:\1\d{{3}})*(?:\{decimal}\d*)?")
    for decimal, signs in ((".", ","), (",", "."))
}
PACKED = re.compile(r"%[a-zA-Z]%[a-zA-Z]")  # a date's format with parts that nothing separates


def parser(column: Column, decimal: str = ".", missing: Collection[str] = ()) -> Parser:
    """The function that turns one raw value of a column into a typed one; it raises ValueError saying why not.

    What is written as one of `missing` is missing, beside what is for every column of that type.
    """
    if missing:
        parse = parser(column, decimal)
        return lambda value: None if isinstance(value, (str, int, float)) and _text(value) in missing else parse(value)
    if column.type in NUMERIC:
        return lambda value: _number(value, decimal, whole=column.type == "integer")
    if column.type == "boolean":
        return _boolean
    if column.type == "datetime":
        return lambda value: _datetime(value, column.format)
    if column.type in PARSERS:
        return PARSERS[column.type]
    return _opaque if column.type == "ignored" else _text


def parsers(contract: Contract, names: Iterable[str]) -> dict[str, Parser]:
    """How these columns are read, by what the contract says of its source."""
    source = contract.source
    return {name: parser(contract.columns[name], source.decimal, source.missing) for name in names}


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _number(value: Any, decimal: str, whole: bool) -> float | None:
    if isinstance(value, str):
        if value.strip().lower() in MISSING:
            return None
        value = _from_text(value, decimal)
    if _is_missing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError(f"{value!r} is not a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("the number is too large") from None
    if math.isinf(number):
        raise ValueError("the number is not finite")
    if whole and not number.is_integer():
        raise ValueError(f"{value!r} is not a whole number")
    return number


def _from_text(value: str, decimal: str) -> float:
    text = value.strip()
    if grouped := GROUPED[decimal].fullmatch(text):
        text = text.replace(grouped[1], "")
    elif decimal == "," and "." in text and re.fullmatch(r"[-+\d.,eE]+", text):
        raise ValueError(f"{value!r} is not a number: the decimal sign is a comma here")
    try:
        if "_" in text:  # Python reads 1_2 as 12, in data it is a code
            raise ValueError
        return float(text.replace(",", ".") if decimal == "," else text)
    except ValueError:
        raise ValueError(f"{value!r} is not a number") from None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool) or _is_missing(value):
        return value if isinstance(value, bool) else None
    text = str(value).strip().lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    if text in MISSING:
        return None
    raise ValueError(f"{value!r} is not a boolean such as true, false, yes, no, 1 or 0")


def _datetime(value: Any, form: str) -> datetime | None:
    if _is_missing(value):
        return None
    if isinstance(value, datetime):
        return _naive_utc(value) if value == value else None  # NaT differs from itself
    text = str(value).strip()
    if text.lower() in MISSING:
        return None
    try:
        return _naive_utc(_formatted(text, form) if form else from_iso(text))
    except (ValueError, OverflowError):
        expected = f"the format {form}" if form else "ISO 8601, such as 2026-01-31 or 2026-01-31T08:00:00Z"
        raise ValueError(f"{value!r} is not a date in {expected}") from None


def _formatted(text: str, form: str) -> datetime:
    moment = datetime.strptime(text, form)
    # Nothing stands between the parts, so each needs all its digits: 202511 would be a day in January.
    if PACKED.search(form) and len(text) != len(moment.strftime(form)):
        raise ValueError
    return moment


def _naive_utc(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _text(value: Any) -> str | None:
    if _is_missing(value):
        return None
    if isinstance(value, (dict, list)):
        raise ValueError("a text is expected, not an object or a list")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("the text holds half a surrogate pair, which no file can store")
    return None if text.lower() in MISSING_TEXT else text


def to_raw(contract: Contract, record: Mapping[str, Value]) -> dict[str, Any]:
    """A typed record as JSON has it; parsing it again gives the same typed record."""
    return {name: _raw(contract.columns[name], value) for name, value in record.items()}


def _raw(column: Column, value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, datetime):
        whole_day = value == datetime(value.year, value.month, value.day)
        return value.strftime(column.format) if column.format else (value.date() if whole_day else value).isoformat()
    if column.type == "integer" and value is not None:
        return int(value)
    return value


def _opaque(value: Any) -> str | None:
    """Whatever an ignored column holds, objects and lists too: it still tells two records apart."""
    return _text(str(value) if isinstance(value, (dict, list)) else value)


def outside(column: Column, value: Value) -> str | None:
    """Why a typed, present value lies outside what the contract expects, or None when it does not."""
    if column.levels and value not in column.levels:
        return f"{value!r} is not one of {', '.join(column.levels[:20])}{', ...' if len(column.levels) > 20 else ''}"
    return _beyond(column.min, column.max, value)


def _beyond(low: float | str | None, high: float | str | None, value: Any) -> str | None:
    if low is not None and value < as_bound(low):
        return f"{_shown(value)} is below the minimum {_shown(low)}"
    if high is not None and value > as_bound(high):
        return f"{_shown(value)} is above the maximum {_shown(high)}"
    return None


@lru_cache
def as_bound(bound: float | str) -> Any:
    """A bound as values compare with it: a number, or a date of the contract's text."""
    return _naive_utc(from_iso(bound)) if isinstance(bound, str) else bound


def _shown(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def ineligible(rules: Iterable[Rule], record: Mapping[str, Value]) -> str | None:
    """The reason why a typed record is out of scope, or None when it is in scope."""
    for rule in rules:
        value = record.get(rule.column)
        allowed = not rule.allowed or value in rule.allowed or _text(value) in rule.allowed
        if value is None or not allowed or _beyond(rule.min, rule.max, value):
            return f"{rule.reason} ({rule.column} is {'missing' if value is None else _shown(value)})"
    return None


def pseudonym(value: str, key: str) -> str:
    """BLAKE2b of a value under SERVICE_PII_KEY: equal values stay equal, guessing needs the key."""
    return hashlib.blake2b(value.encode(), key=key.encode()[:64], digest_size=16).hexdigest()
