"""`copier update`: a project made from an earlier commit takes the work tree's improvements and keeps its edits."""

import re
import subprocess
import sys
import time
from pathlib import Path

import copier
import pytest
from conftest import ROOT, clone_work_tree, git, overlay, run


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """The template with two releases: the last commit's, and the work tree with an improvement in a shared file."""
    clone = tmp_path / "template"
    clone_work_tree(clone, "v9998.0.0")
    source = clone / "template/src/{{ package_name }}/engineroom/artifacts/paths.py"
    source.write_text(source.read_text() + "\n\nIMPROVEMENT = True\n")
    commit(clone, "after", "v9999.0.0")
    return clone


def commit(folder: Path, message: str, tag: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    git(folder, "tag", tag)


def start(template: Path, folder: Path, ref: str) -> Path:
    copier.run_copy(str(template), folder, defaults=True, quiet=True, vcs_ref=ref)
    git(folder, "init", "--quiet")
    commit(folder, "Start", "start")
    return folder


def test_edits_survive_an_update(history: Path, tmp_path: Path) -> None:
    project = start(history, tmp_path / "project", "v9998.0.0")
    contract, params = project / "contract.yaml", project / "params.yaml"
    package = project / "src/customer_model"
    mine = {
        contract: contract.read_text() + "\n# mine\n",
        params: params.read_text().replace("seed: 42", "seed: 7"),
    }
    for path, text in mine.items():
        path.write_text(text)
    gate = (package / "pipeline/gate.py").read_text().replace("gate: in doubt", "gate: stricter here")
    (package / "pipeline/gate.py").write_text(gate)
    (package / "engineroom/artifacts/paths.py").write_text(
        (package / "engineroom/artifacts/paths.py").read_text().replace('"""Where', '"""Our files. Where', 1)
    )
    commit(project, "Edit", "edited")
    copier.run_update(project, defaults=True, overwrite=True, quiet=True)
    assert not list(project.rglob("*.rej"))
    assert git(project, "diff", "--name-only", "--diff-filter=U") == ""
    for path, text in mine.items():
        assert path.read_text() == text
    assert "stricter here" in (package / "pipeline/gate.py").read_text()
    updated = (package / "engineroom/artifacts/paths.py").read_text()
    assert "IMPROVEMENT = True" in updated and "Our files." in updated
    assert "<<<<<<<" not in updated


def test_an_update_to_the_work_tree_from_the_last_release(tmp_path: Path) -> None:
    """The first commit that was a release, or else the last commit: whatever is newest before the work tree."""
    clone = tmp_path / "template"
    git(ROOT, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
    git(clone, "tag", "v0.0.1")
    overlay(ROOT, clone)
    commit(clone, "work tree", "v9999.0.0")
    project = start(clone, tmp_path / "project", "v0.0.1")
    readme = project / "README.md"
    title, text = readme.read_text().split("\n", 1)
    readme.write_text(f"{title}\n\nA note of our own.\n{text}")
    commit(project, "Edit", "edited")
    copier.run_update(project, defaults=True, overwrite=True, quiet=True, unsafe=True)
    assert "A note of our own." in readme.read_text()
    assert git(project, "diff", "--name-only", "--diff-filter=U") == ""


def test_an_edit_where_the_template_changed_conflicts_visibly(history: Path, tmp_path: Path) -> None:
    project = start(history, tmp_path / "project", "v9998.0.0")
    file = project / "src/customer_model/engineroom/artifacts/paths.py"
    file.write_text(file.read_text() + "\n\nIMPROVEMENT = 'ours'\n")
    commit(project, "Edit", "edited")
    copier.run_update(project, defaults=True, overwrite=True, quiet=True, conflict="inline")
    text = file.read_text()
    assert "<<<<<<<" in text and "IMPROVEMENT = 'ours'" in text and "IMPROVEMENT = True" in text
    listed = run(project, "git", "diff", "--check", ok=False).stdout
    assert "src/customer_model/engineroom/artifacts/paths.py" in listed and "leftover conflict marker" in listed


def test_an_interrupted_update_is_undone_and_made_again(history: Path, tmp_path: Path) -> None:
    """By the commands of the project's README, after a kill in the middle of the files."""
    project = start(history, tmp_path / "project", "v9998.0.0")
    readme = project / "README.md"
    readme.write_text(readme.read_text() + "\nA note of our own.\n")
    commit(project, "Edit", "edited")
    command = [sys.executable, "-m", "copier", "update", "--defaults", "--quiet", "--trust"]
    with subprocess.Popen(command, cwd=project) as updating:
        while not git(project, "status", "--porcelain") and updating.poll() is None:
            time.sleep(0.01)
        assert updating.poll() is None, "it ended before it could be interrupted"
        updating.kill()
    assert git(project, "status", "--porcelain")
    undo = re.search(r"`(git reset --hard) && (git clean -fd)`", readme.read_text())
    assert undo
    for step in undo.groups():
        run(project, *step.split())
    assert not git(project, "status", "--porcelain")
    copier.run_update(project, defaults=True, overwrite=True, quiet=True)
    assert "A note of our own." in readme.read_text()
    assert "IMPROVEMENT = True" in (project / "src/customer_model/engineroom/artifacts/paths.py").read_text()
