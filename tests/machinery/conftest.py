"""The machinery's own tests, which no project receives. They run in a rendered project, with its interpreter:

    cd PROJECT; PYTHONPATH=src python -m pytest THIS_FOLDER

`machinery` of the template's conftest.py does that. Tested is a small project: the pipeline run on random records that
fit contract.yaml.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from fastapi.testclient import TestClient
from random_records import random_table

from customer_model.app import application
from customer_model.engineroom import contract as contracts
from customer_model.engineroom.artifacts.paths import BUNDLE, CANDIDATE, TRAINING, read_json
from customer_model.engineroom.bundle.bundle import Bundle
from customer_model.engineroom.contract import Contract
from customer_model.engineroom.reading import tables as table
from customer_model.engineroom.registry.delivery import deliver
from customer_model.engineroom.scoring.predictor import Predictor
from customer_model.engineroom.settings.environment import Environment
from customer_model.pipeline import evaluate, gate, ingest, split, train, tune, validate

PROJECT = Path.cwd()
ROWS = 800
TYPES = {column.type for column in contracts.load(PROJECT / "contract.yaml").features.values()}
WANTED = {
    "test_gpu.py": "onnxruntime-gpu" in (PROJECT / "pyproject.toml").read_text(),
    "test_image.py": "image" in TYPES,
    "test_table.py": not TYPES & {"image", "text"},
    "test_text.py": "text" in TYPES,
}
collect_ignore = [name for name, wanted in WANTED.items() if not wanted]


@pytest.fixture(scope="session")
def contract() -> Contract:
    return contracts.load(PROJECT / "contract.yaml")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Path:
    """A folder with this project's contract and parameters, made small, and random data: the pipeline ran there."""
    folder = tmp_path_factory.mktemp("project")
    content = contract.model_dump(mode="json")
    content["source"] = {"path": "data/raw/random.parquet"}
    content["quality"] |= {"minimum_rows": 100, "freshness_days": None}
    content["split"] |= {"stratify": False}
    (folder / "contract.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    params |= {"tune": {"trials": 1, "folds": 2}, "evaluation": {"bootstrap": 50, "importance_repeats": 1}}
    if "epochs" in params["model"].get("shared", {}):
        params["model"]["shared"]["epochs"] = 3
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / "data/raw").mkdir(parents=True)
    pq.write_table(random_table(contract, ROWS, seed=1), folder / "data/raw/random.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (
            ingest.ingest,
            validate.validate,
            split.split,
            tune.tune,
            train.train,
            evaluate.evaluate,
            gate.gate,
        ):
            stage()
        # Nothing can be learned from random data, so that the gate would not let this model through.
        passed = {"passed": True, "model_version": read_json(TRAINING)["model_version"], "checks": []}
        deliver(CANDIDATE, passed, BUNDLE)
    return folder


@pytest.fixture
def in_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return project


@pytest.fixture(scope="session")
def bundle(project: Path) -> Bundle:
    return Bundle.load(project / "artifacts/bundle")


@pytest.fixture(scope="session")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor(bundle)


@pytest.fixture
def environment(project: Path, tmp_path: Path) -> Environment:
    """Settings of a service that asks for no key, with a log of its own."""
    bundle, log = project / "artifacts/bundle", str(tmp_path / "log.db")
    return Environment(bundle=bundle, prediction_log=log, authentication="off", access_log="none")


@pytest.fixture
def client(environment: Environment) -> Iterator[TestClient]:
    with TestClient(application(environment), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def records(contract: Contract) -> list[dict[str, Any]]:
    """Typed records that the model has not seen."""
    rows = random_table(contract, 300, seed=2)
    return [table.record_of(rows, row, contract) for row in range(rows.num_rows)]
