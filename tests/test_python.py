"""The Python versions that a project may be made for: its own verbs, in an environment and a folder of its own."""

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Render, machinery, make

pytestmark = pytest.mark.slow


def interpreter(version: str) -> str:
    """A Python of this version: on the PATH, or one of pyenv's."""
    candidates = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python3")]
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0:
            return str(candidate)
    pytest.fail(f"there is no Python {version}: install it, the template offers it")


@pytest.mark.parametrize("version", [pytest.param("3.12", marks=pytest.mark.long), "3.13"])
def test_a_project_sets_up_trains_and_passes_its_tests(project: Render, version: str) -> None:
    folder = project(python_version=version, task="regression")
    folder = folder.rename(folder.with_name("Mein Verzeichnis für Modelle"))
    own = {"VENV": ".venv", "PYTHONPATH": ""}
    make(folder, "setup", f"PYTHON={interpreter(version)}", **own)
    make(folder, "pipeline", "test", **own)
    machinery(folder, **own)
    packages = folder / f".venv/lib/python{version}/site-packages"
    assert (packages / "onnxruntime").exists() and (folder / "artifacts/bundle/bundle.json").exists()


def test_an_older_python_is_refused_before_an_environment_is_made(project: Render) -> None:
    folder = project(python_version="3.13")
    refused = make(folder, "setup", f"PYTHON={interpreter('3.11')}", ok=False, VENV=str(folder / ".venv"))
    assert refused.returncode and "make setup PYTHON=python3.13" in refused.stderr
    assert not (folder / ".venv").exists()
