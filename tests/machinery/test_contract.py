"""A record means what the contract says."""

from pathlib import Path
from typing import Any

import pytest

from customer_model.engineroom.contract import Column, Contract
from customer_model.engineroom.judging import decision_type
from customer_model.engineroom.reading.records import parser, to_raw


def test_every_metric_is_documented(contract: Contract) -> None:
    page = Path("docs/contract.md").read_text(encoding="utf-8")
    assert [name for name in decision_type(contract).primary_metrics if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("kind", "raw", "typed"),
    [
        ("number", " 1.50 ", 1.5),
        ("number", "", None),
        ("number", "n/a", None),
        ("integer", "3.0", 3.0),
        ("boolean", "YES", True),
        ("boolean", 0, False),
        ("category", 7.0, "7"),
        ("category", "NA", "NA"),
        ("category", "  ", None),
        ("id", "007", "007"),
    ],
)
def test_a_value_parses_by_its_type(kind: Any, raw: Any, typed: Any) -> None:
    assert parser(Column(type=kind))(raw) == typed


@pytest.mark.parametrize(
    ("kind", "raw"), [("number", "ten"), ("integer", 1.5), ("boolean", "maybe"), ("datetime", "32.13.2020")]
)
def test_a_value_that_does_not_parse_is_quoted(kind: Any, raw: Any) -> None:
    with pytest.raises(ValueError, match=repr(raw)):
        parser(Column(type=kind))(raw)


@pytest.mark.parametrize("form", ["", "%Y%m%d", "%Y%m%d%H%M"])
@pytest.mark.parametrize(
    "raw", ["2025-06-28000", "2025-06-28x12:00", "2025-06-28-05:00", "20250628012", "2025W26012", "202511", 2025111]
)
def test_a_date_is_read_as_it_is_written_or_not_at_all(raw: Any, form: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        parser(Column(type="datetime", format=form))(raw)


def test_records_survive_the_way_through_json(contract: Contract, records: list[dict[str, Any]]) -> None:
    for record in records:
        raw = to_raw(contract, record)
        parsed = {name: parser(contract.columns[name], contract.source.decimal)(value) for name, value in raw.items()}
        assert parsed == record
