"""What a table's encoder learns of a column, and that one record is encoded as many are."""

from datetime import datetime
from typing import Any

import numpy as np
import pytest
from engineroom.contract import ContractError
from engineroom.encoding.quantities import Value
from engineroom.encoding.table import Numeric, TableEncoder, TableParams

from .made import contract_of

TYPICAL: list[tuple[str, list[Any], Any]] = [
    ("number", [1.0, 9.0, 2.0, float("nan")], 2.0),
    ("integer", [1.0, 2.0, 3.0, 9.0], 2),
    ("boolean", [True, True, False, None], True),
    ("category", ["a", *"bbbbb", "c"], "b"),
    ("category", ["a", "b", "b", "c"], None),  # what a few have is nobody's business
    ("category", ["a", None, None, None], None),
    ("datetime", [datetime(2026, 1, 1), datetime(2026, 1, 9), datetime(2026, 1, 5), None], "2026-01-05T00:00:00"),
]


@pytest.mark.parametrize(("kind", "values", "typical"), TYPICAL)
def test_the_typical_value_is_learned(kind: str, values: list[Any], typical: Any) -> None:
    contract = contract_of(a={"type": kind, "nullable": True}, b={"type": "number"})
    dtype = {"number": "float64", "integer": "float64", "datetime": "datetime64[us]"}.get(kind, object)
    given = {"a": np.array(values, dtype=dtype), "b": np.arange(float(len(values)))}
    encoder = TableEncoder.model_validate_json(TableEncoder.fit(given, contract, TableParams()).model_dump_json())
    assert encoder.typical["a"] == typical and type(encoder.typical["a"]) is type(typical)
    part, without = next(iter(encoder.occlude({"a": None, "b": 1.0}, contract)))
    assert part.model_dump() == {"part": "a", "value": None, "typical": typical}
    assert without == {"a": datetime(2026, 1, 5) if kind == "datetime" else typical, "b": 1.0}


def test_one_record_is_encoded_as_many_are() -> None:
    kinds = {"a": "number", "b": "category", "c": "boolean", "d": "datetime"}
    contract = contract_of(**{name: {"type": kind, "nullable": True} for name, kind in kinds.items()})
    days = [datetime(2026, 1, 1 + row, row) for row in range(20)]
    columns: dict[str, list[Any]] = {
        "a": [*map(float, range(19)), None],
        "b": ["x", "y", None, *"xxxyyyxxyyyxyxxyy"],
        "c": [None, *([True, False, True] * 6), False],
        "d": [*days[:19], None],
    }
    encoder = TableEncoder.fit(columns, contract, TableParams())
    many = encoder.encode(columns)["features"]
    records = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    assert many.dtype == np.float32 and many.shape == (20, len(encoder.names))
    np.testing.assert_array_equal(np.concatenate([encoder.encode_one(one)["features"] for one in records]), many)


def test_a_column_with_one_value_or_too_many_gaps_is_left_out_and_one_must_be_left() -> None:
    contract = contract_of(a={"type": "number"}, b={"type": "number"}, c={"type": "number"})
    columns = {"a": np.arange(9.0), "b": np.ones(9), "c": np.full(9, np.nan)}
    encoder = TableEncoder.fit(columns, contract, TableParams())
    assert encoder.dropped == {"b": "it has one value only", "c": "100% of its values are missing"}
    with pytest.raises(ContractError, match="no feature is left"):
        TableEncoder.fit({**columns, "a": np.ones(9)}, contract, TableParams())


def test_an_outlier_moves_little_keeps_its_order_and_older_bundles_their_numbers() -> None:
    values = np.append(np.linspace(0, 1, 1_000), [5.0, 50.0, 1e308, np.nan])
    fitted = Numeric.fit(Value(column="a"), {"a": values}, TableParams(log_skewness=99))
    given = np.array([-9.0, -7.0, 0.0, 0.5, 5.0, 50.0, 1e308, np.inf, np.nan])
    found = fitted.many({"a": given})[:, 0]
    assert found[0] == found[1] and (np.diff(found[1:7]) > 0).all() and found[6] == found[7] < 25
    assert found[4] < 6 and found[8] == pytest.approx((fitted.fill - fitted.mean) / fitted.scale)
    assert np.allclose(found, [fitted.one()({"a": float(value)})[0] for value in given], rtol=1e-12)
    older = Numeric.model_validate(fitted.model_dump(exclude={"least", "most"}))
    assert older.many({"a": np.array([fitted.high, 50.0])})[0, 0] == older.many({"a": np.array([50.0])})[0, 0]
