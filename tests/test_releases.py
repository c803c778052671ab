"""`copier update` from each release: an untouched project becomes a fresh one, and an edited one loses nothing."""

import re
from collections.abc import Iterator
from pathlib import Path

import copier
import pytest
import yaml
from conftest import (
    MODALITIES,
    PLATFORMS,
    ROOT,
    TASKS,
    VARIANTS,
    clone_work_tree,
    commit,
    contents,
    git,
    machinery,
    make,
    once,
    variant_name,
)
from migration import follow_moves
from packaging.version import Version

HEADING = re.compile(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", re.MULTILINE)
ANSWERS = ".copier-answers.yml"
SKIPPED = ("contract.yaml", "params.yaml")  # the user's from the first copy on
COMMENT = {".md": "<!-- {} -->", ".html": "<!-- {} -->", ".j2": "<!-- {} -->", ".sql": "-- {}", ".json": "{}"}


def releases() -> dict[str, str]:
    """Version -> the commit in which its heading in the change log got a date; the oldest first."""
    found = {}
    for version in reversed(HEADING.findall((ROOT / "CHANGELOG.md").read_text())):
        log = git(ROOT, "log", "--reverse", "--format=%H", f"-G^## {version} - [0-9]", "--", "CHANGELOG.md")
        found[version] = log.split()[0]
    return found


RELEASES = releases()
OUTER = (min(RELEASES, key=Version), max(RELEASES, key=Version))


def cases() -> Iterator[object]:
    """Every release with every variant that it had; outside the long run, those that hold every pair of answers."""
    for number, version in enumerate(RELEASES):
        pairs = [
            (TASKS[(number + place) % 2], modality, *PLATFORMS[(number + place) % 3])
            for place, modality in enumerate(MODALITIES)
        ]
        known = VARIANTS[:2] if version == "0.1.0" else VARIANTS  # which knew tables and scikit-learn only
        for variant in known:
            short = tuple(variant.values()) in pairs or known is not VARIANTS
            marks = () if short else pytest.mark.long
            yield pytest.param(version, variant, id=f"{version}-{variant_name(variant)}", marks=marks)


@pytest.fixture(scope="session")
def history(shared: Path) -> Path:
    """The template with a tag for each release, and the work tree as the newest."""
    clone = shared / "history"
    with once(clone) as missing:
        if missing:
            clone_work_tree(clone)
            for version, released in RELEASES.items():
                git(clone, "tag", f"v{version}", released)
    return clone


@pytest.mark.parametrize(("version", "variant"), cases())
def test_an_untouched_project_becomes_a_fresh_one(
    history: Path, tmp_path: Path, version: str, variant: dict[str, str]
) -> None:
    project = started(history, tmp_path / "project", version, variant)
    before = content(project).keys()
    update(project)
    recorded = yaml.safe_load((project / ANSWERS).read_text())
    answers = {name: value for name, value in recorded.items() if not name.startswith("_")}
    copier.run_copy(str(history), tmp_path / "fresh", data=answers, defaults=True, quiet=True)
    updated, fresh = content(project), content(tmp_path / "fresh")
    assert updated.keys() == fresh.keys()
    assert not [name for name, found in updated.items() if found != fresh[name]]
    check_moves(version, before - updated.keys(), updated.keys())


def check_moves(version: str, gone: set[str], now: set[str]) -> None:
    """What a release moved or removed stands in hooks/moves.txt, and an update from before it runs the migration."""
    moves = follow_moves.moves_of(follow_moves.MOVES.read_text(), "customer_model")
    assert not gone - moves.keys(), "hooks/moves.txt does not say where these are"
    assert not [name for name in gone if moves[name] and moves[name] not in now]
    [migration] = yaml.safe_load((ROOT / "copier.yml").read_text().partition("\n---")[0])["_migrations"]
    assert not gone or Version(migration["version"]) > Version(version), "copier.yml runs no migration for these"


@pytest.mark.parametrize(("version", "variant"), cases())
def test_no_edit_is_lost(
    history: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], version: str, variant: dict[str, str]
) -> None:
    """Kept where it was or where the file is now, or in a conflict that shows, or set aside and named."""
    project = started(history, tmp_path / "project", version, variant)
    deleted = "src/customer_model/pipeline/gate.py"
    (project / deleted).unlink()
    words = planted(project)
    own = {name: f"of our own: {name}\n" for name in ("src/customer_model/extra.py", "uv.lock", "notes/plan.md")}
    for name, text in own.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    commit(project, "Edits")
    update(project)
    said, now = capfd.readouterr().err, content(project)
    everything = b"\n".join(text for text, _ in now.values()).decode()
    assert not [name for name, word in words.items() if word not in everything]
    assert not [name for name, text in own.items() if now[name][0] != text.encode()]
    assert deleted not in now and not [name for name in now if name.endswith(".rej")]
    aside = [name for name in now if name.startswith(f"{follow_moves.ASIDE}/")]
    assert not [name for name in aside if name not in said]


def planted(project: Path) -> dict[str, str]:
    """A line of the user's at the end of each file but those that an update leaves alone. Path -> what stands there."""
    found = {}
    for number, (name, (text, _)) in enumerate(content(project).items()):
        found[name] = f"mine-{number:03}"
        line = COMMENT.get(Path(name).suffix, "# {}").format(found[name])
        (project / name).write_bytes(text + f"{line}\n".encode())
    return found


def content(project: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and mode of each file that an update is answerable for."""
    return {name: found for name, found in contents(project).items() if name not in (ANSWERS, *SKIPPED)}


def started(history: Path, folder: Path, version: str, variant: dict[str, str]) -> Path:
    copier.run_copy(str(history), folder, data=variant, defaults=True, quiet=True, vcs_ref=f"v{version}")
    git(folder, "init", "--quiet")
    commit(folder, "Start")
    return folder


def update(project: Path) -> None:
    copier.run_update(project, defaults=True, overwrite=True, quiet=True, unsafe=True)


@pytest.mark.slow
@pytest.mark.parametrize("version", [pytest.param(v, marks=() if v in OUTER else pytest.mark.long) for v in RELEASES])
def test_an_updated_project_runs_with_its_old_contract(history: Path, tmp_path: Path, version: str) -> None:
    """Whose contract.yaml and params.yaml an update left alone: the pipeline, and the project's own tests."""
    project = started(history, tmp_path / "project", version, VARIANTS[0])
    old = {name: (project / name).read_bytes() for name in SKIPPED}
    update(project)
    commit(project, "Update")
    assert {name: (project / name).read_bytes() for name in SKIPPED} == old
    make(project, "sample", "pipeline", "test")
    machinery(project)
