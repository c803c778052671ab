"""After an update that moved or removed files: edits follow a file to its new place, or are kept aside and named.

Copier runs this in the project's folder behind `copier update`. It merges files that stay in their place, and deletes
those that are gone, with what the user wrote there. What a merge needs can still be had: the user's text is in the last
commit, the text that it began with is rendered from the old version once more, and the new text is in the work tree.

`moves.txt` beside this file says where each path went. Standard library only: this runs in Copier's own environment.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

MOVES = Path(__file__).with_name("moves.txt")
ANSWERS = ".copier-answers.yml"
ASIDE = Path("kept-from-update")  # nothing reads it: the user settles what is there and deletes it
MARK = b"<<<<<<< "


def main(template: Path, version: str) -> None:
    """Carry the edits over from the last commit's paths to today's."""
    answers = _committed(ANSWERS)
    if answers is None:
        sys.exit(f"{ANSWERS} is not committed: what you edited in files that moved is in your last commit only")
    moves = moves_of(MOVES.read_text(encoding="utf-8"), _package(answers))
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder, "old")
        _render(template, version, answers, old)
        for path in _files(old):
            if not Path(path).exists():
                said = _carry(path, (old / path).read_bytes(), moves.get(path))
                print(*said, sep="\n", end="\n" if said else "", file=sys.stderr)


def moves_of(table: str, package: str) -> dict[str, str]:
    """Old path -> new path, which is empty for a file that is no more. `{package}` stands for the package's name."""
    lines = (line.partition("#")[0].replace("{package}", package) for line in table.splitlines())
    pairs = (line.partition("->") for line in lines if line.strip())
    return {old.strip(): new.strip() for old, _, new in pairs}


def _carry(path: str, base: bytes, target: str | None) -> list[str]:
    """Bring one file's edits over. Returns what the user should know."""
    ours = _committed(path)
    new = Path(target) if target else None
    if ours is None:  # deleted by the user, and so is what it has become
        if new and new.exists():
            new.unlink()
        return []
    if _lines(ours) == _lines(base):
        return []
    if new and new.is_file() and MARK not in new.read_bytes():
        merged, conflicts = _merged(ours, base, new.read_bytes())
        if conflicts >= 0:
            new.write_bytes(merged)
            return [f"{path} is {target} now: yours and the update's lines conflict there"] if conflicts else []
    aside = ASIDE / path
    aside.parent.mkdir(parents=True, exist_ok=True)
    aside.write_bytes(ours)
    return [f"{path} is {f'{target} now' if target else 'no more'}: what you had is kept in {aside.as_posix()}"]


def _merged(ours: bytes, base: bytes, theirs: bytes) -> tuple[bytes, int]:
    """The merge of three texts, and the number of conflicts in it; -1 where there is none, as for a binary file."""
    with tempfile.TemporaryDirectory() as folder:
        names = ("before updating", "last update", "after updating")  # as Copier calls them
        files = [Path(folder, name) for name in names]
        for file, text in zip(files, (ours, base, theirs), strict=True):
            file.write_bytes(_lines(text))
        labels = [part for name in names for part in ("-L", name)]
        done = _git("merge-file", "--stdout", *labels, *map(str, files))
    return done.stdout, done.returncode if done.returncode < 128 else -1


def _lines(text: bytes) -> bytes:
    """A text with the line ends that git keeps; Windows may have others in the work tree."""
    return text.replace(b"\r\n", b"\n")


def _committed(path: str) -> bytes | None:
    """A file as the last commit has it, which an update needs to be clean; paths are the project folder's."""
    done = _git("show", f"HEAD:./{path}")
    return done.stdout if done.returncode == 0 else None


def _git(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", *arguments], capture_output=True, check=False)


def _package(answers: bytes) -> str:
    found = re.search(r"^package_name:\s*[\"']?([\w]+)", answers.decode("utf-8"), re.MULTILINE)
    if found is None:
        sys.exit(f"{ANSWERS} has no package_name: what you edited in files that moved is in your last commit only")
    return found[1]


def _render(template: Path, version: str, answers: bytes, folder: Path) -> None:
    """What the old version made of the same answers. Raises SystemExit with Copier's own words."""
    given = folder.with_name("answers.yml")
    given.write_bytes(b"\n".join(line for line in answers.splitlines() if not line.startswith(b"_")))
    command = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", "--vcs-ref", version]
    done = subprocess.run(
        [*command, "--data-file", str(given), str(template), str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        what = "what you edited in files that moved is in your last commit only: git diff HEAD --stat names them"
        sys.exit(f"version {version} could not be rendered, so {what}\n{done.stderr.strip()}")


def _files(folder: Path) -> Iterator[str]:
    """Paths of a rendered project, as git writes them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ANSWERS:
            yield path.relative_to(folder).as_posix()


if __name__ == "__main__":
    main(Path(sys.argv[1]), os.environ["VERSION_FROM"])
