"""Only those with a key are answered, every answer is safe to show, and no caller can take more than a share."""

import asyncio
import errno
import json
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from unittest.mock import Mock

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.testclient import TestClient
from pydantic import SecretStr
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware

from customer_model.app import application
from customer_model.engineroom.contract import UserError
from customer_model.engineroom.scoring.predictor import Predictor
from customer_model.engineroom.serving.http import security
from customer_model.engineroom.serving.http.edge import is_open, surround
from customer_model.engineroom.serving.http.lifecycle import Lifecycle
from customer_model.engineroom.serving.http.metrics import Metrics
from customer_model.engineroom.serving.http.problems import install
from customer_model.engineroom.serving.routes.routes import JsonResponse, PlainRoute, add_post
from customer_model.engineroom.settings.environment import Environment

OURS, THEIRS, ADMINS = "key-of-ours", "key-of-theirs", "key-of-admins"


def entry(name: str, key: str) -> str:
    return f"{name}:{sha256(key.encode()).hexdigest()}"


class Small:
    """The outer layer around an application of a few routes; `settings` as the environment would give them."""

    def __init__(self, **settings: object) -> None:
        self.app, self.metrics, self.lifecycle = FastAPI(), Metrics(), Lifecycle()
        self.entered, self.leave = threading.Event(), threading.Event()
        environment = Environment.model_validate({"authentication": "off", "access_log": "none"} | settings)
        surround(self.app, environment, self.lifecycle, self.metrics)
        self.app.post("/work")(lambda: "done")
        self.app.post("/admin/work")(lambda: "done")
        self.app.post("/wait")(self.wait)
        self.app.post("/hang")(self.hang)
        self.app.post("/fail")(self.fail)
        self.app.api_route("/body", methods=["POST", "PUT", "PATCH"])(self.body)

    async def wait(self) -> str:
        self.entered.set()
        await run_in_threadpool(self.leave.wait)
        return "done"

    async def hang(self) -> None:
        await asyncio.Event().wait()

    async def body(self, request: Request) -> int:
        return len(await request.body())

    async def fail(self) -> None:
        raise RuntimeError("the password is 4711")

    def client(self) -> TestClient:
        return TestClient(self.app)


@pytest.fixture
def guarded(environment: Environment) -> Iterator[TestClient]:
    """The service, which asks for a key."""
    keys = {"api_keys": SecretStr(entry("ours", OURS)), "admin_keys": SecretStr(entry("admins", ADMINS))}
    with TestClient(application(environment.model_copy(update={"authentication": "required", **keys}))) as client:
        yield client


def test_every_route_asks_for_a_key_but_those_of_probes_and_documentation(guarded: TestClient) -> None:
    document = guarded.get("/openapi.json").json()
    assert document["components"]["securitySchemes"] and "/admin/reload" in document["paths"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answer = guarded.request(method, path)
            assert (answer.status_code == 401) == (not is_open(path)) == ("security" in operation), path
            assert ("401" in operation["responses"]) == ("security" in operation), path
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.headers["content-type"] == "application/problem+json"
    assert not is_open("/predict") and is_open("/health/ready")


@pytest.mark.parametrize(
    "path",
    ["/healthcare/work", "/health/work", "/metrics-export", "/metrics/work", "/docs-work", "/docs/work", "/health/"],
)
def test_what_begins_like_an_open_path_needs_a_key(path: str) -> None:
    small = Small(authentication="required", api_keys=entry("ours", OURS))
    small.app.get(path)(lambda: "done")
    assert small.client().get(path).status_code == 401
    answer = small.client().get(path, headers={"X-API-Key": OURS})
    assert answer.status_code == 200 and "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_key_opens_the_model(guarded: TestClient, predictor: Predictor) -> None:
    for headers in ({"Authorization": f"Bearer {OURS}"}, {"X-API-Key": OURS}):
        assert guarded.post("/predict", json=predictor.examples[0], headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": OURS},
        {"Authorization": f"Basic {OURS}"},
        {"Authorization": "Bearer"},
        {"X-API-Key": ""},
        {"X-API-Key": THEIRS},
        {"X-API-Key": entry("ours", OURS)},
        {"X-API-Key": sha256(OURS.encode()).hexdigest()},
    ],
)
def test_what_is_not_quite_a_key_opens_nothing(headers: dict[str, str]) -> None:
    client = Small(authentication="required", api_keys=entry("ours", OURS)).client()
    assert client.post("/work", headers=headers).status_code == 401


def test_keys_come_and_go_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "LOOK_S", -1.0)
    file = tmp_path / "keys"

    def statuses() -> list[int]:
        return [client.post("/work", headers={"X-API-Key": key}).status_code for key in (OURS, THEIRS)]

    file.write_text(entry("ours", OURS))
    client = Small(authentication="required", api_keys_file=file).client()
    assert statuses() == [200, 401]
    file.write_text(f"# both, for a while\n{entry('ours', OURS)}\n{entry('theirs', THEIRS)}\n")
    assert statuses() == [200, 200]
    file.write_text(f"{entry('theirs', THEIRS)}\n")
    assert statuses() == [401, 200]
    file.write_text("nonsense")
    assert statuses() == [401, 200], "a mistake in the file locks nobody out"


def test_every_key_is_compared_with_every_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = Mock(side_effect=lambda one, other: one == other)
    monkeypatch.setattr(security, "compare_digest", compared)
    listed = SecretStr(",".join(entry(name, f"key-of-{name}") for name in ("first", "second", "third")))
    ring = security.Keyring(listed, None, "SERVICE_API_KEYS")
    for key, owner in (("key-of-first", "first"), ("key-of-third", "third"), ("wrong", None), ("long" * 4_000, None)):
        for headers in ({b"x-api-key": key.encode()}, {b"authorization": b"Bearer " + key.encode()}):
            compared.reset_mock()
            assert ring.owner(headers) == owner
            assert compared.call_count == 3
            assert {len(digest) for call in compared.call_args_list for digest in call.args} == {32}


def test_administration_needs_a_key_of_its_own_even_without_authentication() -> None:
    assert Small().client().post("/admin/work").status_code == 404
    client = Small(api_keys=entry("ours", OURS), admin_keys=entry("admins", ADMINS)).client()
    assert client.post("/admin/work", headers={"X-API-Key": OURS}).status_code == 401
    assert client.post("/admin/work", headers={"X-API-Key": ADMINS}).status_code == 200


def test_what_begins_like_administration_is_none() -> None:
    small = Small()
    small.app.post("/administration")(lambda: "done")
    assert small.client().post("/administration").status_code == 200


@pytest.mark.parametrize("settings", [{}, {"api_keys": OURS}, {"api_keys_file": "no/such/file"}])
def test_keys_that_are_missing_or_malformed_are_said_and_not_quoted(settings: dict[str, str]) -> None:
    with pytest.raises(security.KeyringError) as raised:
        Small(authentication="required", **settings).app.build_middleware_stack()
    assert OURS not in str(raised.value)


def test_every_answer_is_named_and_safe_to_show() -> None:
    client = Small().client()
    for path in ("/work", "/fail", "/nowhere"):
        answer = client.post(path, headers={"X-Request-ID": "their-id.1"})
        assert answer.headers["x-request-id"] == "their-id.1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    unsafe = [client.post("/work", headers={"X-Request-ID": given}).headers for given in ("", "a b", "x" * 65)]
    assert len({headers["x-request-id"] for headers in unsafe} - {"", "a b", "x" * 65}) == 3


def test_a_failure_tells_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer = Small().client().post("/fail")
    assert answer.status_code == 500 and answer.json()["title"] == "Internal error"
    assert "4711" not in answer.text
    assert "4711" in caplog.text


def test_more_than_the_model_can_do_is_told_to_come_back() -> None:
    small = Small(max_in_flight=1)
    with small.client() as client:
        thread = threading.Thread(target=client.post, args=("/wait",))
        thread.start()
        assert small.entered.wait(30)
        refused = client.post("/work")
        small.leave.set()
        thread.join()
        assert client.post("/work").status_code == 200
    assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
    assert refused.json()["title"] == "Too many requests at once"


def test_what_takes_too_long_is_given_up() -> None:
    with Small(request_timeout_s=0.05).client() as client:
        for _ in range(2):
            answer = client.post("/hang")
            assert answer.status_code == 503 and answer.json()["title"] == "Timeout"
        assert client.post("/work").status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_that_does_not_arrive_is_the_clients_fault(method: str) -> None:
    small, sent = Small(request_timeout_s=0.05), []
    about = {"method": method, "path": "/body", "raw_path": b"/body", "query_string": b"", "root_path": ""}
    scope = {"type": "http", "headers": [(b"content-length", b"9")], "state": {}, **about}

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        await small.app(scope, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 408


def layered(app: FastAPI, **settings: object) -> TestClient:
    """The outer layer around an application of the user's own with a plain route, /plain, which answers "done"."""

    async def plain(request: Request) -> Response:
        return JsonResponse(len(await request.body()) and "done")

    add_post(app, "/plain", plain)
    install(app)
    environment = Environment.model_validate({"authentication": "off", "access_log": "none"} | settings)
    surround(app, environment, Lifecycle(), Metrics())
    return TestClient(app)


async def refuse() -> None:
    raise HTTPException(429, "not so fast", {"Retry-After": "9"})


def test_the_applications_own_layers_are_around_every_route() -> None:
    app = FastAPI()
    app.add_middleware(
        CORSMiddleware, allow_origins=["https://ours.example"], allow_methods=["POST"], allow_headers=["X-API-Key"]
    )

    @app.middleware("http")
    async def sign(request: Request, go_on: Any) -> Any:
        answer = await go_on(request)
        answer.headers["x-signed"] = "yes"
        return answer

    client = layered(app, authentication="required", api_keys=entry("ours", OURS))
    origin = {"Origin": "https://ours.example"}
    answer = client.post("/plain", content="x", headers=origin | {"X-API-Key": OURS})
    assert (answer.status_code, answer.json(), answer.headers["x-signed"]) == (200, "done", "yes")
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    answers = [
        answer,
        client.post("/plain", content="x", headers=origin),
        client.options("/plain", headers=origin | asked),  # which a browser asks first, without a key
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 200]
    assert {answer.headers.get("access-control-allow-origin") for answer in answers} == {"https://ours.example"}
    others = client.post("/plain", content="x", headers={"Origin": "https://theirs.example", "X-API-Key": OURS})
    assert "access-control-allow-origin" not in others.headers
    assert client.options("/plain").status_code == 401


def test_a_refusal_while_a_body_arrives_passes_the_applications_own_layers() -> None:
    app = FastAPI()
    app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, go_on: go_on(request))
    client = layered(app, max_body_bytes=20_000, max_bodies_bytes=20_000)
    answer = client.post("/plain", content=iter([b"x" * 30_000]))
    assert answer.status_code == 503 and answer.json()["title"] == "Too much at once"


@pytest.mark.parametrize("where", ["application", "router", "included", "handler"])
def test_a_refusal_of_the_applications_own_keeps_its_status_and_headers(where: str) -> None:
    refusing = [Depends(refuse)]
    app = FastAPI(dependencies=refusing if where == "application" else [])
    router = APIRouter(dependencies=refusing if where == "router" else [])

    async def handler(request: Request) -> Response:
        return await refuse() if where == "handler" else Response("done")  # type: ignore[func-returns-value,return-value]

    router.add_api_route("/routed", handler, methods=["POST"], route_class_override=PlainRoute)
    add_post(app, "/handled", handler)
    app.include_router(router, dependencies=refusing if where == "included" else [])
    client = layered(app)
    refused = {"application": ["/plain", "/routed", "/handled"], "handler": ["/routed", "/handled"]}.get(
        where, ["/routed"]
    )
    for path in ("/plain", "/routed", "/handled"):
        answer = client.post(path, content="x")
        if path not in refused:
            assert answer.status_code == 200
            continue
        assert answer.status_code == 429 and answer.headers["retry-after"] == "9"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["title"] == "Too Many Requests" and "not so fast" in answer.json()["detail"]


def test_the_applications_own_handlers_of_errors_hold() -> None:
    app = FastAPI()

    async def handler(request: Request) -> Response:
        raise {"a": KeyError("a"), "b": HTTPException(304)}[(await request.body()).decode()]

    add_post(app, "/handled", handler)
    app.add_exception_handler(KeyError, lambda request, error: Response("theirs", 418))
    client = layered(app)
    assert client.post("/handled", content="a").text == "theirs"
    answer = client.post("/handled", content="b")
    assert (answer.status_code, answer.content) == (304, b"")


def test_metrics_count_and_do_not_grow_with_what_is_asked(guarded: TestClient, predictor: Predictor) -> None:
    records = {"records": predictor.examples}
    assert guarded.post("/predict/batch", json=records, headers={"X-API-Key": OURS}).status_code == 200
    for number in range(100):
        guarded.get(f"/nowhere/{number}", headers={"X-API-Key": OURS})
    text = guarded.get("/metrics").text
    assert 'http_request_seconds_count{method="POST",route="/predict/batch",status="200"} 1.0' in text
    assert 'http_request_seconds_count{method="GET",route="other",status="404"} 100.0' in text
    assert "nowhere" not in text
    assert 'model_info{role="champion",version="' + predictor.version + '"} 1.0' in text
    counted = [line for line in text.splitlines() if line.startswith(("predictions_total", "prediction_value_count"))]
    assert sum(float(line.split()[-1]) for line in counted) == len(predictor.examples)


def test_metrics_of_many_kinds_stay_few() -> None:
    metrics = Metrics()
    for number in range(1_000):
        metrics.error(f"the body is {number}")
    assert len(metrics.text().splitlines()) < 110
    assert b'http_errors_total{kind="other"}' in metrics.text()


def test_a_service_that_leaves_says_so_and_ends_connections() -> None:
    small = Small()
    client = small.client()
    assert "connection" not in client.post("/work").headers
    small.lifecycle.draining = True
    assert client.post("/work").headers["connection"] == "close"


def test_a_service_that_leaves_is_alive_and_not_ready(environment: Environment) -> None:
    app = application(environment)
    with TestClient(app) as client:
        ready, alive = ("/health/ready", "/health", "/v2/health/ready"), ("/health/live", "/v2/health/live")
        assert {client.get(path).status_code for path in (*ready, *alive)} == {200}
        app.state.service.lifecycle.draining = True
        assert {client.get(path).status_code for path in ready} == {503}
        assert {client.get(path).status_code for path in alive} == {200}


def test_the_log_of_requests_names_the_model(
    environment: Environment, predictor: Predictor, capfd: pytest.CaptureFixture[str]
) -> None:
    record = predictor.examples[0]
    inputs = [{"name": name, "shape": [1], "datatype": "BYTES", "data": [value]} for name, value in record.items()]
    bodies = {
        "/predict": record,
        "/predict/batch": {"records": [record]},
        "/explain": record,
        "/v2/models/customer_model/infer": {"inputs": inputs},
    }
    with TestClient(application(environment.model_copy(update={"access_log": "all"}))) as client:
        for path, body in bodies.items():
            assert client.post(path, json=body).status_code == 200
        client.get("/health")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    requests = [(line["status"], line["model_version"]) for line in lines if line["event"] == "request"]
    assert requests == [*[(200, predictor.version)] * len(bodies), (200, None)]


def test_the_log_of_requests_says_what_was_asked_for_where_it_is_no_route(capfd: pytest.CaptureFixture[str]) -> None:
    small, new_key = Small(authentication="required", api_keys=entry("ours", OURS), access_log="all"), token_urlsafe(32)
    parts = [new_key[:13], new_key[13:28], new_key[28:]]
    encoded = "".join(f"%{ord(letter):02X}" for letter in new_key)
    hiding = ["/".join(parts), "/jobs/".join(parts), ".".join(parts), "%2F".join(parts), encoded, new_key.upper()]
    with small.client() as client:
        for path in ('/no"where/%1B[0m?key=secret', "/" + "x/" * 5_000, f"/v1/{new_key}/work", "/no-such.php", "/work"):
            client.post(path, headers={"X-API-Key": OURS})
        assert client.post("/work?key=secret", headers={"X-API-Key": THEIRS}).status_code == 401
        for path in hiding:
            client.post(f"/{path}", headers={"X-API-Key": OURS})
    said = capfd.readouterr().err
    assert not any(hidden in said for hidden in ("secret", OURS, THEIRS, new_key, "\x1b", *parts, encoded))
    lines = [json.loads(line) for line in said.splitlines()]
    asked = [(line["route"], line.get("path")) for line in lines if line["event"] == "request"]
    assert asked == [
        ("other", "/***/***"),
        ("other", "/" + "x/" * 99 + "x"),
        ("other", "/v1/***/work"),
        ("other", "/no-such.php"),
        ("/work", None),
        ("other", "/work"),
        ("other", "/***/***/***"),
        ("other", "/***/jobs/***/jobs/***"),
        *[("other", "/***")] * 4,
    ]
    assert "where" not in small.metrics.text().decode()


def test_a_full_disk_under_the_log_of_requests_breaks_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    full = {"isatty.return_value": False, "buffer.write.side_effect": OSError(errno.ENOSPC, "No space left on device")}
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", Mock(**full))
        small = Small(access_log="all")
        client = small.client()
        assert [client.post("/work").status_code for _ in range(2)] == [200, 200]
    assert b"access_log_dropped_total 2.0" in small.metrics.text()


def test_empty_settings_count_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    before = Environment()
    for name in ("PORT", "CHALLENGER_BUNDLE", "API_KEYS_FILE", "PREDICTION_LOG_RETENTION_DAYS"):
        monkeypatch.setenv(f"SERVICE_{name}", "")
    assert Environment() == before


@pytest.mark.parametrize(
    "name, value",
    [
        ("PORT", "70000"),
        ("REQUEST_TIMEOUT_S", "inf"),
        ("DRAIN_SECONDS", "inf"),
        ("MAX_ROWS", "10001"),
        ("MAX_BODIES_BYTES", "1"),
    ],
)
def test_settings_that_no_service_could_have_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SERVICE_{name}", value)
    with pytest.raises(UserError, match=f"SERVICE_{name}"):
        Environment()
