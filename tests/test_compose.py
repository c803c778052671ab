"""`deploy/compose.yaml` as it is, by Docker's own engine and Compose: brought up, asked, taken down, brought up again.

Its network, names and published port are real; `postgres:17` is Debian's PostgreSQL 17 (tests/postgres), which behaves
as the registry's image in what the file uses. The profile `mlflow` is not run: its image is in a registry only.
"""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from conftest import Render
from containers import Docker
from service import get, make_key, post

pytestmark = pytest.mark.long

REQUESTS = 200


class Composed:
    """The project's `docker compose`, and the address where its service is published."""

    def __init__(self, docker: Docker, project: Path) -> None:
        self.key, entry = make_key(project)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.docker, self.url = docker, f"http://127.0.0.1:{port}"
        self.variables = {
            "SERVICE_API_KEYS": entry,
            "POSTGRES_PASSWORD": token_hex(24),
            "SERVICE_PORT": str(port),
            "TAG": "dev",
        }
        self.command = ("compose", f"--file={project}/deploy/compose.yaml")

    def __call__(self, *command: str) -> str:
        return self.docker(*self.command, *command, **self.variables)

    def answers(self, golden: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Answers to the records, again and again, until nobody answers any more."""
        for one in cycle(golden):
            try:
                status, answer = post(self.url, one["record"], key=self.key)
            except OSError:
                return
            if status != 200:
                return
            assert list(answer["probabilities"].values()) == pytest.approx(one["scores"], abs=1e-5)
            yield answer

    def logged(self) -> set[str]:
        """Ids in the prediction log."""
        query = "SELECT prediction_id FROM predictions"
        return set(self("exec", "-T", "postgres", "psql", "--username=predictions", "-Atc", query).split())


@pytest.fixture
def composed(built: Docker, trained: Render) -> Iterator[Composed]:
    found = Composed(built, trained())
    yield found
    found("down", "--volumes")


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("SERVICE_API_KEYS", "SERVICE_API_KEYS is missing a value: is empty, and make key prints an entry for it"),
        ("POSTGRES_PASSWORD", "POSTGRES_PASSWORD is missing a value: is empty, and the top of this file says how"),
    ],
)
def test_it_asks_for_a_key_and_a_password(built: Docker, trained: Render, missing: str, told: str) -> None:
    variables = {"SERVICE_API_KEYS": "client:0", "POSTGRES_PASSWORD": "0"} | {missing: ""}
    assert told in built("compose", f"--file={trained()}/deploy/compose.yaml", "up", fails=True, **variables)


def test_what_was_answered_is_still_there_after_the_next_start(composed: Composed, trained: Render) -> None:
    golden = json.loads((trained() / "artifacts/bundle/bundle.json").read_text())["golden"]
    start = time.time()
    composed("up", "--build", "--detach", "--wait")
    happened = composed.docker(
        *("events", f"--since={start}", f"--until={time.time()}", "--filter=type=container"),
        "--format={{.Action}} {{.Actor.Attributes.name}}",
    ).splitlines()
    healthy, started = "health_status: healthy customer-model-postgres-1", "start customer-model-serving-1"
    assert happened.index(healthy) < happened.index(started)
    assert get(f"{composed.url}/health/ready")
    assert post(composed.url, golden[0]["record"])[0] == 401

    answered = set()
    with ThreadPoolExecutor() as aside:
        for answer in composed.answers(golden):
            answered.add(answer["prediction_id"])
            if len(answered) == REQUESTS:
                down = aside.submit(composed, "down")
        assert len(answered) > REQUESTS  # it answers while it leaves
        down.result()

    composed("up", "--detach", "--wait")
    assert answered <= composed.logged()
