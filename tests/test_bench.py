"""`make bench` measures what it says: both servers answer, and both serve the same model."""

import re

import pytest
from conftest import Render, make

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("answers", "apart"),
    [
        ({}, 0.1),  # the plain service has an estimator of its own, fitted on the same rows
        ({"modality": "text"}, 1e-4),
        ({"modality": "image", "framework": "torch"}, 1e-4),
    ],
    ids=["tabular", "text", "image"],
)
def test_the_service_is_measured_beside_a_plain_one(trained: Render, answers: dict[str, str], apart: float) -> None:
    shown = make(trained(**answers), "bench", "FOR=0.2").stdout
    print(shown)
    found = re.search(r"its scores are (\S+) away", shown)
    assert found and float(found[1]) < apart
    rates = [
        float(rate.replace(",", "")) for rate in re.findall(r"^  (?:service|naive) +([\d,]+)/s", shown, re.MULTILINE)
    ]
    assert len(rates) == 7 and min(rates) > 0
