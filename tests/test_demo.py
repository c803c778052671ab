"""`make demo` on a clone: what the README promises a first user, `make setup` included."""

from pathlib import Path

import pytest
from conftest import ROOT, VENV, git, make, overlay

pytestmark = pytest.mark.slow


def test_the_demo_goes_from_an_empty_folder_to_a_drift_report(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(ROOT, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
    overlay(ROOT, clone)
    shown = make(clone, "demo", VENV=str(VENV), PYTHONPATH="").stdout
    print(shown)
    for step in ("make setup", "make pipeline", "make serve, make predict", "make drift on a changed market"):
        assert step in shown
    project = clone / ".demo/customer-model"
    assert (project / "artifacts/report/report.html").stat().st_size > 100_000
    assert (project / "uv.lock").exists() and (project / "dvc.lock").exists()
