"""What is served is what was trained: one record, many records, the service and batch scoring give the same numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from customer_model.engineroom.artifacts.paths import TRAINING, read_json
from customer_model.engineroom.bundle.bundle import FILES, SUMS, Bundle, BundleError
from customer_model.engineroom.contract import Contract
from customer_model.engineroom.judging import PARITY_LIMIT
from customer_model.engineroom.reading.records import to_raw
from customer_model.engineroom.scoring.files import score
from customer_model.engineroom.scoring.predictor import Predictor


def test_the_bundle_scores_like_the_trained_model(in_project: Path) -> None:
    assert read_json(TRAINING)["parity"] <= PARITY_LIMIT


def test_one_record_and_many_get_the_same_features(
    bundle: Bundle, contract: Contract, records: list[dict[str, Any]]
) -> None:
    columns = {name: [record[name] for record in records] for name in contract.features}
    many = bundle.encoder.encode(columns)
    for row, record in enumerate(records):
        for name, values in bundle.encoder.encode_one(record).items():
            if values.dtype.kind == "f":
                np.testing.assert_allclose(values[0], many[name][row], rtol=1e-6, atol=1e-6)
            else:
                np.testing.assert_array_equal(values[0], many[name][row])


def test_service_and_batch_scoring_agree(
    client: TestClient, predictor: Predictor, contract: Contract, records: list[dict[str, Any]], tmp_path: Path
) -> None:
    raw = [to_raw(contract, record) for record in records]
    pd.DataFrame(raw, dtype=object).to_json(tmp_path / "data.jsonl", orient="records", lines=True)
    assert score(tmp_path / "data.jsonl", tmp_path / "out.parquet", predictor)[:2] == (len(raw), 0)
    scored = pd.read_parquet(tmp_path / "out.parquet")
    answers = [client.post("/predict", json=record).json() for record in raw]
    value = "probability" if "probability" in scored else "prediction"
    served = np.array([answer[value] for answer in answers])
    spread = 1.0 if value == "probability" else served.std()
    assert np.abs(scored[value].to_numpy() - served).max() / spread <= PARITY_LIMIT


@pytest.mark.parametrize("name", [*FILES, SUMS])
@pytest.mark.parametrize("damage", ["delete", "change"])
def test_a_damaged_bundle_is_refused(project: Path, tmp_path: Path, name: str, damage: str) -> None:
    for file in (project / "artifacts/bundle").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).unlink() if damage == "delete" else (tmp_path / name).write_bytes(content)
    with pytest.raises(BundleError, match=name if damage == "delete" else "SHA256SUMS"):
        Bundle.load(tmp_path)
