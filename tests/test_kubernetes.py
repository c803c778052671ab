"""The pods of `deploy/k8s/overlays/production`, run by podman in the place of a cluster's node.

Run are the pods of the Deployment and of the CronJob, with a database that has a name in their network, and with the
Secrets that the commands in kustomization.yaml make (kubectl needs no cluster for that). Left out: Service, Ingress,
NetworkPolicy, HorizontalPodAutoscaler, PodDisruptionBudget, and schedule, retries and failure policy of the CronJob.
What a kubelet does and podman 4.3 does not is done here: files of a Secret (podman leaves them in base64) with their
mode and group; asking what the probes ask; the time that a pod has to leave.
"""

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Render
from containers import Docker, Podman
from service import get, make_key, post, wait_for
from test_deploy import build, of_kind, pod_of

pytestmark = pytest.mark.long

REQUESTS = 200
LOOKED_AT = (0, 3)  # drift's statuses: none, or some
URL = "postgresql://predictions:secret@database/predictions"
DATABASE = ("POSTGRES_USER=predictions", "POSTGRES_PASSWORD=secret", "POSTGRES_DB=predictions")


class Node:
    """Podman, and a folder with the files of Secrets."""

    def __init__(self, podman: Podman, folder: Path) -> None:
        self.podman, self.folder = podman, folder

    def secret(self, command: str) -> None:
        """Makes what `kubectl create secret ...` makes, from files in the folder."""
        command = command.replace("postgresql://user:password@host/database", URL)
        made = subprocess.run(
            [*shlex.split(command), "--dry-run=client", "--output=json"],
            cwd=self.folder,
            capture_output=True,
            check=True,
        )
        secret = json.loads(made.stdout)
        files = self.folder / secret["metadata"]["name"]
        files.mkdir()
        for name, content in secret["data"].items():
            (files / name).write_bytes(base64.b64decode(content))
        (self.folder / "data.json").write_text(json.dumps(secret["data"]))
        self.podman("secret", "create", files.name, str(self.folder / "data.json"))

    def play(self, workload: dict[str, Any]) -> str:
        """Starts the pod of a Deployment or a CronJob; gives the name of its container."""
        name, spec = workload["metadata"]["name"], deepcopy(pod_of(workload)["spec"])
        for volume in spec["volumes"]:
            if secret := volume.pop("secret", None):
                volume["hostPath"] = {"path": str(self.folder / secret["secretName"])}
                for file in (self.folder / secret["secretName"]).iterdir():
                    os.chown(file, 0, spec["securityContext"]["fsGroup"])
                    file.chmod(secret["defaultMode"])
            if claim := volume.pop("persistentVolumeClaim", None):
                kept = self.folder / claim["claimName"]
                kept.mkdir()
                os.chown(kept, 0, spec["securityContext"]["fsGroup"])
                kept.chmod(0o2770)
                volume["hostPath"] = {"path": str(kept)}
        metadata = {"name": name, "labels": {"batch.kubernetes.io/job-name": name}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        (self.folder / "pod.yaml").write_text(yaml.safe_dump(pod))
        self.podman("kube", "play", "--network=cluster", str(self.folder / "pod.yaml"))
        return f"{name}-{spec['containers'][0]['name']}"


@pytest.fixture(scope="module")
def documents(trained: Render) -> list[dict[str, Any]]:
    return build(trained(), "overlays/production")


@pytest.fixture(scope="module")
def node(
    built: Docker, trained: Render, documents: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    images = [pod_of(of_kind(documents, kind))["spec"]["containers"][0]["image"] for kind in ("Deployment", "CronJob")]
    for image in images:
        built("tag", f"{image.rpartition(':')[0]}:dev", image)
    folder = tmp_path_factory.mktemp("podman")
    podman = Podman(folder, built, *images, "postgres:17")
    podman("network", "create", "cluster")
    settings = [f"--env={setting}" for setting in DATABASE]
    podman("run", "--detach", "--name=database", "--network=cluster", *settings, "postgres:17")
    ready = ("pg_isready", "--quiet", "--host=127.0.0.1", "--username=predictions")
    wait_for(lambda: podman.run("exec", "database", *ready).returncode == 0)
    yield Node(podman, folder)
    podman("pod", "rm", "--all", "--force")
    podman("rm", "--all", "--force", "--volumes")
    podman("network", "rm", "cluster")
    shutil.rmtree(folder)


def answers(url: str) -> bool:
    try:
        get(url)
    except OSError:
        return False
    return True


def test_pods_run_locked_down_answer_and_leave(node: Node, trained: Render, documents: list[dict[str, Any]]) -> None:
    project, podman = trained(), node.podman
    golden = json.loads((project / "artifacts/bundle/bundle.json").read_text())["golden"]
    key, entry = make_key(project)
    for name in ("api-keys", "admin-keys"):
        (node.folder / name).write_text(f"{entry}\n")
    commands = (project / "deploy/k8s/base/kustomization.yaml").read_text()
    for command in re.findall(r"^#   (kubectl .* create secret .*)$", commands, re.MULTILINE):
        node.secret(command)

    deployment = of_kind(documents, "Deployment")
    serving = node.play(deployment)
    spec = pod_of(deployment)["spec"]
    probes = [probe["httpGet"]["path"] for name, probe in spec["containers"][0].items() if name.endswith("Probe")]
    url = f"http://{podman.run('exec', serving, 'hostname', '-i').stdout.strip()}:8000"
    wait_for(lambda: answers(url + probes[-1]))
    assert len(probes) == 3 and all(answers(url + path) for path in probes)
    told = podman.run(
        "exec", serving, "sh", "-c", "id -u; cat /proc/self/status; touch /app/file || touch /opt/venv/file"
    )
    assert told.stdout.startswith("10001\n") and told.stderr.count("Read-only file system") == 2, told
    assert re.findall(r"^(?:Cap\w+|NoNewPrivs):\s+0*(\d+)$", told.stdout, re.MULTILINE) == ["0"] * 5 + ["1"], told

    assert post(url, golden[0]["record"])[0] == 401
    for one in islice(cycle(golden), REQUESTS):
        status, answer = post(url, one["record"], key=key)
        assert status == 200, answer
        assert list(answer["probabilities"].values()) == pytest.approx(one["scores"], abs=1e-5)
    assert post(url, {}, "/admin/reload", key)[0] == 200
    podman("pod", "stop", f"--time={spec['terminationGracePeriodSeconds']}", deployment["metadata"]["name"])
    assert podman.run("inspect", "--format={{.State.ExitCode}}", serving).stdout == "0\n"

    drift = node.play(of_kind(documents, "CronJob"))
    assert int(podman.run("wait", drift).stdout) in LOOKED_AT, podman("logs", drift)
    assert f"in {REQUESTS} records" in podman("logs", drift)
    podman("pod", "rm", "--force", of_kind(documents, "CronJob")["metadata"]["name"])
    (claim,) = [found for found in documents if found["kind"] == "PersistentVolumeClaim"]
    [report] = (node.folder / claim["metadata"]["name"]).rglob("drift.html")
    assert report.stat().st_size > 10_000, "it outlives its pod"
