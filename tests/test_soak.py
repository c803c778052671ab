"""A service under mixed load for a while: its memory and its descriptors stay, no request fails, no row is missing.

Twenty seconds with every other test, ten minutes with `make test-long` on each kind of log; SOAK_S is another length
of the long form.
"""

import asyncio
import json
import os
import random
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import linear_regression
from typing import Any, NamedTuple

import pytest
from conftest import Render
from postgresql import PostgreSQL, select
from service import PATIENCE_S, Process

CONNECTIONS = 4
SAMPLE_S = 0.5
LEAST = 15_000  # requests: over fewer, the megabytes that memory pools still take look like a leak
# Bytes a request: one that keeps 1 kB of each is above.
MOST = {"short": 700, "long": 100}
IDS = 200  # of the latest predictions, for labels


class Sample(NamedTuple):
    requests: int
    memory: int
    descriptors: int


class Soak:
    """Connections that ask for all kinds of things in turn, and what they are answered."""

    def __init__(self, service: Process, record: dict[str, Any], seed: int = 0) -> None:
        self.service, self.random = service, random.Random(seed)
        self.acknowledged: set[str] = set()
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.samples: list[Sample] = []
        self._latest: deque[dict[str, Any]] = deque(maxlen=IDS)
        bad = record | {"no such field": 1}
        rows = {name: [value] * 20 for name, value in record.items()}
        self._kinds: dict[str, tuple[int, str, Callable[[], Any]]] = {  # share, path, body
            "one": (60, "/predict", lambda: record),
            "records": (6, "/predict/batch", lambda: {"records": [record] * 20}),
            "columns": (6, "/predict/batch", lambda: {"columns": rows}),
            "refused": (8, "/predict", lambda: bad),
            "refused batch": (4, "/predict/batch", lambda: {"records": [record, bad]}),
            "explained": (4, "/explain", lambda: record),
            "labelled": (8, "/feedback", lambda: {"labels": list(self._latest)[:3]}),
            "nowhere": (2, "/no/such/path", lambda: {}),
            "metrics": (2, "/metrics", lambda: None),
        }

    @property
    def requests(self) -> int:
        return self.statuses.total()

    async def run(self, seconds: float) -> None:
        """Ask for so many seconds, and on until there are enough requests to judge by."""
        until = time.monotonic() + seconds
        tasks = [asyncio.create_task(self._ask(lambda: time.monotonic() < until or self.requests < LEAST))
                 for _ in range(CONNECTIONS)]  # fmt: skip
        while not all(task.done() for task in tasks):
            self.samples.append(Sample(self.requests, self.service.memory, self.service.descriptors))
            await asyncio.sleep(SAMPLE_S)
        await asyncio.gather(*tasks)

    async def _ask(self, going_on: Callable[[], bool]) -> None:
        names, shares = list(self._kinds), [share for share, _, _ in self._kinds.values()]
        while going_on():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port)
            for _ in range(self.random.randint(1, 400)):
                kind = self.random.choices(names, shares)[0] if self._latest else "one"
                _, path, body = self._kinds[kind]
                async with asyncio.timeout(PATIENCE_S):
                    status, content = await exchange(reader, writer, path, body())
                self.statuses[kind, status] += 1
                if kind in ("one", "records", "columns") and status == 200:
                    self._note(json.loads(content))
            writer.close()
            await writer.wait_closed()

    def _note(self, answer: dict[str, Any]) -> None:
        if "columns" in answer:
            self.acknowledged.update(answer["columns"]["prediction_id"])
            return
        each = answer.get("predictions", [answer])
        self.acknowledged.update(one["prediction_id"] for one in each)
        self._latest.append({"prediction_id": each[0]["prediction_id"], "outcome": each[0]["prediction"]})


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: Any
) -> tuple[int, bytes]:
    """Status and body of one request."""
    sent = b"" if body is None else json.dumps(body).encode()
    head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
    answered = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", answered)
    assert length, answered
    return int(answered[9:12]), await reader.readexactly(int(length[1]))


@pytest.fixture
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """Where the service logs: a SQLite file, or a database of a PostgreSQL server."""
    if request.param == "sqlite":
        yield tmp_path / "log.db"
        return
    with PostgreSQL() as server:
        yield server.create("soak")


@pytest.mark.parametrize(
    ("form", "log", "policy"),
    [
        ("short", "sqlite", "drop"),
        pytest.param("long", "sqlite", "drop", marks=pytest.mark.long),
        pytest.param("long", "postgresql", "block", marks=pytest.mark.long),
    ],
    indirect=["log"],
)
def test_a_service_that_runs_on_does_not_grow(trained: Render, log: Path | str, form: str, policy: str) -> None:
    seconds = float(os.environ.get("SOAK_S", "600")) if form == "long" else 20
    project = trained()
    record = json.loads((project / "artifacts/bundle/bundle.json").read_text())["golden"][0]["record"]
    with Process(project, log, SERVICE_ACCESS_LOG="errors", SERVICE_PREDICTION_LOG_POLICY=policy) as service:
        soak = Soak(service, record)
        asyncio.run(soak.run(seconds))
        assert service.leave() == 0
    warm = soak.samples[len(soak.samples) // 3 :]
    slope, _ = linear_regression([one.requests for one in warm], [one.memory for one in warm])
    descriptors = [one.descriptors for one in warm]
    print(
        f"soak: {seconds:.0f} s, {soak.requests:,} requests, {len(soak.acknowledged):,} predictions; resident "
        f"{soak.samples[0].memory / 2**20:.1f} MB at first, {warm[0].memory / 2**20:.1f} warm, "
        f"{warm[-1].memory / 2**20:.1f} at last: {slope:.1f} bytes a request; "
        f"descriptors {min(descriptors)} to {max(descriptors)}; answers {dict(soak.statuses)}"
    )
    assert {status for _, status in soak.statuses} == {200, 404, 422}
    assert {kind for kind, status in soak.statuses if status != 200} == {"refused", "refused batch", "nowhere"}
    assert slope < MOST[form]
    assert max(descriptors) - min(descriptors) <= 2 * CONNECTIONS
    assert max(descriptors[-10:]) <= max(descriptors[:10]) + CONNECTIONS
    rows = [row[0] for row in select(str(log), "SELECT prediction_id FROM predictions")]
    assert len(rows) == len(soak.acknowledged) and set(rows) == soak.acknowledged
