"""Hostile requests: the service answers each as it documents, and neither fails nor grows.

The short form runs with every other test, the long one with `make test-long`.
"""

import json
import re
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from conftest import DEFAULTS, UNTOUCHED, VENV, Render, run, variant_name
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service import Process, guarded

# Bytes that a run may leave behind: what is to be logged, caches of characters and words, a network's pools. Random
# texts for a network leave the most, up to 144 MB, and that once. A request of 8 MB that is kept is far above.
GROWTH = 192 * 2**20
LONG = [
    DEFAULTS,
    {"task": "regression", "modality": "tabular", "framework": "torch", "accelerator": "cpu"},
    {"task": "regression", "modality": "text", "framework": "sklearn", "accelerator": "cpu"},
    {"task": "classification", "modality": "text", "framework": "torch", "accelerator": "cpu"},
    {"task": "classification", "modality": "image", "framework": "sklearn", "accelerator": "cpu"},
    {"task": "regression", "modality": "image", "framework": "torch", "accelerator": "cpu"},
]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)


@dataclass
class Served:
    """A running service that asks for a key, and what its clients know of it."""

    service: Process
    key: str
    long: bool
    bodies: dict[str, list[Any]]  # for each path that takes one, some that are answered with 200
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.headers["X-API-Key"] = self.key
        self.document = self.session.get(f"{self.service.url}/openapi.json", timeout=30).json()
        self.schema = schemathesis.openapi.from_dict(self.document)
        (self.model,) = self.document["paths"]["/v2/models/{name}"]["get"]["parameters"]

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        url = self.service.url + path.replace("{name}", self.model["schema"]["const"])
        return self.session.post(url, body, headers=headers, timeout=60)

    def check(self, path: str, response: requests.Response) -> None:
        """The answer is one that the path documents."""
        documented = self.document["paths"][path]["post"]["responses"]
        status = str(response.status_code)
        assert status in documented and status < "500", (status, response.text[:1_000])
        assert response.headers["content-type"] in documented[status]["content"]
        self.schema[path]["POST"].validate_response(response)
        assert re.fullmatch(r"[\w.:-]{1,64}", response.headers["x-request-id"], re.ASCII)
        assert response.headers["x-content-type-options"] == "nosniff"

    @contextmanager
    def unharmed(self, growth: int = GROWTH) -> Iterator[None]:
        """Whatever is done here, the process stays and answers well, fails no request, and grows by no more."""
        self.answer_well()
        before, failed = self.service.memory, self.failed()
        yield
        self.answer_well()
        grown = self.service.memory - before
        print(f"resident memory: {before / 2**20:.0f} MB before, {grown / 2**20:+.1f} MB after")
        assert grown < growth
        assert self.failed() == failed
        assert "Traceback" not in self.service.output()

    def failed(self) -> list[str]:
        """What the service's own metrics say of requests that it answered with 5xx."""
        metrics = self.session.get(f"{self.service.url}/metrics", timeout=30).text
        assert 'status="200"' in metrics
        return re.findall(r'^.*_count\{.*status="5.*$', metrics, re.MULTILINE)

    def answer_well(self) -> None:
        for path, bodies in self.bodies.items():
            for body in bodies:
                response = self.post(path, json.dumps(body).encode(), JSON)
                assert response.status_code == 200, (path, response.text)
                self.check(path, response)


JSON = {"Content-Type": "application/json"}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((DEFAULTS, False), id="short"),
        *(pytest.param((variant, True), id=variant_name(variant), marks=pytest.mark.long) for variant in LONG),
    ],
)
def served(
    request: pytest.FixtureRequest, trained: Render, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    variant, long = request.param
    project = trained(**variant)
    with guarded(project, tmp_path_factory.mktemp("fuzz"), SERVICE_ACCESS_LOG="errors") as (service, key):
        yield Served(service, key, long, bodies_of(project, service, key))


def bodies_of(project: Path, service: Process, key: str) -> dict[str, list[Any]]:
    golden = json.loads((project / "artifacts/bundle/bundle.json").read_text())["golden"]
    records = [each["record"] for each in golden[:3]]
    columns = {name: [record[name] for record in records] for name in records[0]}
    tensors = [{"name": name, "shape": [3], "datatype": "BYTES", "data": data} for name, data in columns.items()]
    answer = requests.post(f"{service.url}/predict", json=records[0], headers={"X-API-Key": key}, timeout=30).json()
    label = {"prediction_id": answer["prediction_id"], "outcome": answer["prediction"]}
    return {
        "/predict": records,
        "/explain": records,
        "/predict/batch": [{"records": records}, {"columns": columns}],
        "/v2/models/{name}/infer": [{"id": "1", "inputs": tensors}],
        "/feedback": [{"labels": [label, label]}],
    }


def test_every_answer_is_documented(served: Served, tmp_path: Path) -> None:
    """Schemathesis: what the document allows and forbids, at every path, with every method."""
    command = [
        f"{VENV}/bin/schemathesis",
        "run",
        f"{served.service.url}/openapi.json",
        f"--header=X-API-Key: {served.key}",
        f"--checks={','.join(CHECKS)}",
        "--phases=examples,coverage,fuzzing",
        f"--max-examples={1_000 if served.long else 10}",
        "--generation-database=none" if served.long else "--generation-deterministic",
        "--continue-on-failure",
        "--no-color",
    ]
    with served.unharmed():
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3_600, check=False)
        assert done.returncode == 0, done.stdout
    assert "Unresolvable references" not in done.stdout, done.stdout
    counted = re.search(r"(\d+) generated", done.stdout)
    assert counted, done.stdout
    print(f"schemathesis: {counted[1]} cases, seed: {done.stdout.rpartition('Seed: ')[2].splitlines()[0]}")
    assert int(counted[1]) >= (3_000 if served.long else 300)


# --- bodies --------------------------------------------------------------------------------------------------------

LITERALS = (  # of JSON, or almost; they stand where a value does
    "NaN",
    "-Infinity",
    "1e999999",
    "-1e-999999",
    "9" * 5_000,
    "-0.0",
    "01",
    "1.",
    "nul",
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\ud800"',
    '"\\u0000"',
    '"\x00"',
    '"\\x"',
    '"' + "x" * 300_000 + '"',
    '"' + "\\u00e9 " * 20_000 + '"',
    '"9999-12-31T23:59:59-14:00"',
    '{"a": 1, "a": 2}',
    "[" * 150 + "]" * 150,
    "[" * 20_000 + "]" * 20_000,
    "[" * 20_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    "\ufeff1",
    "1 /* one */",
)
LARGE, TIMES = 8 * 2**20, 20  # bytes of a refused body, and how often: more than memory may grow by
LONGEST, MAX_ROWS, MAX_BODY = 30_000, 1_000, 32 * 2**20 - 100  # characters, records and bytes of a large batch
POD = 512 * 2**20  # bytes that deploy/k8s gives a service
TWIN = "@@twin"
VALUES = st.one_of(
    st.sampled_from([f"@@{number}@@" for number in range(len(LITERALS))]),
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=50),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=8,
    ),
)
TYPES = (
    *["application/json"] * 25,
    "application/json; charset=utf-16",
    "APPLICATION/JSON",
    "application/problem+json",
    "text/plain",
    "image/png",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
    "+json",
    ";",
    "a" * 2_000,
)


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every value within a body, as its container and its key there."""
    for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield node, key
        yield from places(node[key])


def as_json(body: Any, ascii_only: bool = True) -> bytes:
    text = json.dumps(body, ensure_ascii=ascii_only).replace(TWIN, "")
    text = re.sub(r'"@@(\d+)@@"', lambda found: LITERALS[int(found[1])], text)
    return text.encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn, valid: list[Any]) -> bytes:
    """A body that was valid before somebody changed a few of its values, and then perhaps its bytes."""
    body = {"": deepcopy(draw(st.sampled_from(valid)))}
    changes = ["value", "value", "left out", "twice", "wrapped", "many"]
    for _ in range(draw(st.integers(0, 3))):
        spots = list(places(body))
        container, key = spots[draw(st.integers(0, len(spots) - 1))]
        how = draw(st.sampled_from(changes))
        if how == "value" or container is body:
            container[key] = draw(VALUES)
        elif how == "left out":
            del container[key]
        elif how == "wrapped":
            container[key] = draw(st.sampled_from(([container[key]], {"value": container[key]})))
        elif how == "twice" and isinstance(container, dict):
            container[f"{key}{TWIN}"] = draw(VALUES)
        elif how == "twice":
            container.append(container[key])
        else:
            changes.remove("many")
            if isinstance(container, dict):
                container |= {f"{key}{number}": 1 for number in range(3_000)}
            else:
                container += [container[key]] * 1_100
    content = as_json(body[""], draw(st.booleans()))
    if draw(st.integers(0, 3)):
        return content
    cut = draw(st.integers(0, len(content)))
    return content[:cut] + draw(st.binary(max_size=3)) + content[draw(st.integers(cut, cut + 2)) :]


def often(served: Served, long: int, short: int) -> settings:
    """So many examples; those of the short form are the same each time."""
    return settings(
        max_examples=long if served.long else short,
        deadline=None,
        database=None,
        derandomize=not served.long,
        suppress_health_check=list(HealthCheck),
    )


def test_no_body_breaks_the_service(served: Served) -> None:
    asked: Counter[tuple[str, int]] = Counter()

    @often(served, 5_000, 600)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(served.bodies)))
        body = data.draw(mutated(served.bodies[path]) | st.binary(max_size=200))
        headers = {"Content-Type": data.draw(st.sampled_from(TYPES))}
        if data.draw(st.booleans()):
            headers["X-Request-ID"] = data.draw(
                st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=300)
            )
        response = served.post(path, body, headers)
        served.check(path, response)
        asked[path, response.status_code] += 1

    with served.unharmed():
        ask()
    print("answers:", ", ".join(f"{path} {status}: {count}" for (path, status), count in sorted(asked.items())))
    for path in served.bodies:  # otherwise they were not those that are meant
        assert {200, 422} <= {status for asked_path, status in asked if asked_path == path}


@st.composite
def odd_records(draw: st.DrawFn, valid: list[dict[str, Any]]) -> dict[str, Any]:
    record = dict(draw(st.sampled_from(valid)))
    for name in draw(st.lists(st.sampled_from([*record, "no such field"]), max_size=3)):
        record[name] = draw(VALUES)
    for name in draw(st.lists(st.sampled_from(sorted(record)), max_size=1)):
        del record[name]
    return record


def test_a_record_is_judged_alike_on_every_route(served: Served) -> None:
    judged: Counter[str] = Counter()

    @often(served, 2_000, 200)
    @given(odd_records(served.bodies["/predict"]).filter(bool))
    def judge(record: dict[str, Any]) -> None:
        tensors = [{"name": name, "shape": [1], "datatype": "BYTES", "data": [raw]} for name, raw in record.items()]
        bodies = {
            "/predict": record,
            "/predict/batch": {"records": [record]},
            "/predict/batch by column": {"columns": {name: [raw] for name, raw in record.items()}},
            "/v2/models/{name}/infer": {"inputs": tensors},
        }
        verdicts = {}
        for name, body in bodies.items():
            path = name.partition(" ")[0]
            response = served.post(path, as_json(body), JSON)
            served.check(path, response)
            content = response.json()
            errors = sorted((error["kind"], error["detail"]) for error in content.get("errors", ()))
            verdicts[name] = (response.status_code, errors or content.get("title") or prediction_of(content))
        statuses = {status for status, _ in verdicts.values()}
        if 413 in statuses:  # a body for many records may hold more values, and is then refused for what it holds
            assert 200 not in statuses, verdicts
            return
        assert len({repr(verdict) for verdict in verdicts.values()}) == 1, verdicts
        judged[str(response.status_code)] += 1

    with served.unharmed():
        judge()
    print("judged alike:", dict(judged))
    assert judged.keys() == {"200", "400", "422"}


def prediction_of(content: dict[str, Any]) -> Any:
    """What is predicted in an answer that holds one, whatever its shape; numbers to six digits."""
    if "predictions" in content:
        [content] = content["predictions"]
    elif "columns" in content:
        content = {name: values[0] for name, values in content["columns"].items()}
    elif "outputs" in content:
        content = {output["name"]: output["data"][0] for output in content["outputs"]}
    found = content["prediction"]
    return found if isinstance(found, str) else f"{found:.5g}"


def test_what_is_refused_is_neither_kept_nor_sent_back(served: Served) -> None:
    record = dict(served.bodies["/predict"][0]) | {"no such field": "x" * LARGE, "y" * 1_000_000: 1}
    columns = {name: [raw] for name, raw in record.items()}
    tensors = [{"name": name, "shape": [1], "datatype": "BYTES", "data": data} for name, data in columns.items()]
    bodies = [
        ("/predict", record),
        ("/predict", dict.fromkeys(record, "x" * (LARGE // len(record)))),
        ("/explain", record),
        ("/predict/batch", {"records": [record]}),
        ("/predict/batch", {"columns": columns}),
        ("/v2/models/{name}/infer", {"inputs": tensors}),
        ("/feedback", {f"{number}": 1 for number in range(50_000)}),
    ]
    with served.unharmed():
        for path, body in bodies:
            content = json.dumps(body).encode()
            for _ in range(TIMES):
                response = served.post(path, content, JSON)
                # so many values are refused before they are read
                assert response.status_code == (413 if path == "/feedback" else 422), path
                assert len(response.content) < 200_000, path
        served.check(path, response)


def test_the_largest_batches_fit_into_a_pod(served: Served) -> None:
    """As many of the longest records as are taken at once: what they need for a moment counts, too."""
    record = dict(served.bodies["/predict"][0])
    for name, value in record.items():
        if isinstance(value, str):
            longer = record | {name: (f"{value} " * LONGEST)[:LONGEST]}
            if served.post("/predict", as_json(longer), JSON).status_code == 200:
                record = longer
    rows = min(MAX_ROWS, MAX_BODY // (len(as_json(record)) + 2))
    content = as_json({"records": [record] * rows})
    with served.unharmed(growth=POD):  # what waits to be logged is large, too
        for _ in range(TIMES if served.long else 3):
            assert served.post("/predict/batch", content, JSON).status_code == 200
    print(f"{rows} records, {len(content) / 2**20:.1f} MB: {served.service.peak_memory / 2**20:.0f} MB at most")
    assert served.service.peak_memory < POD


# --- connections ---------------------------------------------------------------------------------------------------

HEADS = st.builds(
    lambda start, headers, body: b"\r\n".join([start, *headers, b"", body]),
    st.builds(
        b"%s %s %s".__mod__,
        st.tuples(
            st.sampled_from([b"POST", b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"PRI", b"\xff"]),
            st.sampled_from([b"/predict", b"/health", b"*", b"http://x/health", b"//", b"/%00%ff", b"/a b", b""])
            | st.binary(max_size=20),
            st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b""]),
        ),
    ),
    st.lists(
        st.sampled_from(
            [
                b"Host: x",
                b"Content-Length: 2",
                b"Content-Length: -1",
                b"Content-Length: 99999999999999999999999",
                b"Transfer-Encoding: chunked",
                b"Transfer-Encoding: gzip",
                b"Expect: 100-continue",
                b"Upgrade: websocket\r\nConnection: Upgrade",
                b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
                b"X-API-Key: \xff\xfe",
                b"Authorization: Basic",
                b" folded",
                b"No colon",
                b": no name",
            ]
        ),
        max_size=5,
    ),
    st.sampled_from(
        [
            b"",
            b"{}",
            b"2\r\n{}\r\n0\r\n\r\n",
            b"2;a=b\r\n{}\r\n0\r\nX-API-Key: a\r\n\r\n",
            b"0\r\n" + b"a:\r\n" * 200,
            b"zz\r\n",
            b"fffffffffffffffffffff\r\n",
        ]
    ),
)


def test_no_bytes_break_the_service(served: Served) -> None:
    @often(served, 2_000, 200)
    @given(st.lists(HEADS, min_size=1, max_size=3).map(b"".join) | st.binary(max_size=500))
    def send(content: bytes) -> None:
        with socket.create_connection(("127.0.0.1", served.service.port), timeout=0.1) as connection:
            try:
                connection.sendall(content)
                said = connection.recv(65_536)
            except (TimeoutError, ConnectionError):  # it waits for more, or wants to hear no more
                return
        assert not said or re.match(rb"HTTP/1\.1 [1234]\d\d ", said), said

    with served.unharmed():
        send()


LONG_VALUES = """
import sys, time
from customer_model.engineroom.drafting import profile
from customer_model.engineroom.reading import records, source

USES = {
    "an address or a phone number": profile.EMAIL_OR_PHONE.fullmatch,
    "a unit": profile.WITH_UNIT.fullmatch,
    "a date": profile.DATE.fullmatch,
    "prose": profile.PROSE.search,
    "an id's name": profile.ID_NAME.search,
    "a postal code's name": profile.POSTAL_CODE.search,
    "groups": lambda text: [pattern.fullmatch(text) for pattern in records.GROUPED.values()],
    "a number": lambda text: records.parser(NUMBER, ",")(text),
    "a decimal sign": lambda text: source._needing(",", [text]),
}
from customer_model.engineroom.contract import Column
NUMBER = Column(type="number", role=("feature",))

def seconds(use, text):
    start = time.thread_time()
    try:
        use(text)
    except ValueError:
        pass
    return time.thread_time() - start

for name, use in USES.items():
    for unit in ("1", "1,", "1,111", "1'111", " ", "a", "a@", "a.", "-1", "1 a", "(1) ", "€1", "_", "1/1/"):
        for begin in ("", "1", "a@"):
            for end in ("", "!"):
                short, long = (seconds(use, begin + unit * (length // len(unit)) + end) for length in (3_000, 30_000))
                if long > 0.05 and long > 40 * short:  # ten times in theory, a hundred times where it backtracks
                    sys.exit(f"{name}: {unit!r} after {begin!r} and before {end!r} took {short:.4f} and {long:.4f} s")
"""


def test_no_pattern_takes_for_ever_on_a_long_value(render: Render) -> None:
    run(render(), "python", "-c", LONG_VALUES, **UNTOUCHED)
