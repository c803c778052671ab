"""`make update` with other answers: an untouched project is a fresh one afterwards, and an edited one loses nothing."""

import re
from pathlib import Path

import copier
import pytest
from conftest import UNTOUCHED, commit, git, make
from test_releases import content, planted

OTHER = (
    {"framework": "torch"},
    {"framework": "torch", "accelerator": "gpu"},
    {"modality": "text"},
    {"task": "regression"},
    {"licence": "Proprietary"},
    {"container_registry": "registry.example.org/team"},
)
BEFORE = {"licence": "Apache-2.0"}


@pytest.fixture
def started(template: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    copier.run_copy(str(template), folder, data=BEFORE, defaults=True, quiet=True)
    git(folder, "init", "--quiet")
    commit(folder, "Start")
    return folder


def update(project: Path, answers: dict[str, str]) -> str:
    """The verb in a project that has changed answers; gives what it says of files that are no more."""
    given = " ".join(f"-d {name}={value}" for name, value in answers.items())
    return make(project, "update", f"ARGS=--defaults --quiet {given}", **UNTOUCHED).stdout


@pytest.mark.parametrize("answers", OTHER, ids=lambda answers: "-".join(answers.values()))
def test_no_edit_is_lost(template: Path, started: Path, tmp_path: Path, answers: dict[str, str]) -> None:
    said = update(started, answers)
    copier.run_copy(str(template), tmp_path / "fresh", data=BEFORE | answers, defaults=True, quiet=True)
    updated, fresh = content(started), content(tmp_path / "fresh")
    assert updated == fresh and re.fullmatch("(next: .*\n)?", said), said
    git(started, "reset", "--quiet", "--hard")
    git(started, "clean", "-d", "--force", "--quiet")
    words = planted(started)
    commit(started, "Edits")
    said = update(started, answers)
    now = content(started)
    aside = {name for name in now if name.startswith("kept-from-update/")}
    assert {name.partition("/")[2] for name in aside} == {name for name in words if name not in fresh}
    assert all(name in said for name in aside)
    everything = b"\n".join(text for text, _ in now.values()).decode()
    assert not [name for name, word in words.items() if word not in everything]


def test_an_edit_is_kept_though_its_line_stands_elsewhere_too(started: Path) -> None:
    for name in ("README.md", "sample/customers.py"):
        file = started / name
        file.write_text(f"{file.read_text()}# ours\n")
    commit(started, "Edits")
    assert "customers.py is no more" in update(started, {"modality": "text"})
    assert (started / "kept-from-update/sample/customers.py").read_text().endswith("# ours\n")
