"""Two models in one service: a share of the traffic or a look on, and a change of bundle without a gap."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from customer_model.app import application
from customer_model.engineroom.bundle.bundle import ENCODER, FILES, MANIFEST, SUMS, Manifest, version_of
from customer_model.engineroom.bundle.verdict import VERDICT, bind
from customer_model.engineroom.contract import UserError
from customer_model.engineroom.scoring.predictor import Predictor
from customer_model.engineroom.settings.environment import Environment

ADMIN = "an administrator's key"
MANY = 60
PASSED: dict[str, Any] = {"passed": True, "checks": []}


@contextmanager
def serving(environment: Environment, **changes: Any) -> Iterator[TestClient]:
    keys = SecretStr(f"admin:{sha256(ADMIN.encode()).hexdigest()}")
    with TestClient(application(environment.model_copy(update={"admin_keys": keys} | changes))) as client:
        yield client


def logged(environment: Environment) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(environment.prediction_log)) as connection:
        return connection.execute("SELECT prediction_id, role, model_version FROM predictions").fetchall()


@pytest.fixture
def challenger(environment: Environment, tmp_path: Path) -> Path:
    return another(environment.bundle, tmp_path / "challenger")


def another(bundle: Path, path: Path) -> Path:
    """A copy of a bundle that scores alike and has another version, as a later training would give it."""
    shutil.copytree(bundle, path)
    (path / ENCODER).write_bytes((path / ENCODER).read_bytes() + b"\n")
    content = {name: (path / name).read_bytes() for name in FILES}
    manifest = Manifest.model_validate_json(content[MANIFEST])
    renamed = manifest.model_copy(update={"model_version": version_of(content, manifest.decision)})
    (path / MANIFEST).write_text(renamed.model_dump_json())
    (path / SUMS).write_text("".join(f"{sha256((path / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES))
    bind(path, PASSED)
    return path


def version(bundle: Path) -> str:
    return Manifest.model_validate_json((bundle / MANIFEST).read_bytes()).model_version


def test_a_challenger_gets_its_share_and_the_log_says_so(
    environment: Environment, challenger: Path, predictor: Predictor
) -> None:
    with serving(environment, challenger_bundle=challenger, challenger_share=0.5) as client:
        answers = [client.post("/predict", json=predictor.examples[0]).json() for _ in range(MANY)]
        answers += client.post("/predict/batch", json={"records": [predictor.examples[0]] * MANY}).json()["predictions"]
        for name in predictor.ids[:1]:  # the same id always gets the same model
            record = {**predictor.examples[0], name: "4711"}
            assert len({client.post("/predict", json=record).json()["model_version"] for _ in range(10)}) == 1
    versions = Counter(answer["model_version"] for answer in answers)
    assert set(versions) == {predictor.version, version(challenger)} and min(versions.values()) > MANY / 4
    known = {prediction_id: (role, version) for prediction_id, role, version in logged(environment)}
    for answer in answers:
        role = "challenger" if answer["model_version"] == version(challenger) else "champion"
        assert known[answer["prediction_id"]] == (role, answer["model_version"])


def test_a_shadow_sees_all_and_answers_none(environment: Environment, challenger: Path, predictor: Predictor) -> None:
    with serving(environment, challenger_bundle=challenger, pii_key=SecretStr("of the ids")) as client:
        answers = [client.post("/predict", json=record).json() for record in predictor.examples]
    assert {answer["model_version"] for answer in answers} == {predictor.version}
    shadows = {prediction_id for prediction_id, role, version in logged(environment) if role == "shadow"}
    assert shadows == {answer["prediction_id"] for answer in answers}


def test_a_shadow_that_is_too_far_behind_skips_requests(
    environment: Environment, challenger: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customer_model.engineroom.serving.routes.service.SHADOW_BYTES", -1)
    with serving(environment, challenger_bundle=challenger) as client:
        assert client.post("/predict", json=predictor.examples[0]).status_code == 200
        assert "shadow_skipped_total 1.0" in client.get("/metrics").text
    assert {role for _, role, _ in logged(environment)} == {"champion"}


def test_a_share_without_a_challenger_is_refused(environment: Environment) -> None:
    with pytest.raises(UserError, match="SERVICE_CHALLENGER_BUNDLE"), serving(environment, challenger_share=0.5):
        pass


def test_a_new_bundle_takes_over_and_a_bad_one_does_not(
    environment: Environment, predictor: Predictor, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(environment.bundle, tmp_path / "bundle"))
    admin = {"X-API-Key": ADMIN}
    with serving(environment, bundle=bundle) as client:
        assert client.post("/admin/reload").status_code == 401
        (bundle / "encoder.json").write_text("{}")
        refused = client.post("/admin/reload", headers=admin)
        assert refused.status_code == 409 and "encoder.json is not the file that was saved" in refused.json()["detail"]
        assert client.post("/predict", json=predictor.examples[0]).json()["model_version"] == predictor.version
        shutil.rmtree(bundle)
        later = version(another(environment.bundle, bundle))
        assert later != predictor.version
        assert client.post("/admin/reload", headers=admin).json() == {"models": {"champion": later}}
        assert client.post("/predict", json=predictor.examples[0]).json()["model_version"] == later
        assert client.get("/metadata").json()["model_version"] == later


def test_a_bundle_without_a_verdict_on_it_is_served_only_when_told(
    environment: Environment, challenger: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = Path(shutil.copytree(environment.bundle, tmp_path / "bundle"))
    with serving(environment, bundle=bundle) as client:
        assert client.get("/health/ready").status_code == 200
        bind(bundle, {"passed": False, "checks": [{"passed": False, "says": "it is no good"}]})
        refused = client.post("/admin/reload", headers={"X-API-Key": ADMIN})
        assert refused.status_code == 409 and "it is no good" in refused.json()["detail"]
    shutil.copy(environment.bundle / VERDICT, challenger)
    bind(bundle, PASSED)
    for where in ({"bundle": challenger}, {"bundle": bundle, "challenger_bundle": challenger}):
        with pytest.raises(UserError, match="is about another bundle"), serving(environment, **where):
            pass
    for verdict in ("", "null", "[]", "{}", '{"passed": true}'):
        (bundle / VERDICT).write_text(verdict)
        with pytest.raises(UserError, match="is not a verdict"), serving(environment, bundle=bundle):
            pass
    (bundle / VERDICT).unlink()
    with pytest.raises(UserError, match="has no verdict.json"), serving(environment, bundle=bundle):
        pass
    with serving(environment, bundle=bundle, allow_failed_gate=True):
        assert "It is served because SERVICE_ALLOW_FAILED_GATE is set" in caplog.text


def test_without_an_administrators_key_there_is_no_administration(client: TestClient) -> None:
    assert client.post("/admin/reload").status_code == 404
