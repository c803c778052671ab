"""What an update from the template would change here, and where it would conflict. Nothing is written here.

The update is made in a copy of what is committed, with the old answers and the defaults of new questions; the copy is
then compared with the commit, and deleted.
"""

import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from .edits import Changes, changes, lost
from .repository import answer, git, line_of, require_clean_project
from .template import copier_command, render_again, require_template, run

REFUSED = 4  # Copier's status for a template that wants to run code and may not


def check_update(options: Sequence[str]) -> None:
    """Print what an update with these options of `copier update`, such as --trust, would do; a fault ends the process
    with a sentence."""
    require_clean_project()
    copier = copier_command()
    require_template()
    with tempfile.TemporaryDirectory(prefix="update-check-") as folder:
        copy = _updated_copy(copier, options, Path(folder))
        found, old = changes(copy), Path(folder) / "old"
        if found["D"] or found["R"]:
            render_again(copier, old)
        _print(found, _conflicts(copy, found), lost(found, copy, old))
        print(_verdict(answer("_commit"), answer("_commit", copy), found))


def _updated_copy(copier: Sequence[str], options: Sequence[str], folder: Path) -> Path:
    """This project's last commit, updated, in a folder of its own."""
    git("clone", "--quiet", git("rev-parse", "--show-toplevel").strip(), str(folder / "new"))
    copy = folder / "new" / git("rev-parse", "--show-prefix").strip()
    # From here and not from there, so that a template at a relative path is found.
    done = run([*copier, "update", "--defaults", *options, str(copy)])
    if done.returncode == REFUSED:
        sys.exit(
            "this update runs migrations of the template, which move your edits along with renamed files, and Copier "
            "asks for your trust first: read the template's hooks/, then make update-check ARGS=--trust; "
            f"the update itself is then {' '.join(copier)} update --trust"
        )
    if done.returncode:
        sys.exit(f"the update would stop: {line_of(done.stderr) or line_of(done.stdout, 0)}")
    return copy


def _conflicts(copy: Path, found: Changes) -> list[str]:
    """Files with both sides in them, and files beside which Copier left what it could not apply."""
    written = [path.split(" -> ")[-1] for letter in "MAR" for path in found[letter]]
    return [path for path in written if path.endswith(".rej") or _has_marker(copy / path)]


def _has_marker(file: Path) -> bool:
    return file.is_file() and re.search(rb"^<{7} ", file.read_bytes(), re.MULTILINE) is not None


def _print(found: Changes, conflicts: Iterable[str], edits: Iterable[str]) -> None:
    _list("conflicts: you and the template changed the same lines, and the file will contain both", conflicts)
    _list("lost: edited here and gone from the template, so keep a copy", edits)
    for letter, title in {"M": "changed", "A": "new", "R": "moved", "D": "gone"}.items():
        _list(title, found[letter])


def _verdict(before: str, after: str, found: Changes) -> str:
    if not any(found.values()):
        return f"Nothing would change: {after} is the template's newest release, and this project has it."
    return f"This is what the update from {before} to {after} would do. Nothing was written here.\nnext: make update"


def _list(title: str, paths: Iterable[str]) -> None:
    if paths := sorted(paths):
        print(f"{title} ({len(paths)})", *paths, sep="\n  ")
