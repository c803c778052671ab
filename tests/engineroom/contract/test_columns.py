"""A column is refused where type, role and values do not fit together."""

from datetime import datetime
from typing import Any

import pytest
from engineroom.contract import Column, from_iso
from pydantic import ValidationError

MISFITS = [
    ({"type": "ordinal", "order": ["low"]}, "an ordinal column needs `order`"),
    ({"type": "category", "order": ["low", "high"]}, "`order` belongs to ordinal columns"),
    ({"type": "number", "allowed": ["1"]}, "`allowed` belongs to category columns"),
    ({"type": "number", "role": ["feature", "pii"]}, "a pii column cannot be a feature"),
    ({"type": "number", "role": "id"}, "must have type: id"),
    ({"type": "number", "min": "0"}, "must be numbers, found '0'"),
    ({"type": "number", "min": 2, "max": 1}, "min (2.0) must not exceed max (1.0)"),
    ({"type": "text", "max": 3}, "min and max belong to numbers and dates"),
    ({"type": "datetime", "min": "31.01.2026"}, "must be ISO 8601 text"),
]


@pytest.mark.parametrize(("given", "said"), MISFITS, ids=[said for _, said in MISFITS])
def test_what_does_not_fit_together_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        Column(**given)
    assert said in str(error.value)


def test_a_column_is_a_feature_unless_it_is_something_else() -> None:
    assert Column(type="number").is_feature and Column(type="number").role == ("feature",)
    assert not Column(type="id").is_feature and Column(type="id").role == ("id",)
    assert not Column(type="ignored").is_feature


def test_labels_are_text_as_the_data_has_them() -> None:
    assert Column(type="category", allowed=[0, True, "x"]).levels == ("0", "true", "x")


@pytest.mark.parametrize("text", ["2025-06-28", "20250628", "2025-W26-6", "2025-06-28T12:30", "2025-06-28 12:30"])
def test_a_date_is_iso_8601(text: str) -> None:
    assert from_iso(text).date() == datetime(2025, 6, 28).date()


@pytest.mark.parametrize("text", ["2025-06-28000", "28.06.2025", "2025-13-01", "", "2025"])
def test_any_other_text_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601|month must be in"):
        from_iso(text)
