"""What is typical of a column is learned from its training values, and takes their place in an explanation."""

from datetime import datetime
from typing import Any

import numpy as np
import pytest

from customer_model.bundle import Bundle
from customer_model.engineroom.contract import Contract
from customer_model.engineroom.contract import parse as contract_of
from customer_model.modality import Encoder, FeatureParams
from customer_model.serving.explanations import explanation_of

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
def test_the_typical_value_is_learned(contract: Contract, kind: str, values: list[Any], typical: Any) -> None:
    predicted = contract.target.kind if contract.target.kind == "continuous" else "multiclass"
    label = {"type": "number" if predicted == "continuous" else "category", "role": "target"}
    columns = {"a": {"type": kind, "nullable": True}, "b": {"type": "number"}, "y": label}
    target = {"name": "y", "kind": predicted}
    content = {"problem": {"name": "x"}, "source": {"path": "x.csv"}, "target": target, "columns": columns}
    planted = contract_of(content | {"quality": {"drop_above_missing": 0.9}}, "x")
    dtype = {"number": "float64", "integer": "float64", "datetime": "datetime64[us]"}.get(kind, object)
    given = {"a": np.array(values, dtype=dtype), "b": np.arange(float(len(values)))}
    encoder = Encoder.model_validate_json(Encoder.fit(given, planted, FeatureParams()).model_dump_json())
    assert encoder.typical["a"] == typical and type(encoder.typical["a"]) is type(typical)
    part, without = next(iter(encoder.occlude({"a": None, "b": 1.0}, planted)))
    assert part.model_dump() == {"part": "a", "value": None, "typical": typical}
    assert without == {"a": datetime(2026, 1, 5) if kind == "datetime" else typical, "b": 1.0}


def test_nothing_moves_the_score_of_a_typical_record(
    bundle: Bundle, contract: Contract, records: list[dict[str, Any]]
) -> None:
    record = dict(records[0])
    for part, without in bundle.encoder.occlude(records[0], contract):
        record[part.part] = without[part.part]
    found = explanation_of(bundle, record)["contributions"]
    assert [one["part"] for one in found] == list(bundle.contract.features)
    assert all(one["contribution"] == pytest.approx(0, abs=1e-9) and one["value"] == one["typical"] for one in found)
