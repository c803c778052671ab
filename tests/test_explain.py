"""On the sample data, where it is known what makes the outcome, explanations name that and leave the rest alone."""

import pytest
from conftest import UNTOUCHED, Render, run

EXPLAINED = """
import pathlib
import numpy as np
from customer_model.engineroom.bundle.bundle import Bundle
from customer_model.engineroom.reading.tables import read_part, record_of
from customer_model.engineroom.serving.routes.explanations import explanation_of

bundle, test = Bundle.load(pathlib.Path("artifacts/bundle")), read_part("test")
records = [record_of(test, row, bundle.contract) for row in range(100)]
explained = [(record, found) for record in records if (found := explanation_of(bundle, record))["contributions"]]
"""

COLUMNS = """
IDLE = ("gender", "internet_service", "paperless_billing", "data_usage_gb")  # no part in who leaves
sizes = [(abs(one["contribution"]), one["part"]) for _, found in explained for one in found["contributions"]]
assert {part for _, part in sizes} >= set(IDLE[1:])
print(1 - sum(size for size, part in sizes if part in IDLE) / sum(size for size, _ in sizes))
"""

WORDS = """
from sample.phrases import TOPICS
said = {topic: str(list(phrases.values())).casefold() for topic, phrases in TOPICS.items()}
tops = [(found["contributions"][0]["value"], found["prediction"]) for _, found in explained]
print(np.mean([word.casefold() in said[topic] for word, topic in tops]))
"""

PATCHES = """
from customer_model.engineroom.encoding.image import decode
hits = []
for record, found in explained:
    [part] = bundle.contract.features
    light = np.asarray(decode(record[part]).convert("L"), dtype=float)
    dark = light < (np.quantile(light, 0.02) + np.quantile(light, 0.9)) / 2  # blocks are darker than the belt
    left, top, right, bottom = found["contributions"][0]["box"]
    hits.append(dark[top:bottom, left:right].any() and dark.mean() < 0.5)
print(np.mean(hits))
"""


@pytest.mark.parametrize(
    ("answers", "sense"),
    [
        ({}, COLUMNS),
        ({"modality": "text"}, WORDS),
        ({"modality": "image", "framework": "torch"}, PATCHES),
    ],
    ids=["columns", "words", "patches"],
)
def test_explanations_name_what_makes_the_outcome(trained: Render, answers: dict[str, str], sense: str) -> None:
    share = run(trained(**answers), "python", "-W", "ignore", "-c", EXPLAINED + sense, **UNTOUCHED).stdout
    assert float(share) >= 0.9
