"""The migration behind an update that moved files, on small repositories: nothing is rendered here."""

from pathlib import Path

import pytest
from conftest import git
from migration import follow_moves

BASE = "".join(f"line {number}\n" for number in range(20))
NEW = BASE.replace("line 1\n", "first line\n")
OLD_PATH, NEW_PATH = "src/my_model/gate.py", "src/my_model/engineroom/judging/gate.py"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose template had `OLD_PATH` with `BASE`, and has `NEW_PATH` with `NEW` after the update."""
    folder = tmp_path / "repository" / "project"  # not the repository's own folder: projects may share one
    write(folder / follow_moves.ANSWERS, "_commit: v0.6.0\npackage_name: my_model\n")
    git(folder.parent, "init", "--quiet")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(follow_moves, "MOVES", tmp_path / "moves.txt")
    line = "src/{package}/gate.py -> src/{package}/engineroom/judging/gate.py"
    write(tmp_path / "moves.txt", f"# 0.7.0\n{line}\ndeploy/gone.yaml ->\n")

    def render(template: Path, version: str, answers: bytes, old: Path) -> None:
        assert version == "v0.6.0" and b"my_model" in answers
        for name in (OLD_PATH, "deploy/gone.yaml", "unlisted.md"):
            write(old / name, BASE)

    monkeypatch.setattr(follow_moves, "_render", render)
    return folder


def write(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def updated(project: Path, committed: dict[str, str | bytes], arrived: str | bytes = NEW) -> None:
    """The user's last commit; then the update takes the old files away and brings the new one."""
    for name, text in committed.items():
        write(project / name, text)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "mine")
    for name in committed:
        (project / name).unlink()
    write(project / NEW_PATH, arrived)
    follow_moves.main(Path("template"), "v0.6.0")


def test_an_edit_follows_its_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    updated(project, {OLD_PATH: BASE.replace("line 18", "line 18, mine")})
    assert (project / NEW_PATH).read_text() == NEW.replace("line 18", "line 18, mine")
    assert not capsys.readouterr().err and not (project / follow_moves.ASIDE).exists()


def test_a_second_run_changes_nothing(project: Path) -> None:
    for mine in ("line 18", "line 1\n"):  # one that merges, one that conflicts
        updated(project, {OLD_PATH: BASE.replace(mine, "mine\n")})
        first = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
        follow_moves.main(Path("template"), "v0.6.0")
        again = {path: path.read_bytes() for path in first}
        assert again == first


def test_lines_that_both_changed_conflict_visibly(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    updated(project, {OLD_PATH: BASE.replace("line 1\n", "my line\n")})
    text = (project / NEW_PATH).read_text()
    assert "<<<<<<< before updating\nmy line\n" in text and "first line\n>>>>>>> after updating" in text
    assert f"{OLD_PATH} is {NEW_PATH} now" in capsys.readouterr().err


def test_an_untouched_file_is_what_arrived(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    updated(project, {OLD_PATH: BASE.replace("\n", "\r\n")})  # as git on Windows may have committed it
    assert (project / NEW_PATH).read_text() == NEW and not capsys.readouterr().err


def test_a_deleted_file_stays_deleted(project: Path) -> None:
    updated(project, {"other.md": "mine"})
    assert not (project / NEW_PATH).exists()


@pytest.mark.parametrize("name", ["deploy/gone.yaml", "unlisted.md"])
def test_an_edited_file_that_is_no_more_is_kept_aside(
    project: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    mine = f"{BASE}mine\n"
    updated(project, {name: mine})
    assert (project / follow_moves.ASIDE / name).read_text() == mine
    assert (
        f"{name} is no more: what you had is kept in {follow_moves.ASIDE.as_posix()}/{name}" in capsys.readouterr().err
    )


def test_what_cannot_be_merged_is_kept_aside(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    updated(project, {OLD_PATH: b"\x00\x01mine\r\n"})
    assert (project / follow_moves.ASIDE / OLD_PATH).read_bytes() == b"\x00\x01mine\r\n"
    assert (project / NEW_PATH).read_text() == NEW and f"{OLD_PATH} is {NEW_PATH} now" in capsys.readouterr().err


def test_a_place_that_the_answers_leave_out_is_none(project: Path) -> None:
    updated(project, {OLD_PATH: f"{BASE}mine\n"}, arrived=NEW)
    (project / NEW_PATH).unlink()
    follow_moves.main(Path("template"), "v0.6.0")
    assert (project / follow_moves.ASIDE / OLD_PATH).read_text() == f"{BASE}mine\n"


def test_without_an_old_version_it_says_where_the_edits_are(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(project)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "mine")
    with pytest.raises(SystemExit, match="version v0.0.9 could not be rendered, so .* last commit"):
        follow_moves.main(project / "nowhere", "v0.0.9")
