"""The project's images: built by its own verb, run as production runs them, asked, and ended."""

import json
import re
from pathlib import Path

import pytest
from conftest import Render
from containers import IMAGE, Docker
from postgresql import PostgreSQL, select
from service import Process, make_key, post, wait_for

pytestmark = pytest.mark.long

RESTRICTED = (
    "--rm",
    "--network=host",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
REQUESTS = 200
LOOKED_AT = (0, 3)  # drift's statuses: none, or some


class Contained(Process):
    """The service in a container of its image; variables are the container's."""

    def __init__(self, docker: Docker, project: Path, log: str, **variables: str) -> None:
        super().__init__(project, log, SERVICE_HOST="127.0.0.1", **variables)
        passed = [f"--env={name}" for name in self.variables]
        self.command = ["docker", "run", "--name=service", *RESTRICTED, *passed, f"{IMAGE}:dev"]
        self.variables |= docker.variables


def test_it_runs_as_nobody_and_writes_nowhere(built: Docker) -> None:
    command = "id -u; grep CapEff /proc/self/status; touch /app/file || touch /opt/venv/file"
    told = built("run", *RESTRICTED, f"{IMAGE}:dev", "sh", "-c", command, fails=True)
    assert told.startswith("10001\n") and re.search(r"^CapEff:\s0+$", told, re.MULTILINE), told
    assert told.count("Read-only file system") == 2, told


def test_it_does_not_start_without_a_key(built: Docker) -> None:
    command = ("run", *RESTRICTED, "--volume=predictions:/var/lib/predictions", f"{IMAGE}:dev")
    assert "SERVICE_API_KEYS" in built(*command, fails=True)


def test_a_container_answers_logs_and_leaves(built: Docker, trained: Render) -> None:
    project = trained()
    manifest = json.loads((project / "artifacts/bundle/bundle.json").read_text())
    key, entry = make_key(project)
    with PostgreSQL() as server:
        log = server.create("contained").replace("+psycopg", "")
        policy = {"SERVICE_API_KEYS": entry, "SERVICE_PREDICTION_LOG_POLICY": "block"}
        with Contained(built, project, log, **policy) as service:
            for number in range(REQUESTS):
                golden = manifest["golden"][number % len(manifest["golden"])]
                status, answer = post(service.url, golden["record"], key=key)
                assert status == 200, answer
                assert list(answer["probabilities"].values()) == pytest.approx(golden["scores"], abs=1e-5)
            wait_for(lambda: built("inspect", "--format={{.State.Health.Status}}", "service") == "healthy\n")
            assert service.leave() == 0, service.output()
        assert select(log, "SELECT count(*) FROM predictions") == [(REQUESTS,)]
        drift = built.run("run", *RESTRICTED, f"--env=SERVICE_PREDICTION_LOG={log}", f"{IMAGE}-monitoring:dev")
        assert drift.returncode in LOOKED_AT and f"in {REQUESTS} records" in drift.stdout, (drift.stdout, drift.stderr)
