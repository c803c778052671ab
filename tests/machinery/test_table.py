"""What is typical of a column takes the place of its value in an explanation."""

from typing import Any

import pytest

from customer_model.engineroom.bundle.bundle import Bundle
from customer_model.engineroom.contract import Contract
from customer_model.engineroom.serving.routes.explanations import explanation_of


def test_nothing_moves_the_score_of_a_typical_record(
    bundle: Bundle, contract: Contract, records: list[dict[str, Any]]
) -> None:
    record = dict(records[0])
    for part, without in bundle.encoder.occlude(records[0], contract):
        record[part.part] = without[part.part]
    found = explanation_of(bundle, record)["contributions"]
    assert [one["part"] for one in found] == list(bundle.contract.features)
    assert all(one["contribution"] == pytest.approx(0, abs=1e-9) and one["value"] == one["typical"] for one in found)
