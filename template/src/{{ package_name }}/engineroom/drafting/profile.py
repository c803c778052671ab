"""What the values of a column tell: their type, their range, whether they name records.

These are guesses for a person to check, so a doubt becomes a note. Nothing here knows about files or YAML.
"""

import re
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from reprlib import repr as shown
from statistics import mean
from typing import Any

from ..contract import NUMERIC, Column, Type
from ..reading import GROUPED, MISSING, Value, parser
from ..showing import percent

LEVELS = 30  # a category with more is described by its data, not by a list
TELLING_ROWS = 20  # with fewer records, values that all differ say nothing
TELLING_VALUES = 1_000  # so many show whether a text is a misspelt number
TELLING_DATES = 200  # and so many how dates are written
EMAIL_OR_PHONE = re.compile(
    r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}|(?=(\D*\d){7,15}\D*$)([+(]|0\d+[ /-])[\d\s()./-]+|\d{3}[-. ]\d{3}[-. ]\d{4}"
)
PROSE = re.compile(r"\s|[^\x00-\x7f]")  # several words, or a script that may write them without blanks
ID_NAME = re.compile(r"(?i:(^|[\W_])(id|uuid|guid|key|index|nr|number|code|zip)$)|[a-z](Id|ID)$|^unnamed_\d+$")
DAYS = ("%d.%m.%Y", "%d.%m.%y", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%m-%d-%Y")
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FORMATS = [day + time for day in DAYS for time in TIMES]
YES_AND_NO = [{"ja", "nein"}, {"oui", "non"}, {"si", "no"}, {"sí", "no"}, {"sì", "no"}, {"sim", "não"}, {"tak", "nie"}]
WITH_UNIT = re.compile(r"([€$£¥]|[A-Z]{3}(?=\s)|)\s*[-+]?\d[\d.,]*\s*([%‰°€$£¥]|°?[^\W\d_]{1,3}|)")
MOST = 0.9  # so large a share of the values tells what a column is meant to hold
SAY_MISSING = MISSING | {"k.a.", "k. a.", "keine angabe", "n.a.", "unknown", "unbekannt", "missing", "#n/a", "."}
DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}(\D.*)?")
POSTAL_CODE = re.compile(r"(?i)(^|[\W_])(plz|postleitzahl|post(al)?[ _]?code|zip)")
OTHER_WAY_ROUND = str.maketrans("dm", "md")


@dataclass
class Profile:
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

    @property
    def nearly_numbers(self) -> bool:
        return any(note.startswith("numbers ") for note in self.notes)

    def ignore(self, note: str) -> None:
        self.spec = {"type": "ignored"}
        self.notes.append(note)


def distinct(raw: Iterable[Any]) -> list[Any]:
    """Values that differ, without what may stand for a missing one."""
    return [v for v in dict.fromkeys(raw) if v == v and str(v).strip().lower() not in MISSING]


def typed(raw: Sequence[Any], spec: dict[str, Any], decimal: str) -> list[Value]:
    """Every value, read as a column says. Raises ValueError when one cannot be."""
    parse = parser(Column.model_validate(spec), decimal)
    known = {value: parse(value) for value in dict.fromkeys(raw)}
    return [known[value] for value in raw]


def fitting(values: list[Any], decimal: str, types: Container[Type]) -> Iterator[dict[str, Any]]:
    """The specs by which all values can be read, the narrowest first."""
    texts = [str(value).strip() for value in values]
    guesses: list[tuple[Type, str, str]] = [
        # type, what each text looks like, format of a date
        ("boolean", ".*", ""),
        ("datetime", r"(19|20)\d{6}", "%Y%m%d"),
        ("integer", rf"(?!0\d+$)[^{decimal}]{{1,15}}", ""),  # 10.0 says that 10.5 can come
        ("number", r"(?!0\d+$|\d{16,}$).*", ""),  # leading zeros and very many digits: a code
        ("datetime", ".*", ""),
        *(("datetime", ".*", form) for form in FORMATS),
    ]
    for kind, look, form in guesses:
        spec = {"type": kind} | ({"format": form} if form else {})
        if kind in types and reads(values, spec, decimal) and all(re.fullmatch(look, text) for text in texts):
            yield spec


def reads(values: list[Any], spec: dict[str, Any], decimal: str) -> bool:
    try:
        typed(values, spec, decimal)
    except ValueError:
        return False
    return True


def examine(name: str, raw: list[Any], decimal: str) -> Profile:
    """What one column tells by itself; `raw` is what the source holds, one value a record."""
    if any(isinstance(value, (list, dict)) for value in raw):
        return Profile(name, {"type": "ignored"}, list(map(str, raw)), ["holds lists or objects"])
    spec, notes = _type(distinct(raw), decimal)
    profile = Profile(name, spec, typed(raw, spec, decimal), notes)
    if spec["type"] != "ignored":
        _note_gaps(profile, raw)
        _judge(profile)
        _note_spellings(profile)
        note_markers(profile)
    describe(profile)
    return profile


def describe(profile: Profile) -> None:
    """Adds the observed range or levels; they are no rule yet, so values outside are accepted."""
    kind, levels = profile.spec["type"], sorted(set(profile.present))
    if kind in NUMERIC:
        low, high = (int(level) if kind == "integer" else level for level in (levels[0], levels[-1]))
        profile.spec |= {"min": low, "max": high, "outside": "accept"}
    elif kind == "category" and profile.spec.get("role") != "pii" and len(levels) <= LEVELS:
        profile.spec |= {"allowed": levels, "outside": "accept"}


def _type(values: list[Any], decimal: str) -> tuple[dict[str, Any], list[str]]:
    """The narrowest type that reads every value, and what is doubtful about it."""
    if not values:
        return {"type": "ignored"}, ["is empty"]
    if sum(bool(EMAIL_OR_PHONE.fullmatch(str(value).strip())) for value in values) >= MOST * len(values):
        return {"type": "category", "role": "pii"}, ["looks like e-mail addresses or phone numbers"]
    spec = next(fitting(values, decimal, ("boolean", "datetime", *NUMERIC)), {"type": "category"})
    other = spec.get("format", "").translate(OTHER_WAY_ROUND)
    if other != spec.get("format", "") and other in FORMATS and reads(values, spec | {"format": other}, decimal):
        formats = f"{spec['format']} or {other}"
        return {"type": "ignored"}, [f"day and month cannot be told apart: type: datetime, format: {formats}"]
    if spec["type"] == "category" and (ways := date_formats(values)):
        one_way = "write all in one way in the data, then type: datetime and its `format`"
        return {"type": "ignored"}, [f"dates in several ways ({', '.join(ways)}): {one_way}"]
    return spec, list(_doubts(spec["type"], values, decimal))


def date_formats(values: list[Any]) -> list[str]:
    """The formats, the commonest first, by which most texts are dates; none where these are no dates."""
    some = [str(value).strip() for value in values[:TELLING_DATES]]
    rest, found = list(filter(DATE.fullmatch, some)), list[str]()
    if len(rest) < MOST * len(some):
        return []
    while len(rest) > (1 - MOST) * len(some):
        unread = {form: [t for t in rest if not reads([t], _date(form), ".")] for form in ("", *FORMATS)}
        best = min(unread, key=lambda form: len(unread[form]))
        if len(unread[best]) == len(rest):
            return []
        rest = unread[best]
        found.append(best or "ISO 8601")
    return found


def _date(form: str) -> dict[str, Any]:
    return {"type": "datetime", "format": form}


def _doubts(kind: str, values: list[Any], decimal: str) -> Iterator[str]:
    if kind == "datetime":
        yield "role: [time, feature] tests on the newest records"
    if kind in NUMERIC:
        grouped = (value for value in values if isinstance(value, str) and GROUPED[decimal].fullmatch(value.strip()))
        for text in islice(grouped, 1):
            yield f"{text!r} is read as {typed([text], {'type': 'number'}, decimal)[0]!r}: is it? See source.decimal"
    if kind == "category":
        yield from _doubts_of_texts([str(value).strip() for value in values], decimal)


def _doubts_of_texts(texts: list[str], decimal: str) -> Iterator[str]:
    some = texts[:TELLING_VALUES]
    odd = [text for text in some if not reads([text], {"type": "number"}, decimal)]
    if units := units_of(some):
        example = shown(next(text for text in some if any(unit in text for unit in units)))
        them = " and ".join(map(shown, units))
        yield f"numbers with a unit ({example}): remove {them} from the data, then type: number"
    elif 0 < len(odd) <= 0.2 * len(some):
        them = "correct them, or list them in source.missing"
        yield f"numbers but for values such as {shown(odd[0])}: {them}, then type: number"
    if {text.casefold() for text in texts} in YES_AND_NO:
        yield "yes and no: good as two levels; type: boolean would need true and false in the data"


def units_of(texts: Sequence[str]) -> list[str]:
    """The one or two units with which most texts are numbers; none where these are no such numbers."""
    matches = [found for text in texts if (found := WITH_UNIT.fullmatch(text))]
    units = sorted({unit for found in matches for unit in found.groups() if unit})
    return units if len(units) <= 2 and len(matches) >= MOST * len(texts) else []


def is_prose(texts: Collection[str]) -> bool:
    """Whether most texts look as if somebody wrote them."""
    return 2 * sum(bool(PROSE.search(text)) for text in texts) > len(texts)


def _note_gaps(profile: Profile, raw: Sequence[Any]) -> None:
    words = {r for r, v in zip(raw, profile.values, strict=True) if v is None and isinstance(r, str) and r.strip()}
    if profile.missing:
        profile.spec["nullable"] = True
    if words:
        profile.notes.append(f"{', '.join(map(shown, sorted(words)))} counts as missing")
    if profile.missing > 0.7:
        profile.notes.append(f"{percent(profile.missing)} missing: quality.drop_above_missing leaves it out")


def _note_spellings(profile: Profile) -> None:
    levels = sorted(set(profile.present)) if profile.spec["type"] == "category" else []
    spelt = {level.casefold(): level for level in levels}
    if twice := [level for level in levels if level != spelt[level.casefold()]]:
        pair = f"{shown(twice[0])} and {shown(spelt[twice[0].casefold()])}"
        profile.notes.append(f"{pair} differ only in case: if they are one level, write it one way in the data")


def note_markers(profile: Profile) -> None:
    """Levels that are words for no value: a category takes them as they are."""
    levels = sorted(set(profile.present)) if profile.spec["type"] == "category" and not profile.nearly_numbers else []
    if words := [shown(level) for level in levels if level.casefold() in SAY_MISSING]:
        profile.notes.append(f"{', '.join(words)} may mean a missing value: list it in source.missing then")


def _judge(profile: Profile) -> None:
    """Columns that are no plain feature: constants, identifiers and free text."""
    present, kind = profile.present, profile.spec["type"]
    share = len(set(present)) / max(len(present), 1)
    named_id = ID_NAME.search(profile.name)
    if len(set(present)) < 2:
        profile.ignore(f"is always {shown(present[0])}{' or missing' if profile.missing else ''}")
    elif profile.spec.get("role") == "pii" or kind not in ("integer", "category"):
        return
    elif POSTAL_CODE.search(profile.name):
        profile.notes.append("a postal code: type: category; its first digits in a column of their own may tell more")
    elif named_id and share > 0.2:
        profile.spec["type"] = "id"
        if share < 1:
            profile.notes.append("repeats: role: group keeps the records of one value in one part of the split")
    elif named_id and kind == "integer":
        profile.notes.append("looks like a code: type: category if its size means nothing")
    elif named_id and len(set(present)) > LEVELS:
        profile.notes.append("names what has several records: role: group, if the model will meet new ones")
    elif share > 0.5 and len(present) >= TELLING_ROWS:
        _judge_differing(profile, share)


def _judge_differing(profile: Profile, share: float) -> None:
    """Whole numbers or texts of which most differ; `share` is that of the distinct ones."""
    present = profile.present
    if profile.nearly_numbers:
        profile.ignore("until then it is ignored")
    elif profile.spec["type"] == "integer":
        if share == 1 and not profile.missing and max(present) - min(present) < 2 * len(present):
            profile.spec["type"] = "id"
        elif share == 1:
            profile.notes.append("no value occurs twice: type: id if it only tells records apart")
    elif share == 1 and not any(map(PROSE.search, present)):
        profile.spec["type"] = "id"
    elif share > 0.9 or mean(map(len, present)) > 40:
        profile.spec["type"] = "text"
        profile.notes.append("free text, nearly every value differs")
    else:
        profile.notes.append(f"{len(set(present)):,} levels: type: ignored if they tell nothing")
