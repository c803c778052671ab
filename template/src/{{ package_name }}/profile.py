"""What the values of a column tell: their type, whether they name records, whether they give the target away.

These are guesses for a person to check, so a doubt becomes a note. Nothing here knows about files or YAML.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from .contract import NUMERIC, Column
from .records import GROUPED, MISSING, Value, parser

LEVELS = 30  # a category with more is described by its data, not by a list
TELLING_ROWS = 20  # with fewer records, values that all differ say nothing
NEAR_COPY = 0.98
BINS = 50
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
PHONE = re.compile(r"(?=(\D*\d){7,15}\D*$)([+(]|0\d+[ /-])[\d\s()./-]+|\d{3}[-. ]\d{3}[-. ]\d{4}")
ID_NAME = re.compile(r"(?i:(^|[\W_])(id|uuid|guid|key|index|nr|number|code|zip)$)|[a-z](Id|ID)$|^unnamed_\d+$")
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
DAYS = ["%d.%m.%Y", "%d.%m.%y", "%Y/%m/%d", "%Y.%m.%d"]
DAYS += ["%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%m-%d-%Y"]
FORMATS = [day + time for day in DAYS for time in TIMES]


@dataclass
class Finding:
    """One column: what contract.yaml will say of it, its typed values and what a person should know."""

    name: str
    spec: dict[str, Any]
    values: list[Value]
    notes: list[str] = field(default_factory=list)

    @property
    def present(self) -> list[Any]:
        return [value for value in self.values if value is not None]

    @property
    def missing(self) -> float:
        """Share of records without a value."""
        return 1 - len(self.present) / len(self.values)

    def ignore(self, note: str) -> None:
        self.spec = {"type": "ignored"}
        self.notes.append(note)


def distinct(raw: Iterable[Any]) -> list[Any]:
    """Values that differ, without what may stand for a missing one."""
    return [v for v in dict.fromkeys(raw) if v == v and str(v).strip().lower() not in MISSING]


def reads(values: Iterable[Any], spec: dict[str, Any], decimal: str) -> bool:
    """Whether every value can be read as a column says."""
    parse = parser(Column.model_validate(spec), decimal)
    try:
        for value in values:
            parse(value)
    except ValueError:
        return False
    return True


def typed(raw: Sequence[Any], spec: dict[str, Any], decimal: str) -> list[Value]:
    parse = parser(Column.model_validate(spec), decimal)
    known = {value: parse(value) for value in dict.fromkeys(raw)}
    return [known[value] for value in raw]


def examine(name: str, raw: list[Any], decimal: str) -> Finding:
    """What one column tells by itself; `raw` is what the source holds, one value a record."""
    if any(isinstance(value, (list, dict, bytes)) for value in raw):
        return Finding(name, {"type": "ignored"}, list(map(str, raw)), ["holds lists, objects or bytes"])
    spec, notes = _type(distinct(raw), decimal)
    finding = Finding(name, spec, typed(raw, spec, decimal), notes)
    if spec["type"] != "ignored":
        _note_gaps(finding, raw)
        _judge(finding)
    if finding.spec["type"] in NUMERIC and finding.present:
        finding.spec |= observed_range(finding)
    elif finding.spec["type"] == "category" and "role" not in finding.spec:
        levels = sorted(set(finding.present))
        finding.spec |= {"allowed": levels, "outside": "accept"} if len(levels) <= LEVELS else {}
    return finding


def _type(values: list[Any], decimal: str) -> tuple[dict[str, Any], list[str]]:
    """The narrowest type that reads every value, and what is doubtful about it."""
    texts = [value.strip() for value in values if isinstance(value, str)]
    if not values:
        return {"type": "ignored"}, ["is empty"]
    if texts and sum(bool(EMAIL.fullmatch(t) or PHONE.fullmatch(t)) for t in texts) >= 0.9 * len(values):
        return {"type": "category", "role": "pii"}, ["looks like e-mail addresses or phone numbers"]
    if len(values) > 1 and reads(values, {"type": "boolean"}, decimal):
        return {"type": "boolean"}, []
    if reads(values, day := {"type": "datetime", "format": "%Y%m%d"}, decimal) and _eight_digits(values):
        return day, []
    if not any(re.fullmatch(r"0\d+", text) for text in texts) and reads(values, {"type": "number"}, decimal):
        kind, notes = number_type(values, decimal)
        exact = kind == "number" or all(len(str(value).strip()) <= 15 for value in values)
        return ({"type": kind}, notes) if exact else ({"type": "category"}, [])  # too long to be a quantity
    return _date(values, decimal) or ({"type": "category"}, _nearly_numbers(values, decimal))


def _eight_digits(values: list[Any]) -> bool:
    return len(values) > 1 and all(re.fullmatch(r"(19|20)\d{6}", str(value)) for value in values)


def number_type(values: list[Any], decimal: str) -> tuple[str, list[str]]:
    """Whole values may still be measurements: 10.0 in a file says that 10.5 can come."""
    texts = [value.strip() for value in values if isinstance(value, str)]
    grouped = next((text for text in texts if GROUPED[decimal].fullmatch(text)), None)
    meaning = parser(Column(type="number"), decimal)(grouped)
    notes = [f"{grouped!r} is read as {meaning:.12g}: if that is wrong, see source.decimal"] if grouped else []
    fractions = any(isinstance(value, float) for value in values) or any(decimal in text for text in texts)
    whole = not fractions and reads(values, {"type": "integer"}, decimal)
    return "integer" if whole else "number", notes


def observed_range(finding: Finding) -> dict[str, Any]:
    return {"min": min(finding.present), "max": max(finding.present), "outside": "accept"}


def _date(values: list[Any], decimal: str) -> tuple[dict[str, Any], list[str]] | None:
    """A date in ISO 8601 or in the one format that fits; a day above 12 tells day from month."""
    note = "role: [time, feature] tests on the newest records"
    if reads(values, {"type": "datetime"}, decimal):
        return {"type": "datetime"}, [note]
    specs = [{"type": "datetime", "format": form} for form in FORMATS]
    fitting = [spec for spec in specs if reads(values, spec, decimal)]
    if len(fitting) > 1:
        formats = " or ".join(spec["format"] for spec in fitting)
        return {"type": "ignored"}, [f"day and month cannot be told apart: type: datetime, format: {formats}"]
    return (fitting[0], [note]) if fitting else None


def _nearly_numbers(values: list[Any], decimal: str) -> list[str]:
    odd = [value for value in values if not reads([value], {"type": "number"}, decimal)]
    if not odd or len(odd) > 0.2 * len(values):
        return []
    return [f"numbers but for {len(odd)} values such as {shown(odd[0])}: correct them, then type: number"]


def shown(value: Any) -> str:
    """A value on one line, whatever it holds."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _note_gaps(finding: Finding, raw: Sequence[Any]) -> None:
    pairs = zip(raw, finding.values, strict=True)
    spelled = Counter(r for r, value in pairs if value is None and isinstance(r, str) and r.strip())
    if finding.missing:
        finding.spec["nullable"] = True
    if spelled:
        words = ", ".join(shown(word) for word, _ in spelled.most_common(3))
        finding.notes.append(f"{words} counts as missing, {sum(spelled.values()):,} in all")
    if finding.missing > 0.7:
        finding.notes.append(f"{finding.missing:.0%} missing: quality.drop_above_missing leaves it out")


def _judge(finding: Finding) -> None:
    """Columns that cannot help a model: constants, identifiers and free text."""
    present, kind = finding.present, finding.spec["type"]
    share = len(set(present)) / max(len(present), 1)
    if len(set(present)) < 2:
        finding.ignore(f"is always {shown(present[0])}{' or missing' if finding.missing else ''}")
    elif finding.spec.get("role") == "pii" or kind not in ("integer", "category"):
        return
    elif ID_NAME.search(finding.name) and share > 0.2:
        finding.spec["type"] = "id"
        if share < 1:
            finding.notes.append("repeats: role: group keeps the records of one value in one part of the split")
    elif ID_NAME.search(finding.name) and kind == "integer":
        finding.notes.append("looks like a code: type: category if its size means nothing")
    elif share > 0.5 and len(present) >= TELLING_ROWS:
        (_judge_integers if kind == "integer" else _judge_texts)(finding, share)


def _judge_integers(finding: Finding, share: float) -> None:
    present = finding.present
    if share == 1 and not finding.missing and max(present) - min(present) < 2 * len(present):
        finding.spec["type"] = "id"
        finding.notes.append("a running number by the look of it")
    elif share == 1:
        finding.notes.append("no value occurs twice: type: id if it only tells records apart")


def _judge_texts(finding: Finding, share: float) -> None:
    present = finding.present
    if share == 1 and not any(re.search(r"\s", text) for text in present):
        finding.spec["type"] = "id"
    elif share > 0.9 or np.mean([len(text) for text in present]) > 40:
        finding.ignore("free text, nearly every value differs")
    else:
        finding.notes.append(f"{len(set(present)):,} levels: type: ignored if they tell nothing")


def gives_away(finding: Finding, target: Finding) -> str | None:
    """Why a column looks like a copy of the target, or None; missing is a value like others here."""
    y = pd.Series(target.values, dtype=object)
    known = y.notna().to_numpy()
    if known.sum() < 2 * TELLING_ROWS:
        return None
    # Ranks, because a copy on another scale is a copy.
    y = y[known].astype(float).rank() if target.spec["type"] in NUMERIC else y[known]
    gaps = pd.Series([value is None for value in finding.values], dtype=int)[known]
    after = "is it known before the outcome? If not: type: ignored"
    if gaps.nunique() > 1 and (score := _alone(gaps, y)) >= NEAR_COPY:
        return f"whether it is filled in tells the target ({score:.2f}): {after}"
    score = _alone(_levels(finding)[known], y)
    return f"tells the target all by itself ({score:.2f}): {after}" if score >= NEAR_COPY else None


def _levels(finding: Finding) -> pd.Series:
    """Small integers for values: quantiles of numbers and dates, -1 for missing."""
    values = pd.Series(finding.values, dtype=object)
    if finding.spec["type"] == "datetime":
        values = pd.Series([v.timestamp() if isinstance(v, datetime) else None for v in finding.values])
    if finding.spec["type"] in (*NUMERIC, "datetime") and values.nunique() > BINS:
        return pd.qcut(values.astype(float), BINS, labels=False, duplicates="drop").fillna(-1).astype(int)
    return pd.Series(pd.factorize(values)[0])


def _alone(levels: pd.Series, y: pd.Series) -> float:
    """How well one column alone predicts held-out records, 1 at best.

    Classes: mean recall when each level votes for the class it is most typical of, so that a rare class
    counts as much as a common one. Numbers: share of the variance that the means of the levels explain.
    """
    fitted = np.random.default_rng(0).random(len(y)) < 0.5
    if y.dtype == float:
        predicted = levels.map(y[fitted].groupby(levels[fitted]).mean()).fillna(y[fitted].mean())
        spread = ((y - y[fitted].mean())[~fitted] ** 2).sum()
        return float(1 - ((y - predicted)[~fitted] ** 2).sum() / spread) if spread else 0.0
    votes = pd.crosstab(levels[fitted], y[fitted], normalize="columns").idxmax(axis=1)
    right = levels.map(votes) == y
    return float(right[~fitted].groupby(y[~fitted]).mean().mean())
