"""A text of any script gets one answer, alone and among others, bare and as JSON."""

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from odd_texts import ODD

from customer_model.engineroom.bundle.bundle import Bundle
from customer_model.engineroom.contract import Contract


@pytest.fixture
def columns(contract: Contract) -> dict[str, list[Any]]:
    return dict.fromkeys(contract.features, ODD)


def test_one_record_and_many_score_alike(bundle: Bundle, columns: dict[str, list[Any]]) -> None:
    many = bundle.scores(columns)
    for row in range(len(ODD)):
        one = bundle.scores_one({column: texts[row] for column, texts in columns.items()})
        np.testing.assert_allclose(one, many[row : row + 1], atol=1e-5 * max(1.0, np.abs(many).max()))


@pytest.mark.parametrize("text", ODD[:6])
def test_a_bare_text_is_answered_like_json(client: TestClient, contract: Contract, text: str) -> None:
    if len(contract.features) > 1 or contract.eligibility:
        pytest.skip("a record of this contract is more than one text")
    plain = client.post("/predict", content=text.encode(), headers={"content-type": "text/plain; charset=utf-8"})
    asked = client.post("/predict", json={next(iter(contract.features)): text})
    assert plain.status_code == asked.status_code == 200
    answers = [response.json() | {"prediction_id": ""} for response in (plain, asked)]
    assert answers[0] == answers[1]
