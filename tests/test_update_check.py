"""`make update-check`: what an update would change and where it would conflict, without a trace in the project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import copier
import pytest
from conftest import VENV, commit, git, make, run

BEFORE, AFTER, MIGRATING = "v9998.0.0", "v9999.0.0", "v10000.0.0"
MIGRATION = (
    "  - version: v10000.0.0\n    command: \"{{ _copier_python }} -c 'open(chr(109), chr(119)).write(chr(109))'\"\n"
)
GONE, MOVED = "deploy/k8s/base/disruption-budget.yaml", "docs/contract.md"
CHECK = ("-m", "customer_model", "update-check")


@pytest.fixture(scope="session")
def releases(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with three releases: the work tree's, one that changes, moves and removes files, and a migration."""
    clone = tmp_path_factory.mktemp("releases") / "template"
    git(template, "clone", "--quiet", str(template), str(clone))
    git(clone, "tag", "--delete", AFTER)
    git(clone, "tag", BEFORE)
    emitted = clone / "template"
    for file in (emitted / "docs/service.md", emitted / ".dockerignore"):
        file.write_text(file.read_text() + "# of the new release\n")
    (emitted / "docs/new.md").write_text("New.\n")
    (emitted / GONE).unlink()
    (emitted / MOVED).rename(emitted / "docs/agreement.md")
    _release(clone, AFTER)
    questions = clone / "copier.yml"
    text = questions.read_text()
    head = "_migrations:\n"
    questions.write_text(text.replace(head, head + MIGRATION) if head in text else f"{head}{MIGRATION}{text}")
    _release(clone, MIGRATING)
    return clone


@pytest.fixture
def made(releases: Path, tmp_path: Path) -> Path:
    """A project of the first release, committed, beside a template whose newest release is the second."""
    template = tmp_path / "template"
    git(releases, "clone", "--quiet", str(releases), str(template))
    git(template, "tag", "--delete", MIGRATING)
    folder = tmp_path / "project"
    copier.run_copy(str(template), folder, defaults=True, quiet=True, vcs_ref=BEFORE)
    git(folder, "init", "--quiet")
    commit(folder, "Start")
    return folder


def _release(clone: Path, tag: str) -> None:
    commit(clone, tag)
    git(clone, "tag", tag)


def _append(folder: Path, name: str, line: str = "# ours\n") -> None:
    file = folder / name
    file.write_text(file.read_text() + line)


def _check(folder: Path, *arguments: str, ok: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    """The verb, which may leave nothing: neither here, nor in git, nor in the folder for temporary files."""
    temporary = folder.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    before = _everything(folder)
    done = make(
        folder, "update-check", *arguments, ok=ok, TMPDIR=str(temporary), PYTHONDONTWRITEBYTECODE="1", **variables
    )
    assert _everything(folder) == before
    assert not list(temporary.glob("update-check-*"))
    return done


def _everything(folder: Path) -> dict[str, bytes]:
    """All files but git's note of when it looked at them."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "index")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _refused(folder: Path, *arguments: str, **variables: str) -> str:
    """The one sentence with which the check ends, and not with a traceback."""
    done = _check(folder, *arguments, ok=False, **variables)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert done.returncode and len(lines) == 1 and not done.stdout, done.stderr + done.stdout
    return lines[0]


def test_what_an_update_would_do_is_listed(made: Path) -> None:
    for name in ("docs/service.md", "Makefile", GONE, MOVED):
        _append(made, name)
    commit(made, "Edit")
    listed = _check(made).stdout
    assert "the file will contain both (1)\n  docs/service.md\n" in listed
    assert f"so keep a copy (2)\n  {GONE}\n  {MOVED}\n" in listed
    assert "changed (3)\n  .copier-answers.yml\n  .dockerignore\n  docs/service.md\n" in listed
    assert "new (1)\n  docs/new.md\n" in listed
    assert f"from {BEFORE} to {AFTER}" in listed and "Makefile" not in listed
    copier.run_update(made, defaults=True, overwrite=True, quiet=True)
    changed = {line[3:] for line in git(made, "status", "--porcelain", "--untracked-files=all").splitlines()}
    assert all(name in listed for name in changed)


def test_without_edits_there_is_no_conflict_and_nothing_is_lost(made: Path) -> None:
    listed = _check(made).stdout
    assert "contain both" not in listed and "keep a copy" not in listed
    assert f"moved (1)\n  {MOVED} -> docs/agreement.md\n" in listed and f"gone (1)\n  {GONE}\n" in listed
    copier.run_update(made, defaults=True, overwrite=True, quiet=True)
    commit(made, "Update")
    assert _check(made).stdout.startswith("Nothing would change: v9999.0.0 is")


def test_a_migration_runs_in_the_copy_and_only_where_it_may(made: Path, releases: Path) -> None:
    git(made.parent / "template", "fetch", "--quiet", "--tags", str(releases))
    sentence = _refused(made)
    assert "make update-check ARGS=--trust" in sentence and "copier update --trust" in sentence
    listed = _check(made, "ARGS=--trust").stdout
    assert "  m\n" in listed and f"to {MIGRATING}" in listed


def test_a_project_in_a_folder_of_a_repository_and_a_template_beside_it(made: Path) -> None:
    shutil.rmtree(made / ".git")
    answers = made / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(str(made.parent / "template"), "../template"))
    (made.parent / ".gitignore").write_text("template\ntemporary\n")
    git(made.parent, "init", "--quiet")
    commit(made.parent, "Start")
    assert "  docs/service.md\n" in _check(made).stdout


def test_work_that_is_not_committed(made: Path) -> None:
    _append(made, "Makefile")
    assert _refused(made) == "Makefile is not committed: commit or stash your work first, git status lists it"


def test_no_repository_no_answers(made: Path) -> None:
    (made / ".git").rename(made.parent / "git")
    assert "make setup makes one" in _refused(made)
    (made / ".copier-answers.yml").unlink()
    assert "restore the file" in _refused(made)


@pytest.mark.parametrize(
    "place", ["https://127.0.0.1:9/template.git", "/nowhere/template", "git+ssh://git@127.0.0.1:9/t"]
)
def test_a_template_that_cannot_be_read(made: Path, place: str) -> None:
    answers = made / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(str(made.parent / "template"), place))
    commit(made, "Move")
    sentence = _refused(made)
    assert sentence.startswith(f"the template at {place} cannot be read (") and "_src_path" in sentence


def test_an_update_that_copier_would_refuse(made: Path) -> None:
    assert "--no-such-option" in _refused(made, "ARGS=--no-such-option")


def test_copier_or_git_is_missing(made: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    check = (sys.executable, *CHECK)
    assert "git is needed" in run(made, *check, ok=False, PATH=str(programs)).stderr
    git_itself = shutil.which("git")
    assert git_itself
    (programs / "git").symlink_to(git_itself)
    done = run(made, *check, ok=False, PATH=str(programs))
    assert done.returncode == 1 and "neither copier nor uvx is on the PATH" in done.stderr
    _program(programs / "uvx", "echo no network >&2; exit 1")
    assert "uvx copier cannot be run (no network)" in run(made, *check, ok=False, PATH=str(programs)).stderr
    _program(programs / "uvx", f'shift; exec {VENV}/bin/copier "$@"')
    assert "  docs/service.md\n" in run(made, *check, PATH=f"{programs}{os.pathsep}/usr/bin").stdout


def _program(file: Path, line: str) -> None:
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(0o755)
