"""The machinery's own tests find a fault in a rendered project, although the project has none of them."""

from pathlib import Path

import pytest
from conftest import Render, machinery

CHOSEN = "-k", "every_key_is_compared"


@pytest.fixture
def security(project: Render) -> Path:
    folder = project()
    [file] = (folder / "src/customer_model").rglob("security.py")
    assert "1 passed" in machinery(folder, *CHOSEN).stdout
    return file


def test_a_planted_fault_is_found(security: Path) -> None:
    [project] = [folder for folder in security.parents if (folder / "dvc.yaml").exists()]
    text = security.read_text()
    faulty = text.replace("compare_digest(", "(lambda one, other: one == other)(")
    assert faulty != text
    security.write_text(faulty)
    found = machinery(project, *CHOSEN, ok=False)
    assert found.returncode == 1 and "FAILED" in found.stdout and "test_every_key_is_compared" in found.stdout
