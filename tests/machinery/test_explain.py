"""An explanation is about the prediction that is served, names what moves its score, and costs few model rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from customer_model.engineroom.bundle.bundle import Bundle
from customer_model.engineroom.contract import Contract
from customer_model.engineroom.scoring.predictor import Predictor
from customer_model.engineroom.serving.routes.explanations import explanation_of

MOST_PARTS = 56
Rows = dict[str, np.ndarray]


def test_what_is_explained_is_what_is_predicted(client: TestClient, predictor: Predictor) -> None:
    for record in predictor.examples:
        predicted, explained = (client.post(path, json=record).json() for path in ("/predict", "/explain"))
        assert explained["score"] == pytest.approx(predicted.get("probability", predicted["prediction"]), rel=1e-4)
        assert explained["model_version"] == predicted["model_version"]
        sizes = [abs(one["contribution"]) for one in explained["contributions"]]
        assert sizes == sorted(sizes, reverse=True) and all({"part"} < set(one) for one in explained["contributions"])


def test_what_predict_refuses_is_not_explained(client: TestClient, predictor: Predictor, contract: Contract) -> None:
    bodies = [{**predictor.examples[0], "no such field": 1}]
    bodies += [{**predictor.examples[0], rule.column: None} for rule in contract.eligibility]
    for body in bodies:
        refused, other = (client.post(path, json=body) for path in ("/predict", "/explain"))
        assert refused.status_code == other.status_code == 422 and refused.json()["errors"] == other.json()["errors"]


def test_a_trained_model_is_moved_by_some_part(bundle: Bundle, records: list[dict[str, Any]]) -> None:
    explained = [explanation_of(bundle, record)["contributions"] for record in records[:20]]
    assert all(len(parts) <= max(MOST_PARTS, len(bundle.contract.features)) for parts in explained)
    moved = [max((abs(part["contribution"]) for part in parts), default=0.0) for parts in explained]
    assert np.median(moved) > 1e-3


def test_only_the_part_that_a_model_looks_at_contributes(
    bundle: Bundle, records: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted model, which scores all alike but for the record without one of its parts."""
    record = records[0]
    given, *without = ([*bundle.encoder.encode_one(one).values()][0][0] for one in every(bundle, record))
    place = next(place for place, row in enumerate(without) if not np.array_equal(row, given))
    width = len(bundle.manifest.golden[0].scores)

    def run(self: Bundle, inputs: Rows) -> np.ndarray:
        [rows] = inputs.values()
        looked_at = np.array([np.array_equal(row, without[place]) for row in rows])
        scores = np.zeros((len(rows), width))
        scores[:, min(1, width - 1)] = np.where(looked_at, 0.25, 0.75)
        return scores

    monkeypatch.setattr(Bundle, "run", run)
    alike = sum(np.array_equal(row, without[place]) for row in without)
    found = explanation_of(bundle, record)
    moving, others = found["contributions"][:alike], found["contributions"][alike:]
    expected, _ = [*bundle.encoder.occlude(record, bundle.contract)][place]
    assert found["score"] == 0.75 and expected.model_dump().items() <= moving[0].items()
    assert {one["contribution"] for one in moving} == {0.5} and not any(one["contribution"] for one in others)


def every(bundle: Bundle, record: dict[str, Any]) -> Iterator[Any]:
    """The record, then the record without each part."""
    yield record
    for _, without in bundle.encoder.occlude(record, bundle.contract):
        yield without
