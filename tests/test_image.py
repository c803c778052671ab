"""The project's images: built by its own verb, run as production runs them, asked, and ended."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from conftest import Render, make
from containers import Containers
from postgresql import PostgreSQL, select
from service import Process

pytestmark = pytest.mark.long

IMAGE = "registry.example.com/ml/customer-model"
RESTRICTED = ("--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
REQUESTS = 200
LOOKED_AT = (0, 3)  # drift's statuses: none, or some


class Contained(Process):
    """The service in a container of its image; variables are the container's."""

    def __init__(self, containers: Containers, project: Path, log: str, **variables: str) -> None:
        super().__init__(project, log, HOST="127.0.0.1", **variables)
        passed = [f"--env={name}" for name in self.variables]
        self.command = ["docker", "run", "--name=service", *RESTRICTED, *passed, f"{IMAGE}:dev"]
        self.variables |= containers.variables


@pytest.fixture(scope="module")
def built(trained: Render, tmp_path_factory: pytest.TempPathFactory) -> Containers:
    """An engine that has the images, built by `make image`."""
    containers, project = Containers(tmp_path_factory.mktemp("containers")), trained()
    base = re.search(r"^ARG BASE_IMAGE=(\S+)", (project / "deploy/Dockerfile").read_text(), re.MULTILINE)
    assert base
    containers.make_base(base[1])
    make(project, "image", "TAG=dev", **containers.variables)
    return containers


def test_it_runs_as_nobody_and_writes_nowhere(built: Containers) -> None:
    command = "id -u; grep CapEff /proc/self/status; touch /app/file || touch /opt/venv/file"
    told = built("run", *RESTRICTED, f"{IMAGE}:dev", "sh", "-c", command, fails=True)
    assert told.startswith("10001\n") and re.search(r"^CapEff:\s0+$", told, re.MULTILINE), told
    assert told.count("Read-only file system") == 2, told


def test_it_does_not_start_without_a_key(built: Containers) -> None:
    command = ("run", *RESTRICTED, "--volume=predictions:/var/lib/predictions", f"{IMAGE}:dev")
    assert "API_KEYS" in built(*command, fails=True)


def test_a_container_answers_logs_and_leaves(built: Containers, trained: Render) -> None:
    project = trained()
    manifest = json.loads((project / "artifacts/bundle/bundle.json").read_text())
    key, entry = re.findall(r": +(\S+)$", make(project, "key", "NAME=tests").stdout, flags=re.MULTILINE)

    def ask(url: str, golden: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "X-API-Key": key}
        with urlopen(Request(f"{url}/predict", json.dumps(golden["record"]).encode(), headers), timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    with PostgreSQL() as server:
        log = server.create("contained").replace("+psycopg", "")
        policy = {"API_KEYS": entry, "PREDICTION_LOG_POLICY": "block"}
        with Contained(built, project, log, **policy) as service:
            for number in range(REQUESTS):
                golden = manifest["golden"][number % len(manifest["golden"])]
                scores = list(ask(service.url, golden)["probabilities"].values())
                assert scores == pytest.approx(golden["scores"], abs=1e-5)
            built("healthcheck", "run", "service")
            assert service.leave() == 0, service.output()
        assert select(log, "SELECT count(*) FROM predictions") == [(REQUESTS,)]
        drift = built.run("run", *RESTRICTED, f"--env=PREDICTION_LOG={log}", f"{IMAGE}-monitoring:dev")
        assert drift.returncode in LOOKED_AT and f"in {REQUESTS} records" in drift.stdout, (drift.stdout, drift.stderr)
