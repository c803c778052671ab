"""The service answers well-formed records, refuses all others by field, and never fails."""

import gc
import json
import random
import re
import threading
import time
import tracemalloc
from collections import Counter
from dataclasses import replace
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from customer_model.app import application
from customer_model.engineroom.bundle.bundle import Bundle
from customer_model.engineroom.contract import Column, Contract
from customer_model.engineroom.scoring.files import score_chunk
from customer_model.engineroom.scoring.predictor import Predictor
from customer_model.engineroom.serving import log as prediction_log
from customer_model.engineroom.serving.http.problems import ProblemDetails
from customer_model.engineroom.serving.routes.body import MOST_VALUES, TEXT_OR_MARK, Table
from customer_model.engineroom.serving.routes.service import SMALL
from customer_model.engineroom.settings.environment import Environment

MANY = 60  # more than there are threads for everything
HALF = "\ud800"  # of a surrogate pair: no JSON parser need take it
ODD: list[Any] = [
    None,
    "",
    "x",
    -1e300,
    1e300,
    2**70,
    True,
    [],
    {},
    [1],
    HALF,
    "\x00",
    "2026-01-01",
    "9999-12-31T23:59:59-14:00",
]


def test_the_documented_example_works(client: TestClient) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        answer = client.post("/predict", json=example["value"])
        assert answer.status_code == 200, answer.text
        assert {"prediction", "prediction_id", "model_version"} <= answer.json().keys()
    assert client.get("/docs").status_code == 200


def test_the_documentation_says_what_each_route_does(client: TestClient, predictor: Predictor) -> None:
    document = client.get("/openapi.json").json()
    said = {path: [operation["summary"] for operation in found.values()] for path, found in document["paths"].items()}
    assert said["/health/startup"] == ["Startup probe: answers once the bundle has proved itself"]
    assert all(summary and not summary.istitle() for summaries in said.values() for summary in summaries), said
    assert not any(path.startswith("/admin") for path in said)  # there is no such route without admin keys
    operation = document["paths"]["/predict"]["post"]
    for name, column in predictor.contract.inputs.items():
        if column.type == "datetime":
            day = datetime(2026, 1, 31).strftime(column.format or "%Y-%m-%d")
            assert f"such as {day}" in _json_body(operation)["schema"]["properties"][name]["description"]


def test_errors_are_written_as_people_read_them(client: TestClient) -> None:
    assert "'Zürich €'" in client.get("/v2/models/Zürich €").text
    half = client.post("/predict", content=b'{"caf\xc3\xa9 \\ud800": 1}', headers={"Content-Type": "application/json"})
    assert half.status_code in (400, 422) and half.json()["status"] == half.status_code


def test_every_reference_of_the_document_leads_somewhere(client: TestClient) -> None:
    document = client.get("/openapi.json")
    references = set(re.findall(r'"#/([^"]+)"', document.text))
    assert "components/schemas/ProblemDocument" in references
    for reference in references:
        assert reduce(lambda node, name: node[name], reference.split("/"), document.json()), reference


def test_the_documented_examples_of_many_records_work(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    tensors, batch = paths["/v2/models/{name}/infer"]["post"], paths["/predict/batch"]["post"]
    [model] = [parameter["schema"]["const"] for parameter in tensors["parameters"]]
    example = _json_body(tensors)["example"]
    answers = [client.post(f"/v2/models/{model}/infer", json=example)]
    answers += [client.post("/predict/batch", json=shown["value"]) for shown in _json_body(batch)["examples"].values()]
    assert [answer.status_code for answer in answers] == [200, 200, 200], [answer.text for answer in answers]


def test_every_setting_is_documented() -> None:
    page = Path("docs/service.md").read_text()
    names = {f"SERVICE_{field.upper()}" for field in Environment.model_fields if field != "mlflow_tracking_uri"}
    assert names | {"MLFLOW_TRACKING_URI"} <= set(re.findall(r"`(\w+)`", page.partition("## Settings")[2]))


def test_a_service_about_to_end_says_so_on_every_route_for_probes(client: TestClient) -> None:
    names = ("/health", "/health/ready", "/v2/health/ready", "/v2/models/customer_model/ready")
    assert {client.get(name).status_code for name in names} == {200}
    client.app.state.service.lifecycle.draining = True  # type: ignore[attr-defined]
    assert {client.get(name).status_code for name in names} == {503}
    assert {client.get(name).status_code for name in ("/health/live", "/v2/health/live")} == {200}


def test_a_batch_gives_what_single_requests_give(client: TestClient, predictor: Predictor) -> None:
    batch = client.post("/predict/batch", json={"records": predictor.examples}).json()["predictions"]
    for record, found in zip(predictor.examples, batch, strict=True):
        single = client.post("/predict", json=record).json()["prediction"]
        assert found["prediction"] == (single if isinstance(single, str) else pytest.approx(single, rel=1e-5))


def test_a_refused_field_is_pointed_at(client: TestClient, predictor: Predictor) -> None:
    record, features = predictor.examples[0], predictor.contract.features
    feature = next(iter(features))
    required = [name for name, column in features.items() if not column.nullable][:1]
    for body, field in [
        ({**record, "no such field": 1}, "no such field"),
        ({**record, feature: {"an": "object"}}, feature),
        *(({other: value for other, value in record.items() if other != name}, name) for name in required),
    ]:
        answer = client.post("/predict", json=body)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["pointer"] == "/" + field.replace("~", "~0").replace("/", "~1")


def test_a_record_out_of_scope_is_refused(client: TestClient, predictor: Predictor, contract: Contract) -> None:
    for rule in contract.eligibility:
        answer = client.post("/predict", json={**predictor.examples[0], rule.column: None})
        assert answer.status_code == 422
        assert rule.column in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"\xff\xfe", b"[" * 5000, b'"text"', b"[]", b"null"])
def test_what_is_no_record_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["title"]


def test_a_key_that_comes_twice_is_refused(client: TestClient, predictor: Predictor) -> None:
    """The one value or the other: a program in front of the service may have looked at the one that is not used."""
    record = predictor.examples[0]
    name, value = next(iter(record.items()))
    said, quoted, raw = json.dumps(record), json.dumps(name), json.dumps(value)
    escaped = f'"\\u{ord(name[0]):04x}{json.dumps(name[1:])[1:]}'
    fill = str.__mod__
    more = (f"{quoted}: {raw}", f"{quoted} \t: 1", f'{escaped}:",: \\":"')
    again = [fill("%s, %s}", (said[:-1], pair)) for pair in more]
    columns = json.dumps({name: [value] for name, value in record.items()})
    tensor = fill('{"name": %s, "shape": [1], "datatype": "BYTES", "data": [null], "data": [%s]}', (quoted, raw))
    label = fill('{"prediction_id": "%s", "outcome": null, "outcome": null}', "0" * 32)
    bodies = [
        *[(path, one) for one in again for path in ("/predict", "/explain")],
        *[("/predict/batch", fill('{"records": [%s, %s]}', (said, one))) for one in again],
        ("/predict/batch", fill('{"columns": %s, %s: [null]} }', (columns[:-1], quoted))),
        ("/predict/batch", fill('{"records": [], "records": [%s]}', said)),
        ("/v2/models/customer_model/infer", fill('{"inputs": [%s]}', tensor)),
        ("/feedback", label),
        ("/feedback", fill('{"labels": [%s]}', label)),
    ]
    for path, body in bodies:
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400 and "twice" in answer.json()["detail"], (path, body, answer.text)


def test_texts_that_look_like_keys_are_none(client: TestClient, predictor: Predictor) -> None:
    record = predictor.examples[0] | dict.fromkeys(predictor.ids, 'a":1,{"a" : 2,: "b')
    for path, body in (("/predict", record), ("/predict/batch", {"records": [record, record]})):
        assert client.post(path, json=body).status_code == 200, path


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/explain"])
def test_json_that_would_not_fit_into_memory_is_not_read(client: TestClient, path: str) -> None:
    body = b"[" + b"[]," * 1_000_000 + b"[]]"
    tracemalloc.start()
    try:
        response = client.post(path, content=body, headers={"Content-Type": "application/json"})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert response.status_code == 413 and "values" in response.json()["detail"]
    assert peak < 6 * len(body)  # read, it is twenty times as large


def test_only_values_count_and_not_what_stands_in_texts(client: TestClient, predictor: Predictor) -> None:
    long = "[," * MOST_VALUES + '\\"{' * MOST_VALUES
    for odd, status in ((long, 422), ([0] * MOST_VALUES, 413), (dict.fromkeys(map(str, range(MOST_VALUES))), 413)):
        assert client.post("/predict", json=predictor.examples[0] | {"no such field": odd}).status_code == status
    for unended in (b"", b"\\", b"\\a"):  # looked at once: from each of its quotes to the end would take for ever
        assert len(TEXT_OR_MARK.findall(b'"' + b'\\"' * 1_000 + unended)) == 1


def test_a_batch_pauses_for_others_and_ends_where_enough_is_wrong(client: TestClient, predictor: Predictor) -> None:
    service, rows = client.app.state.service, 1_000  # type: ignore[attr-defined]
    step = service.models.champion.slice
    record = predictor.examples[0]

    def table(wrong: Any = None) -> Table:
        values = {name: [wrong or value] * rows for name, value in record.items()}
        return Table(values, rows, lambda row, name: (name, row or 0), [])

    pauses = sum(1 for _ in service.many(table(), "a request", 1))
    assert pauses >= 2 * (rows // step)
    refused = service.many(table(wrong={"no": "value"}), "a request", 1)
    with pytest.raises(ProblemDetails) as caught:
        for _ in range(1 + 100 // step):  # of the last record, nothing has to be known
            next(refused)
    answer = json.loads(bytes(caught.value.answer.body))
    assert len(answer["errors"]) == 100 and "100 values or more" in answer["detail"]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/explain"])
def test_a_method_that_a_route_does_not_have_is_refused(client: TestClient, path: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert client.request(method, path).status_code == 405, method


def test_what_is_refused_is_neither_kept_nor_repeated(client: TestClient) -> None:
    def kept() -> int:
        return sum(type(one) is ProblemDetails for one in gc.get_objects())

    gc.collect()
    before = kept()
    gc.disable()
    try:
        for path in ("/predict", "/explain", "/predict/batch"):
            answer = client.post(path, json={"x" * 100_000: 1})
            assert answer.status_code == 422
            assert len(answer.content) < 5_000
        until = time.monotonic() + 5  # a thread that read a body may be about to let go of it
        while kept() > before and time.monotonic() < until:
            time.sleep(0.01)
        assert kept() == before
    finally:
        gc.enable()


def test_odd_values_never_break_the_service(client: TestClient, predictor: Predictor) -> None:
    generator = random.Random(0)
    for _ in range(300):
        record: dict[str, Any] = dict(predictor.examples[0])
        for name in generator.sample(list(record), k=min(2, len(record))):
            record[name] = generator.choice(ODD)
        answer = client.post("/predict", content=_json(record), headers={"content-type": "application/json"})
        expected = (400,) if HALF in record.values() else (200, 422)
        assert answer.status_code in expected, (record, answer.text)


def test_predictions_are_logged_without_ids(predictor: Predictor, contract: Contract, environment: Environment) -> None:
    ids = dict.fromkeys(predictor.ids, "somebody 4711")
    with TestClient(application(environment)) as client:
        for record in predictor.examples:
            answer = client.post("/predict", json=record | ids)
            assert answer.status_code == 200 and ids.items() <= answer.json().items()
    logged = list(prediction_log.read(environment.prediction_log, predictor.version, 100))
    assert len(logged) == len(predictor.examples)
    described = predictor.bundle.describe({name: [None] for name in contract.features}).keys()
    assert all(record.keys() == described and not record.keys() & ids.keys() for record in logged)
    assert b"somebody 4711" not in Path(environment.prediction_log).read_bytes()


def test_nobody_else_reads_the_log(environment: Environment, predictor: Predictor) -> None:
    log = Path(environment.prediction_log)
    for mode, private in ((None, 0o600), (0o644, 0o600), (0o640, 0o640)):  # the last is somebody's decision
        if mode is not None:
            log.chmod(mode)
        with TestClient(application(environment)) as client:
            assert client.post("/predict", json=predictor.examples[0]).status_code == 200
            files = {file.name: file.stat().st_mode & 0o777 for file in log.parent.glob(f"{log.name}*")}
        assert len(files) == 3 and set(files.values()) == {private}, files


@pytest.mark.parametrize("policy", ["drop", "block"])
def test_a_label_finds_its_prediction(policy: str, predictor: Predictor, environment: Environment) -> None:
    environment = environment.model_copy(update={"prediction_log_policy": policy})
    with TestClient(application(environment)) as client:
        answer = client.post("/predict", json=predictor.examples[0]).json()
        label = {"prediction_id": answer["prediction_id"], "outcome": answer["prediction"]}
        assert client.post("/feedback", json=label).json() == {"stored": 1, "unknown": []}
        assert client.post("/feedback", json={"labels": [label, label]}).json() == {"stored": 1, "unknown": []}
        assert client.post("/feedback", json=label | {"prediction_id": "0" * 32}).status_code == 404
        assert client.post("/feedback", json=label | {"outcome": [None]}).status_code == 422


def test_an_id_hides_no_field_of_an_answer(bundle: Bundle, contract: Contract) -> None:
    fields = (*bundle.decision.Answer.model_fields, "prediction_id")
    named = {name: Column(type="id", role=("id",), nullable=True) for name in fields}
    ours = Predictor(replace(bundle, contract=contract.model_copy(update={"columns": contract.columns | named})))
    record, _ = ours.reader.one(ours.examples[0] | dict.fromkeys(named, "4711"))
    [scored], _ = ours.predict([record])
    answer = ours.named(scored, record, "of this prediction")
    assert named.keys() <= answer.keys() and "4711" not in answer.values()
    frame = pd.DataFrame([ours.examples[0] | dict.fromkeys(named, "4711")])
    assert "4711" not in score_chunk(frame, ours, Counter())[0].values()


def test_a_database_that_hangs_keeps_labels_waiting_and_nobody_else(
    client: TestClient, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = threading.Event()
    monkeypatch.setattr(prediction_log.PredictionLog, "feedback", lambda log, outcomes: leave.wait() and [])
    answer = client.post("/predict", json=predictor.examples[0]).json()
    label = {"prediction_id": answer["prediction_id"], "outcome": answer["prediction"]}
    threads = [threading.Thread(target=client.post, args=("/feedback",), kwargs={"json": label}) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    try:
        while f"http_requests_in_flight {MANY}.0" not in client.get("/metrics").text:
            assert all(thread.is_alive() for thread in threads)
        large = _json({"records": predictor.examples[:1]}) + b" " * SMALL  # read in a thread
        batch = client.post("/predict/batch", content=large, headers={"content-type": "application/json"})
        assert batch.status_code == 200 and all(thread.is_alive() for thread in threads)
    finally:
        leave.set()
        for thread in threads:
            thread.join()


def _json(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode()


def _json_body(operation: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = operation["requestBody"]["content"]["application/json"]
    return described
