"""`make doctor`: what a project says of itself, without secrets, and without waiting for what does not answer."""

import re
import socket
import sqlite3
import time
from pathlib import Path

import pytest
from conftest import Render, make

MACHINERY = "src/customer_model/engineroom"


@pytest.fixture
def fresh(project: Render) -> Path:
    return project()


def test_a_fresh_project_has_nothing_to_complain_of(fresh: Path) -> None:
    said = make(fresh, "doctor").stdout
    for line in (r"numpy 2\.\S+", r"train: installed", "authentication = off", "prediction_log: not there yet: .*"):
        assert re.search(rf"^  {line}$", said, re.MULTILINE), line
    assert re.search(r"^machinery\n  engineroom \S+\nwhat answers$", said, re.MULTILINE)
    assert not (fresh / "mlflow.db").exists() and not (fresh / "artifacts").exists()


def test_edited_and_missing_machinery_is_named(fresh: Path) -> None:
    edited = fresh / MACHINERY / "showing/wording.py"
    edited.write_text(edited.read_text() + "# ours\n")
    (fresh / MACHINERY / "updating/rename.py").unlink()
    said = make(fresh, "doctor").stdout
    assert "\n  showing/wording.py is edited\n  updating/rename.py is missing\nwhat answers" in said


def test_a_part_that_is_not_installed_is_named(fresh: Path) -> None:
    file = fresh / "pyproject.toml"
    file.write_text(file.read_text().replace('"evidently>=', '"no-such-library", "evidently>='))
    assert "\n  monitoring: missing no-such-library\n" in make(fresh, "doctor").stdout


def test_what_does_not_answer_is_named_and_no_secret_is(fresh: Path) -> None:
    """Somebody listens at the port and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"hidden@127.0.0.1:{silent.getsockname()[1]}"
        secrets = f"PREDICTION_LOG=postgresql://user:{at}/log\nPII_KEY=hidden\nAPI_KEY=hidden\n"
        (fresh / ".env").write_text(f"{secrets}MLFLOW_TRACKING_URI=http://user:{at}\n")
        start = time.monotonic()
        done = make(fresh, "doctor", ok=False)
    assert done.returncode and "hidden" not in done.stdout + done.stderr
    assert time.monotonic() - start < 100
    for name in ("prediction_log", "mlflow"):
        assert re.search(rf"^  {name}: DOES NOT ANSWER: .*(timeout|timed out)", done.stdout, re.MULTILINE), done.stdout
    assert "prediction_log = postgresql://***@127.0.0.1" in done.stdout and "pii_key = ****" in done.stdout
    assert "  dvc_remote: " in done.stdout


def test_a_log_that_is_no_database_and_a_setting_that_is_wrong(fresh: Path) -> None:
    (fresh / "log.db").write_text("no database\n")
    (fresh / ".env").write_text("PREDICTION_LOG=log.db\n")
    assert (
        "prediction_log: DOES NOT ANSWER: (sqlite3.DatabaseError) file is not" in make(fresh, "doctor", ok=False).stdout
    )
    (fresh / "log.db").unlink()
    sqlite3.connect(fresh / "log.db").close()
    assert "prediction_log: answers" in make(fresh, "doctor").stdout
    (fresh / ".env").write_text("PORT=many\n")
    assert "settings: " in make(fresh, "doctor", ok=False).stderr


@pytest.mark.slow
def test_a_trained_project_says_which_model_is_registered(trained_copy: Render) -> None:
    project = trained_copy()
    assert "mlflow: answers; registered as customer-model: nothing yet" in make(project, "doctor").stdout
    make(project, "promote")
    assert "registered as customer-model: champion 1" in make(project, "doctor").stdout
