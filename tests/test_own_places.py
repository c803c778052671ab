"""The places that are the user's alone: verbs, tests and an overlay of one's own, none of which the template emits."""

import shutil
from pathlib import Path

import pytest
import yaml
from conftest import Render, make, run

PLACES = ("own.mk", "tests/own", "deploy/k8s/overlays/own")
VERBS = """\
.PHONY: hello count_2

hello:  ## greet whoever asks
\t@echo "hello from $(IMAGE)"

count_2:  ## a name that the template's own verbs do not have
\t@echo 2
"""
TESTS = '''\
"""It has the name of one of the project's own files, and no annotations."""


def test_ours_alone(contract):
    assert contract.target
'''
OVERLAY = """\
resources:
  - ../production
patches:
  - target:
      kind: Deployment
    patch: |-
      - op: replace
        path: /spec/replicas
        value: 7
"""


@pytest.fixture
def furnished(project: Render) -> Path:
    """A project with something of the user's in each place, and a test there that fails where it is asked to."""
    folder = project()
    for place in PLACES:
        assert not (folder / place).exists()
    tests, deploy = folder / "tests/own", folder / "deploy/k8s/overlays/own"
    tests.mkdir()
    deploy.mkdir()
    (folder / "own.mk").write_text(VERBS)
    (tests / "test_routes.py").write_text(TESTS)
    (deploy / "kustomization.yaml").write_text(OVERLAY)
    return folder


def test_verbs_of_ones_own(furnished: Path) -> None:
    listed = make(furnished).stdout.splitlines()
    assert "  hello              greet whoever asks" in listed
    assert "  count_2            a name that the template's own verbs do not have" in listed
    assert "  pipeline " in "\n".join(listed)
    assert make(furnished, "hello", "IMAGE=ours").stdout == "hello from ours\n"


def test_an_overlay_of_ones_own(furnished: Path) -> None:
    builder = ["kustomize", "build"] if shutil.which("kustomize") else ["kubectl", "kustomize"]
    built = run(furnished, *builder, "deploy/k8s/overlays/own").stdout
    replicas = [part["spec"]["replicas"] for part in yaml.safe_load_all(built) if part["kind"] == "Deployment"]
    assert replicas == [7]
    applied = make(furnished, "--dry-run", "deploy", "OVERLAY=own").stdout
    assert applied == "kubectl apply --kustomize deploy/k8s/overlays/own\n"


@pytest.mark.slow
def test_tests_of_ones_own(furnished: Path) -> None:
    chosen = {"PYTEST_ADDOPTS": "-k ours_alone"}
    assert "1 passed" in make(furnished, "test", **chosen).stdout
    make(furnished, "lint")
    file = furnished / "tests/own/test_routes.py"
    file.write_text(file.read_text().replace("assert contract.target", "assert not contract.target"))
    failed = make(furnished, "test", ok=False, **chosen)
    assert failed.returncode and "FAILED tests/own/test_routes.py::test_ours_alone" in failed.stdout
