"""Own data without a code edit: every ugly file works, or is refused with its name and what to do."""

import cProfile
import csv
import datetime as dt
import decimal
import gzip
import importlib
import json
import random
import re
import shutil
import sqlite3
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

TEMPLATE = Path(__file__).parents[1] / "template"
PACKAGE = "src/{{ package_name }}"
ROWS = 120


class Package:
    """The emitted package under a name of its own, imported from a folder that is the working directory."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root

    def __getattr__(self, room: str) -> ModuleType:
        return importlib.import_module(f"{self.name}.engineroom.{room}")

    def infer(self, data: object, target: str, *more: str) -> int:
        """The exit status of `make contract`."""
        return self._status(lambda: self.drafting.infer_contract(str(data), target, *more))

    def fetch(self) -> int:
        """The exit status of a fresh snapshot."""
        return self._status(self.reading.fetch)

    def _status(self, verb: Callable[[], None]) -> int:
        try:
            verb()
        except self.contract.UserError as error:
            print(error, file=sys.stderr)
            return 1
        return 0


def _package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    name = "customer_model"
    shutil.copytree(TEMPLATE / PACKAGE, folder / "src" / name)
    monkeypatch.syspath_prepend(folder / "src")
    importlib.invalidate_caches()
    (folder / "project").mkdir()
    monkeypatch.chdir(folder / "project")
    yield Package(name, folder / "project")
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]


@pytest.fixture
def classification_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Without a contract: labels and a few whole numbers are classes."""
    yield from _package(tmp_path, monkeypatch)


@pytest.fixture
def regression_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    for package in _package(tmp_path, monkeypatch):
        put("contract.yaml", "target: {kind: continuous}\n")
        yield package


def table(rows: int = ROWS, **columns: Callable[[int], Any]) -> dict[str, list[Any]]:
    """A feature, further columns by row number, and a target that the feature does not give away."""
    chance = random.Random(0)
    made: dict[str, list[Any]] = {"size": [chance.randint(1, 50) for _ in range(rows)]}
    made |= {name: [make(i) for i in range(rows)] for name, make in columns.items()}
    return {"y": [chance.choice(["good", "bad", "good"]) for _ in range(rows)], **made}


def as_text(columns: dict[str, list[Any]], delimiter: str = ",", end: str = "\n") -> str:
    lines = [list(columns), *zip(*columns.values(), strict=True)]

    def field(value: Any) -> str:
        text = "" if value is None else str(value)
        return f'"{text.replace(chr(34), chr(34) * 2)}"' if set(text) & {delimiter, '"', "\n"} else text

    return "".join(delimiter.join(map(field, line)) + end for line in lines)


def put(path: str, content: str | bytes) -> Path:
    file = Path(path)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def column(package: Package, name: str) -> Any:
    return package.contract.load().columns[name]


def assert_sound(package: Package) -> Any:
    """The contract loads, and each of its columns reads every value of its own source."""
    contract = package.contract.load()
    for chunk in package.reading.read_chunks(contract.source):
        assert list(chunk.columns) == list(contract.columns)
        for name, found in contract.columns.items():
            parse = package.reading.parser(found, contract.source.decimal)
            values = [parse(raw) for raw in chunk[name].tolist()]
            assert found.nullable or found.type == "ignored" or None not in values, name
    return contract


FILES = {
    "comma": ("a.csv", lambda t: as_text(t).encode()),
    "semicolon": ("a.csv", lambda t: as_text(t, ";").encode()),
    "tab": ("a.tsv", lambda t: as_text(t, "\t").encode()),
    "pipe": ("a.txt", lambda t: as_text(t, "|").encode()),
    "carriage returns": ("a.csv", lambda t: as_text(t, end="\r\n").encode()),
    "no last line break": ("a.csv", lambda t: as_text(t).strip().encode()),
    "blank lines": ("a.csv", lambda t: as_text(t, end="\n\n").encode()),
    "byte-order mark and quotes": ("a.csv", lambda t: b"\xef\xbb\xbf" + as_text(t).replace("y,", '"y",', 1).encode()),
    "utf-16": ("a.csv", lambda t: as_text(t).encode("utf-16")),
    "latin-1, late accent": ("a.csv", lambda t: as_text(t).encode("latin-1")),
    "gz": ("a.csv.gz", lambda t: gzip.compress(as_text(t).encode())),
    "bz2": ("a.csv.bz2", lambda t: __import__("bz2").compress(as_text(t).encode())),
    "upper-case suffix": ("A.CSV", lambda t: as_text(t).encode()),
    "spaces around names": ("a.csv", lambda t: as_text(t).replace("y,size", " y , size", 1).encode()),
    "JSON lines": ("a.jsonl", lambda t: json_lines(t).encode()),
    "JSON lines in gz": ("a.jsonl.gz", lambda t: gzip.compress(json_lines(t).encode())),
}


def json_lines(columns: dict[str, list[Any]]) -> str:
    """Keys without a value are left out, as JSON writers do."""
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return "".join(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n" for row in rows)


@pytest.mark.parametrize(("name", "content"), FILES.values(), ids=FILES)
def test_a_file_in_any_of_these_forms_gives_the_same_columns(
    classification_package: Package, name: str, content: Callable[[Any], bytes]
) -> None:
    city = lambda i: "Köln" if i > ROWS - 20 else ["Bonn", "Ulm, old", 'the "East"', "two\nlines"][i % 4]  # noqa: E731
    file = put(name, content(table(price=lambda i: 1.5 * i + 0.25, city=city, gap=lambda i: i if i % 5 else None)))
    assert classification_package.infer(file, "y") == 0
    contract = assert_sound(classification_package)
    types = {name: found.type for name, found in contract.columns.items()}
    assert types == {"y": "category", "size": "integer", "price": "number", "city": "category", "gap": "integer"}
    assert sorted(contract.columns["city"].allowed) == sorted(["Bonn", "Ulm, old", 'the "East"', "two\nlines", "Köln"])
    assert contract.columns["gap"].nullable and (contract.columns["price"].min, contract.columns["gap"].min) == (
        0.25,
        1,
    )


COLUMNS: dict[str, tuple[Callable[[int], Any], str, str]] = {
    # name: values, type, part of the note
    "numbers with blanks": (lambda i: " " if i % 9 == 0 else f"{i * 1.5}", "number", ""),
    "numbers with NA and ?": (
        lambda i: ["NA", "?", "-"][i % 3] if i % 9 == 0 else i % 40,
        "integer",
        "counts as missing",
    ),
    "thousands": (lambda i: f"{i + 1},{i + 100}.50", "number", "is read as 1100.5"),
    "thousands apart": (lambda i: f"{i + 1} {i + 100}", "integer", "is read as"),
    "percentages": (lambda i: f"{i % 40}%", "category", "remove '%' from the data, then type: number"),
    "percentages apart": (lambda i: f"{i % 40},2 %", "category", "remove '%'"),
    "weights": (lambda i: f"{i % 40}.5kg", "category", "remove 'kg'"),
    "euros": (lambda i: "k.A." if i % 30 == 7 else f"{i * 97 + 11}.39 €", "ignored", "remove '€' from the data, then"),
    "two units": (lambda i: [f"EUR {i}.5", f"{i * 3} €", f"{i * 7}"][i % 3], "ignored", "remove 'EUR' and '€' from"),
    "house numbers": (lambda i: f"{i % 40}{'abcd'[i % 4]}", "category", ""),
    "nearly numbers": (lambda i: "k.A." if i % 30 == 7 else i * 31 + 0.5, "ignored", "or list them in source.missing"),
    "PLZ": (lambda i: f"{i * 7919 % 90_000 + 1_000:05}", "category", "a postal code: type: category"),
    "words for nothing": (lambda i: ["k.A.", "-", "NA", "ja", "nein"][i % 5], "category", "'-', 'NA', 'k.A.' may mean"),
    "many dates": (
        lambda i: [f"{i % 28 + 1}.03.2024", f"2023-05-{i % 28 + 1:02}", f"{i % 28 + 1}/7/21", "1.4.2020"][i % 4],
        "ignored",
        "dates in several ways (%d.%m.%Y, ISO 8601, %d/%m/%y): write all in one way",
    ),
    "many versions": (lambda i: f"{i % 7}.{i % 28}.{i % 12}", "category", ""),
    "ja": (lambda i: ["ja", "Nein", "nein"][i % 3], "category", "yes and no"),
    "two cases": (lambda i: ["Nord", "nord", "süd"][i % 3], "category", "'Nord' and 'nord' differ only in case"),
    "some words": (lambda i: "lots" if i == 7 else i * 7 % 45, "category", "source.missing, then type: number"),
    "repeated numbers": (lambda i: i % 40, "integer", ""),
    "fractions": (lambda i: i + 0.5, "number", ""),
    "whole with point": (lambda i: f"{i % 40}.0", "number", ""),
    "tiny": (lambda i: f"{i}e-7", "number", ""),
    "few levels": (lambda i: i % 3, "integer", ""),
    "zero or one": (lambda i: i % 2, "boolean", ""),
    "YES no": (lambda i: ["YES", "no", "Yes", ""][i % 4], "boolean", ""),
    "True": (lambda i: ["TRUE", "false", "True"][i % 3], "boolean", ""),
    "none is a level": (lambda i: ["none", "gravel", "paved"][i % 3], "category", ""),
    "iso day": (lambda i: f"2024-{i % 12 + 1:02}-{i % 28 + 1:02}", "datetime", "role: [time, feature]"),
    "iso time": (lambda i: f"2024-03-{i % 28 + 1:02}T08:00:00Z", "datetime", ""),
    "points": (lambda i: f"{i % 28 + 1}.{i % 12 + 1}.2024 08:15", "datetime", ""),
    "day first": (lambda i: f"{i % 28 + 1:02}/{i % 12 + 1:02}/2024", "datetime", ""),
    "month first": (lambda i: f"{i % 12 + 1:02}/{i % 28 + 1:02}/2024", "datetime", ""),
    "digits only": (lambda i: f"2024{i % 12 + 1:02}{i % 28 + 1:02}", "datetime", ""),
    "either first": (lambda i: f"{i % 12 + 1:02}/{i % 11 + 1:02}/2024", "ignored", "%d/%m/%Y or %m/%d/%Y"),
    "customer_id": (lambda i: 9_000 - 70 * i, "id", ""),
    "visitId": (lambda i: f"v{i // 2 * 3}", "id", "role: group"),
    "account id": (lambda i: f"a{i * 7 % 100}", "id", "role: group"),
    "running": (lambda i: 5_000 + i, "id", ""),
    "unique sizes": (lambda i: i * i * 31, "integer", "no value occurs twice"),
    "unique codes": (lambda i: f"K-{i * 37 % 1009}", "id", ""),
    "zip digits": (lambda i: f"0{i * 37 % 30 + 1000}", "category", ""),
    "leading zeros": (lambda i: f"{i:06}", "id", ""),
    "shop code": (lambda i: i % 12 + 100, "integer", "type: category"),
    "full names": (lambda i: f"Person {i}", "ignored", "free text"),
    "reviews": (lambda i: f"a long review about thing {i % 80} and what it is worth", "ignored", "free text"),
    "constant": (lambda i: "x", "ignored", "is always 'x'"),
    "empty": (lambda i: "", "ignored", "is empty"),
    "mostly empty": (lambda i: i % 7 + 0.5 if i % 8 == 0 else "", "number", "drop_above_missing"),
    "contact": (lambda i: f"person.{i % 50}@example.org", "category", "e-mail"),
    "phone": (lambda i: f"+49 171 {1000000 + i}", "category", "phone"),
}


def test_each_column_gets_the_type_that_its_values_show(
    classification_package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = table(**{name: make for name, (make, _, _) in COLUMNS.items()})
    assert classification_package.infer(put("data.csv", as_text(columns)), "y") == 0
    contract = assert_sound(classification_package)
    expected = {name: kind for name, (_, kind, _) in COLUMNS.items()}
    assert {name: contract.columns[name].type for name in COLUMNS} == expected
    lines = {line.strip().split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    for name, (_, _, note) in COLUMNS.items():
        assert note in lines[name]
    assert contract.with_role("pii") == ("contact", "phone")
    assert contract.columns["tiny"].max == pytest.approx(119e-7)
    assert contract.columns["none is a level"].allowed == ("gravel", "none", "paved")


@pytest.mark.parametrize(("task", "said"), [("classification", "share of each class"), ("regression", "low and high")])
def test_the_draft_says_what_a_stratified_split_does(request: pytest.FixtureRequest, task: str, said: str) -> None:
    request.getfixturevalue(f"{task}_package").infer(
        put("data.csv", as_text(table())), "y" if task == "classification" else "size"
    )
    comment = next(line for line in Path("contract.yaml").read_text().splitlines() if "stratify" in line)
    assert comment.endswith(said if task == "classification" else f"{said} values")


def test_files_that_nothing_reads_any_more_are_named(
    classification_package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/raw").mkdir(parents=True)
    put("data/raw/customers.csv", "old")
    assert classification_package.infer(put("../mine.csv", as_text(table())), "y") == 0
    assert "data/raw also holds customers.csv, which nothing reads now" in capsys.readouterr().out


def test_observed_ranges_and_levels_are_not_enforced(classification_package: Package) -> None:
    put("data.csv", as_text(table(colour=lambda i: ["red", "blue"][i % 2])))
    classification_package.infer("data.csv", "y")
    contract = classification_package.contract.load()
    record, findings = classification_package.reading.Reader(contract).one({"size": 10**6, "colour": "green"})
    assert record == {"size": 10**6, "colour": "green"}
    assert not [finding for finding in findings if finding.refused]


def test_a_decimal_comma_is_noticed_and_a_stray_point_is_not_read_as_thousands(classification_package: Package) -> None:
    columns = table(price=lambda i: f"1.{i + 100},5", rate=lambda i: f"{i},{i % 9}", mixed=lambda i: f"{i}.5")
    put("data.csv", as_text(columns, ";"))
    classification_package.infer("data.csv", "y")
    contract = assert_sound(classification_package)
    assert (contract.source.delimiter, contract.source.decimal) == (";", ",")
    assert (contract.columns["price"].type, contract.columns["price"].min) == ("number", 1100.5)
    assert (contract.columns["rate"].type, contract.columns["mixed"].type) == ("number", "id")


NAMES = ["default payment next month", "class", "возраст", "a: b", 'say "hi"', "#1", "yes", "No", "null", "2024", "1e5"]
NAMES += [
    "x ",
    "-",
    "?",
    "{a}",
    "[b]",
    "it's",
    "*",
    "&x",
    "!t",
    "%p",
    "@at",
    "`t`",
    "<<",
    "=",
    "ö|ö",
    "😀",
    "tab\there",
]
NAMES += [
    "two\nlines",
    "a" * 300,
    "back\\slash",
    "\x7fdel",
    "line\u2028sep",
    "trailing:",
    "~",
    "true",
    "2025",
    "2026.5",
]


def test_any_column_name_survives_the_way_into_the_contract(classification_package: Package) -> None:
    columns = table(**{name: lambda i: f"{i % 7}{['yes', 'no', 'null'][i % 3]}" for name in NAMES})
    with Path("data.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])
    assert classification_package.infer("data.csv", "y") == 0
    assert list(assert_sound(classification_package).columns) == ["y", "size", *(name.strip() for name in NAMES)]


@pytest.mark.parametrize(
    "values", [NAMES[:15], NAMES[15:], ["1", "01", "1.0", "1e0"], ["a" * 90 + str(i) for i in range(9)]]
)
def test_any_level_survives_the_way_into_the_contract(classification_package: Package, values: list[str]) -> None:
    columns = table(level=lambda i: f"{values[i % len(values)]}", **{"class": lambda i: values[i % 2] + "!"})
    put("data.jsonl", json_lines(columns))
    assert classification_package.infer("data.jsonl", "class") == 0
    contract = assert_sound(classification_package)
    missing = {"?", "null"}
    assert set(contract.columns["level"].allowed or values) == {value.strip() for value in values} - missing
    assert contract.target.positive in contract.columns["class"].allowed


def test_parquet_keeps_its_types(classification_package: Package) -> None:
    day = dt.datetime(2024, 1, 1)
    columns = table(
        count=lambda i: i % 30 if i % 4 else None,
        flag=lambda i: bool(i % 2) if i % 5 else None,
        moment=lambda i: day + dt.timedelta(hours=i),
        zoned=lambda i: (day + dt.timedelta(hours=i)).replace(tzinfo=dt.UTC),
        day=lambda i: (day + dt.timedelta(days=i)).date() if i % 6 else None,
        amount=lambda i: decimal.Decimal(i) / 4,
        real=lambda i: float(i % 40),
        tags=lambda i: ["a", "b"][: i % 3],
        serial=lambda i: 2**60 + i,
    )
    arrays = {name: pa.array(values) for name, values in columns.items()}
    arrays["region"] = pa.array([["north", "south"][i % 2] for i in range(ROWS)]).dictionary_encode()
    pq.write_table(pa.table(arrays), "data.parquet", row_group_size=50)
    assert classification_package.infer("data.parquet", "y") == 0
    contract = assert_sound(classification_package)
    assert {name: found.type for name, found in contract.columns.items() if name not in ("y", "size")} == {
        "count": "integer", "flag": "boolean", "moment": "datetime", "zoned": "datetime", "day": "datetime",
        "amount": "number", "real": "number", "tags": "ignored", "serial": "id", "region": "category",
    }  # fmt: skip
    assert "source" in Path("contract.yaml").read_text() and contract.columns["count"].nullable


TARGETS: dict[str, tuple[Callable[[int], Any], str, str | None]] = {
    "Yes and No": (lambda i: ["Yes", "No", "No"][i % 3], "binary", "Yes"),
    "0 and 1": (lambda i: int(i % 3 > 0), "binary", "1"),
    "0.0 and 1.0": (lambda i: f"{float(i % 3 == 0)}", "binary", "1.0"),
    "true and false": (lambda i: str(i % 3 > 0).lower(), "binary", "true"),
    "two words, the rarer": (lambda i: ["stays", "leaves", "stays"][i % 3], "binary", "leaves"),
    "three numbers": (lambda i: i % 3, "multiclass", None),
    "None is a class": (lambda i: ["None", "Apnea", "Insomnia"][i % 3], "multiclass", None),
    "gaps": (lambda i: "" if i % 10 == 0 else "ab"[i % 2], "binary", "a"),
}


@pytest.mark.parametrize(("make", "kind", "positive"), TARGETS.values(), ids=TARGETS)
def test_a_target_of_classes_is_recognised(
    classification_package: Package, make: Callable[[int], Any], kind: str, positive: str | None
) -> None:
    put("data.csv", as_text(table(outcome=make)))
    assert classification_package.infer("data.csv", "outcome") == 0
    contract = assert_sound(classification_package)
    assert (contract.target.kind, contract.target.positive) == (kind, positive)
    parse = classification_package.reading.parser(contract.columns["outcome"])
    labels = {value for i in range(ROWS) if (value := parse(str(make(i)))) is not None}
    assert set(contract.columns["outcome"].allowed) == labels
    assert classification_package.judging.new_decision(sorted(labels), contract).classes


@pytest.mark.parametrize(
    ("make", "kind"), [(lambda i: i * 1.5, "number"), (lambda i: i, "integer"), (lambda i: i % 4, "integer")]
)
def test_a_number_is_a_target_of_a_regression_project(
    regression_package: Package, make: Callable[[int], Any], kind: str
) -> None:
    put("data.csv", as_text(table(progression=make)))
    assert regression_package.infer("data.csv", "progression") == 0
    contract = assert_sound(regression_package)
    assert (contract.target.kind, contract.columns["progression"].type) == ("continuous", kind)


REFUSED: dict[str, tuple[str, str | bytes, str, list[str]]] = {
    # file, content, target, what the message says
    "empty": ("a.csv", "", "y", ["a.csv: is empty", "header"]),
    "header only": ("a.csv", "a,b,y\n", "y", ["a.csv: has column names and no records"]),
    "no header": ("a.csv", "5.1,3.5,1.4,yes\n4.9,3.0,1.4,no\n", "y", ["no column 'y'", "one of 5.1, 3.5, 1.4, yes"]),
    "repeated names": ("a.csv", "a,b,a,y\n1,2,3,4\n", "y", ["a.csv: the header repeats 'a'", "rename"]),
    "too many fields": ("a.csv", "a,y\n1,2\n1,2,3\n", "y", ["a.csv, line 3: 3 fields instead of 2", "quote"]),
    "too few fields": ("a.csv", "a,b,y\n1,2,3\n\n1,2\n", "y", ["a.csv, line 4: 2 fields instead of 3"]),
    "open quote": ("a.csv", 'a,y\n1,2\n"1,2\n', "y", ["a.csv, line 3", "quotes"]),
    "cut gz": ("a.csv.gz", gzip.compress(b"a,y\n" * 9999)[:-9], "y", ["a.csv.gz: cannot be read", "complete"]),
    "no Parquet": ("a.parquet", "a,y\n", "y", ["a.parquet: cannot be read"]),
    "spreadsheet": ("a.xlsx", "PK", "y", ["a.xlsx: unknown kind of file", ".csv"]),
    "JSON array": ("a.json", '[{"y": 1}]', "y", ["a.json, line 1: no JSON object", "JSON lines"]),
    "no file": ("", "", "y", ["nowhere.csv: no such file"]),
    "misspelt target": ("a.csv", as_text(table()), "sice", ["a.csv has no column 'sice'", "choose one of size\n"]),
    "other target": ("a.csv", as_text(table()), "price", ["no column 'price'", "choose one of y, size"]),
    "constant target": ("a.csv", as_text(table(z=lambda i: "a")), "z", ["'z' is always 'a'", "another target"]),
    "empty target": ("a.csv", as_text(table(z=lambda i: "")), "z", ["'z' is empty", "another target"]),
    "text as target": ("a.csv", as_text(table(z=lambda i: f"no. {i}")), "z", ["'z' has 120 different values"]),
    "number as class": ("a.csv", as_text(table(z=lambda i: i / 7)), "z", ["'z' is continuous", "regression project"]),
    "many counts as class": ("a.csv", as_text(table(z=lambda i: i % 40)), "z", ["'z' is continuous (40 different"]),
    "two spellings": ("a.csv", as_text(table(z=lambda i: ["Yes", "no", "yes"][i % 3])), "z", ["('Yes', 'no', 'yes')"]),
    "no feature": ("a.csv", "y,id\n" + "".join(f"{i % 2},{i}\n" for i in range(99)), "y", ["no column but 'y'"]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "target", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_in_one_sentence_and_changes_nothing(
    classification_package: Package,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str | bytes,
    target: str,
    said: list[str],
) -> None:
    outside = classification_package.root.parent / "elsewhere"
    outside.mkdir()
    file = put(str(outside / name), content) if name else outside / "nowhere.csv"
    mine = put("contract.yaml", "target: {kind: binary}\n").read_text()
    assert classification_package.infer(file, target) == 1
    message = capsys.readouterr().err
    assert all(part in message for part in said), message
    assert message.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["contract.yaml"] and Path("contract.yaml").read_text() == mine


@pytest.mark.parametrize(("make", "kind"), [(lambda i: i / 7, "continuous"), (lambda i: i % 3, "multiclass")])
@pytest.mark.parametrize(
    "before", [None, "", "a: [", "- 1\n", "target: 3\n", "target: {kind: other}\n", b"\xff\xfe\x00"]
)
def test_without_a_contract_that_says_what_is_predicted_the_values_do(
    classification_package: Package, before: str | bytes | None, make: Callable[[int], Any], kind: str
) -> None:
    if before is not None:
        put("contract.yaml", before)
    put("data.csv", as_text(table(z=make)))
    assert classification_package.infer("data.csv", "z") == 0
    assert classification_package.contract.load().target.kind == kind


def test_text_cannot_be_the_target_of_a_regression_project(
    regression_package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    put("data.csv", as_text(table()))
    assert regression_package.infer("data.csv", "y") == 1
    assert "make a classification project" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["y", "price"])
def test_near_copies_of_the_target_are_pointed_out(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    package = request.getfixturevalue("classification_package" if target == "y" else "regression_package")
    columns = table(rows=600, noise=lambda i: i * 37 % 101, price=lambda i: i * 7919 % 601 + 0.5)
    columns["refund"] = [price * 3 for price in columns["price"]]
    columns["cancelled_on"] = [f"2024-05-{i % 28 + 1:02}" if y == "bad" else "" for i, y in enumerate(columns["y"])]
    columns["outcome_code"] = [{"good": "A", "bad": "B"}[y] for y in columns["y"]]
    put("data.csv", as_text(columns))
    assert package.infer("data.csv", target) == 0
    told = {line.split()[0] for line in capsys.readouterr().out.splitlines() if "tells the target" in line}
    assert told == ({"cancelled_on", "outcome_code"} if target == "y" else {"refund"})


@pytest.mark.parametrize(("encoding", "said"), [("utf-8", "wrong encoding"), ("latin-99", "unknown encoding")])
def test_a_wrong_encoding_in_the_contract_is_refused_by_name(
    classification_package: Package, encoding: str, said: str
) -> None:
    source = classification_package.contract.Source(
        path=put("a.csv", "a,y\nKöln,1\n".encode("cp1252")), encoding=encoding
    )
    with pytest.raises(classification_package.reading.SourceError, match=f"a.csv: .*{said}.* cp1252"):
        list(classification_package.reading.read_chunks(source))


def test_memory_holds_a_chunk_not_the_file(classification_package: Package) -> None:
    put("a.csv", as_text(table(rows=1000)))
    source = classification_package.contract.Source(path="a.csv")
    assert [len(chunk) for chunk in classification_package.reading.read_chunks(source, rows=300)] == [
        300,
        300,
        300,
        100,
    ]


def test_repeated_records_are_counted_and_do_not_hide_an_id(
    classification_package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = table(key=lambda i: f"k{i}")
    twice = {name: values + values[:40] for name, values in columns.items()}
    classification_package.infer(put("data.csv", as_text(twice)), "y")
    assert column(classification_package, "key").type == "id"
    assert "40 repeated" in capsys.readouterr().out


def test_the_id_of_what_comes_again_and_again_may_be_a_group(
    classification_package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    classification_package.infer(put("data.csv", as_text(table(rows=400, **{"meter id": lambda i: f"Z{i % 40}"}))), "y")
    assert column(classification_package, "meter id").type == "category"
    assert "names what has several records: role: group" in capsys.readouterr().out


def test_classes_that_may_mean_nothing_are_pointed_out(
    classification_package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = ["high", "k.A.", "low", "-"]
    classification_package.infer(put("data.csv", as_text(table(z=lambda i: classes[i % 4]))), "z")
    assert "'-', 'k.A.' may mean a missing value" in capsys.readouterr().out


@pytest.mark.parametrize(("gaps", "nullable"), [(4, False), (30, True)])
def test_an_only_feature_with_gaps_is_asked_for_where_few_lack_it(
    classification_package: Package, gaps: int, nullable: bool
) -> None:
    columns = table(key=lambda i: f"k{i}") | {"size": [None if i < gaps else i * 37 % 1_009 + 0.5 for i in range(ROWS)]}
    classification_package.infer(put("data.csv", as_text(columns)), "y")
    assert column(classification_package, "size").nullable == nullable
    draft = Path("contract.yaml").read_text()
    assert re.search(
        r"# the only feature, [\d.]+% missing: with nullable: true, an empty request gets an answer", draft
    )
    assert ("take nullable out, and the records without" in draft) == nullable
    other = columns | {"more": [i % 7 for i in range(ROWS)]}
    classification_package.infer(put("more.csv", as_text(other)), "y")
    assert column(classification_package, "size").nullable and "only feature" not in Path("contract.yaml").read_text()


def test_a_decimal_comma_is_blamed_for_a_point_in_a_number_only(classification_package: Package) -> None:
    parse = classification_package.reading.parser(classification_package.contract.Column(type="number"), ",")
    for text in ("1.5", "1,234.50", "-2.5e3"):
        with pytest.raises(ValueError, match="is not a number: the decimal sign is a comma here"):
            parse(text)
    for text in ("k.A.", "11.405,39 €", "v1.5"):
        with pytest.raises(ValueError, match="is not a number$"):
            parse(text)


def test_every_contract_that_a_draft_replaces_is_kept(classification_package: Package) -> None:
    data = put("data.csv", as_text(table(z=lambda i: "ab"[i % 2])))
    put("contract.yaml", "mine")
    assert classification_package.infer(data, "y") == classification_package.infer(data, "z") == 0
    assert Path("contract.yaml.1.bak").read_text() == "mine"
    assert "name: y" in Path("contract.yaml.2.bak").read_text() and "name: z" in Path("contract.yaml").read_text()


def test_a_rare_class_and_records_without_a_target_are_said(
    classification_package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    put(
        "data.csv",
        as_text(table(key=lambda i: f"k{i}", z=lambda i: "rare" if i < 3 else "" if i < 20 else "ab"[i % 2])),
    )
    classification_package.infer("data.csv", "z")
    printed = capsys.readouterr().out
    assert "only 3 records of 'rare'" in printed and "17 records have none" in printed
    assert "only 3 records of 'rare'" in Path("contract.yaml").read_text()


def test_a_file_from_elsewhere_is_copied_and_never_overwrites(
    classification_package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    file = put("../mine.csv", as_text(table()))
    assert classification_package.infer(file, "y") == 0
    assert classification_package.contract.load().source.path == Path("data/raw/mine.csv")
    assert classification_package.infer(file, "y") == 0
    assert "kept as contract.yaml.1.bak" in capsys.readouterr().out
    put("../mine.csv", as_text(table(rows=90)))
    assert classification_package.infer(file, "y") == 1
    assert "data/raw/mine.csv is there already and differs" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["mine.csv", "data/mine.csv", "data/raw/mine.csv", "../mine.csv"])
@pytest.mark.parametrize("linked", [False, True], ids=["file", "link"])
def test_own_data_lie_in_data_raw_as_files(
    classification_package: Package, capsys: pytest.CaptureFixture[str], place: str, linked: bool
) -> None:
    """Elsewhere, or behind a link, no stage would notice a change and nothing would be pushed."""
    Path("data/raw").mkdir(parents=True)
    if linked:
        Path(place).symlink_to(
            put("../mine.csv" if place != "../mine.csv" else "../real.csv", as_text(table())).resolve()
        )
    else:
        put(place, as_text(table()))
    assert classification_package.infer(place, "y") == 0
    [kept] = Path("data/raw").glob("*.csv")
    assert classification_package.contract.load().source.path == kept
    assert kept.read_text() == as_text(table()) and not kept.is_symlink()
    copied = "the pipeline reads the copy" in capsys.readouterr().out
    assert copied == (linked or place != "data/raw/mine.csv")


def test_data_raw_itself_is_no_link(classification_package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data").mkdir()
    Path("../far").mkdir()
    Path("data/raw").symlink_to(Path("../far").resolve())
    assert classification_package.infer(put("mine.csv", as_text(table())), "y") == 1
    assert "data/raw is or lies behind a link" in capsys.readouterr().err
    assert not Path("contract.yaml").exists() and not any(Path("../far").iterdir())


def database(columns: dict[str, list[Any]]) -> str:
    with sqlite3.connect("shop.db") as connection:
        names = ", ".join(f'"{name}"' for name in columns)
        connection.execute(f'CREATE TABLE "all orders" ({names})')
        marks = ", ".join("?" * len(columns))
        connection.executemany(f'INSERT INTO "all orders" VALUES ({marks})', list(zip(*columns.values(), strict=True)))
    connection.close()
    return "sqlite:///shop.db"


@pytest.mark.parametrize("query", ["all orders", """SELECT * FROM "all orders" WHERE late <> '%s :x'"""])
def test_a_database_is_read_through_a_snapshot(
    classification_package: Package, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(classification_package.__getattr__("reading.source"), "CHUNK_ROWS", 50)
    late = {"late": lambda i: None if i < 60 else "late", "grows": lambda i: i % 40 if i < 60 else i / 2}
    url = database(
        table(**(late if query == "all orders" else {"late": lambda i: "x" * (i % 3)}), mixed=lambda i: [i, "a"][i % 2])
    )
    monkeypatch.setenv("DATABASE_URL", url)
    assert classification_package.infer("${DATABASE_URL}", "y", query) == 0
    contract = assert_sound(classification_package)
    assert (contract.source.url, contract.source.query) == ("${DATABASE_URL}", query)
    assert contract.source.path.suffix == ".parquet" and [p.name for p in Path("data/raw").iterdir()] == [
        contract.source.path.name
    ]
    assert contract.columns.get("grows", contract.columns["size"]).type in ("number", "integer")


def test_a_url_may_stand_in_the_environment_or_in_the_file_of_secrets(
    classification_package: Package, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = database(table())
    put(".env", f"SHOP={url}\n")
    assert classification_package.infer("${SHOP}", "y", "all orders") == 0
    assert "shop.db" not in Path("contract.yaml").read_text()
    assert classification_package.fetch() == 0
    monkeypatch.setenv("SHOP", "sqlite:///nowhere/else.db")
    assert classification_package.fetch() == 1
    assert "${SHOP}: unable to open database file" in capsys.readouterr().err


def test_a_fresh_snapshot_replaces_the_old_one(
    classification_package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    url = database(table())
    classification_package.infer(url, "y", "all orders")
    with sqlite3.connect("shop.db") as connection:
        connection.execute('DELETE FROM "all orders" WHERE size > 25')
    connection.close()
    before = sum(map(len, classification_package.reading.read_chunks(classification_package.contract.load().source)))
    assert classification_package.fetch() == 0
    after = sum(map(len, classification_package.reading.read_chunks(classification_package.contract.load().source)))
    assert before == ROWS and after < ROWS


def test_a_file_needs_no_snapshot(classification_package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    classification_package.infer(put("data.csv", as_text(table())), "y")
    assert classification_package.fetch() == 0
    assert "nothing to fetch" in capsys.readouterr().out


def test_a_password_is_refused_and_written_nowhere(
    classification_package: Package, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in (
        "postgresql://me:hunter2@db/shop",
        "postgresql://me:/hunter2@db/shop",
        "mysql://db/shop?user=me&password=hunter2",
    ):
        assert classification_package.infer(url, "y", "t") == 1
        printed = capsys.readouterr()
        assert "${DATABASE_URL}" in printed.err and "hunter2" not in printed.err + printed.out
    assert not list(Path().iterdir())


def test_a_database_file_is_told_how_to_be_given(
    classification_package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    database(table())
    assert classification_package.infer("shop.db", "y") == 1
    assert "give DATA=sqlite:///shop.db QUERY=table" in capsys.readouterr().err


DATABASE_REFUSED = {
    "no query": ("sqlite:///shop.db", "", "the tables are all orders"),
    "no such table": ("sqlite:///shop.db", "orders", "no such table: orders"),
    "no records": ("sqlite:///shop.db", 'SELECT * FROM "all orders" WHERE size > 99', "gives no records"),
    "two columns of one name": ("sqlite:///shop.db", 'SELECT y, size AS y FROM "all orders"', "repeats 'y'"),
    "variable not set": ("${NOT_SET_ANYWHERE}", "t", "the variable NOT_SET_ANYWHERE"),
    "unknown database": ("nosuchdb://host/x", "t", "no URL of a known database"),
    "no driver": ("oracle+oracledb://host/x", "t", "the database driver oracledb is missing"),
}


@pytest.mark.parametrize(("url", "query", "said"), DATABASE_REFUSED.values(), ids=DATABASE_REFUSED)
def test_a_database_that_cannot_be_read_is_refused_in_one_sentence(
    classification_package: Package, capsys: pytest.CaptureFixture[str], url: str, query: str, said: str
) -> None:
    database(table())
    assert classification_package.infer(url, "y", query) == 1
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1, message
    assert not list(Path().rglob("*.parquet"))


def wide(rows: int, columns: int, levels: int) -> dict[str, list[Any]]:
    """Numbers and categories by chance, a price of which nearly every value differs, and a class."""
    chance = random.Random(0)
    kinds = (lambda: chance.randint(0, 10**6), lambda: f"l{chance.randrange(levels)}")
    features = {f"c{i}": [kinds[i % 2]() for _ in range(rows)] for i in range(columns)}
    price = [chance.randint(1, 10**7) for _ in range(rows)]
    return {"price": price, "class": [f"k{i % levels}" for i in range(rows)], **features}


def effort(work: Callable[[], object]) -> tuple[int, int]:
    """Calls of functions, and bytes at the most: figures that no other program on the machine changes."""
    profile = cProfile.Profile()
    tracemalloc.start()
    with profile:
        work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return sum(entry.callcount for entry in profile.getstats()), most


def assert_in_proportion(taken: list[tuple[int, int]]) -> None:
    """Of a size, its double and its fourfold: the second step takes twice what the first took."""
    (first, _), (second, before), (third, after) = taken
    assert third - second < 2.3 * max(second - first, second / 10) and after < 2.3 * before, taken


@pytest.mark.parametrize("size", [{"rows": 600}, {"columns": 20}, {"levels": 25}], ids=lambda size: next(iter(size)))
@pytest.mark.parametrize(("task", "target"), [("classification", "class"), ("regression", "price")])
def test_checks_of_the_data_grow_with_rows_columns_and_levels(
    request: pytest.FixtureRequest, task: str, target: str, size: dict[str, int]
) -> None:
    package = request.getfixturevalue(f"{task}_package")
    judging = package.judging
    section = {"name": target, "kind": "multiclass" if target == "class" else "continuous"}
    taken, [(grows, start)] = [], size.items()
    for times in (0.1, 1, 2, 4):  # the first for what is loaded or kept once
        frame = pd.DataFrame(wide(**{"rows": 400, "columns": 4, "levels": 5} | {grows: int(start * times)}))
        kinds = {
            name: {"type": "number" if pd.api.types.is_numeric_dtype(dtype) else "category"}
            for name, dtype in frame.dtypes.items()
        }
        columns = kinds | {target: kinds[target] | {"role": "target"}}
        content = {"problem": {"name": "x"}, "source": {"path": "x"}, "target": section, "columns": columns}

        def checks(frame: pd.DataFrame = frame, content: dict[str, Any] = content) -> None:
            contract = package.contract.parse(content, "made")
            empty = frame.reindex(range(4 * len(frame)))
            assert len(judging.nearly_empty(empty, contract)) == len(contract.features)
            assert not judging.outside_values(frame, contract)[0]
            assert not judging.near_copies(frame, contract, package.settings.LeakageParams(), seed=0)

        taken.append(effort(checks))
    assert_in_proportion(taken[1:])


def test_a_first_contract_takes_in_proportion_to_the_columns(classification_package: Package) -> None:
    taken = []
    for columns in (2, 10, 20, 40):
        put("wide.csv", as_text(wide(rows=45, columns=columns, levels=3)))
        taken.append(effort(lambda: classification_package.infer("wide.csv", "class")))
    assert_in_proportion(taken[1:])


@pytest.mark.parametrize(
    ("number", "repeated", "kept"),
    [
        (None, 0, "keep"),
        (None, 100, "keep"),
        (lambda i: f"k{i}", 0, "drop"),
        (lambda i: f"k{i}", 30, "drop"),
        (lambda i: f"k{i // 2}", 30, "keep"),  # two records each: equal ones may well be two of these
    ],
)
def test_equal_records_are_copies_only_where_an_id_tells_records_apart(
    classification_package: Package, number: Callable[[int], str] | None, repeated: int, kept: str
) -> None:
    columns = table(colour=lambda i: "rgb"[i % 3], **({"customer_id": number} if number else {}))
    data = {name: values + values[:repeated] for name, values in columns.items()}
    assert classification_package.infer(put("data.csv", as_text(data)), "y") == 0
    assert classification_package.contract.load().quality.duplicates == kept


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ("columns: {said: {type: text}, y: {type: category, role: target}}", "text"),
        ("columns: {said: {type: text, role: sensitive}, size: {type: number}}", "integer"),
        ("columns: [of, no, contract]", "integer"),
        ("{", "integer"),
        (None, "integer"),
    ],
)
def test_features_are_of_the_kind_that_the_contract_before_had(
    classification_package: Package, before: str | None, kind: str
) -> None:
    chance = random.Random(0)
    if before is not None:
        put("contract.yaml", before)
    words = ["the", "net", "is", "slow", "bill", "wrong", "again", "today"]
    said = table(said=lambda i: " ".join(chance.choices(words, k=6)) if i else "the bill")
    assert classification_package.infer(put("data.csv", as_text(said)), "y") == 0
    assert {found.type for found in assert_sound(classification_package).features.values()} == {kind}


def test_a_folder_of_files_is_taken_where_the_features_are_files(classification_package: Package) -> None:
    for name in [f"{label}/{number}.txt" for label in ("bill", "net") for number in range(ROWS // 2)]:
        file = Path("mine", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"the {name} is wrong")
    assert classification_package.infer("mine", "folder") == 1
    put("contract.yaml", "columns: {message: {type: text}}")
    assert classification_package.infer("mine", "folder") == 0
    assert {name: found.type for name, found in classification_package.contract.load().features.items()} == {
        "text": "text"
    }
