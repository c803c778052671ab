"""The project as git and the template's answers file know it. It must not know what is done with them."""

import os
import re
import subprocess
import sys
from pathlib import Path

ANSWERS = Path(".copier-answers.yml")


def git(*arguments: str, folder: Path = Path(), **variables: str) -> str:
    """What a git command prints; git's own words end the program where it fails."""
    return _git(arguments, folder, variables).decode()


def committed(path: str) -> bytes:
    """A file as the last commit has it."""
    return _git(("show", f"HEAD:./{path}"), Path(), {})


def _git(arguments: tuple[str, ...], folder: Path, variables: dict[str, str]) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=folder, env=os.environ | variables, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"git {arguments[0]}: {line_of(done.stderr.decode()) or 'failed without a word'}")
    return done.stdout


def require_clean_project() -> None:
    """End with a sentence unless this is a project made from a template, in git, with nothing to commit."""
    if not ANSWERS.is_file():
        sys.exit(f"{ANSWERS} is not here: call this in the project's folder, and restore the file where it was deleted")
    if not _in_repository():
        sys.exit("there is no git repository, or no commit in it: make setup makes one, then commit your files")
    if changed := git("status", "--porcelain", "--", ".").splitlines():
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        sys.exit(f"{changed[0][3:]}{more} is not committed: commit or stash your work first, git status lists it")


def _in_repository() -> bool:
    try:
        done = subprocess.run(["git", "rev-parse", "--verify", "--quiet", "HEAD"], capture_output=True, check=False)
    except FileNotFoundError:
        sys.exit("git is needed: install it first")
    return done.returncode == 0


def answer(name: str, folder: Path = Path()) -> str:
    """One line of the answers file, such as `package_name` or `_commit`."""
    found = re.search(rf"^{name}: (.+)$", (folder / ANSWERS).read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        sys.exit(f"{ANSWERS} has no line `{name}: ...`: restore it, git log -p {ANSWERS} shows what it was")
    return found[1].strip("'\"")


def line_of(text: str, place: int = -1) -> str:
    """One line of what a program says where it failed, the last one or another, without its colours."""
    lines = re.sub(r"\x1b\[[\d;]*m", "", text).strip().splitlines()
    return lines[place].strip() if lines else ""
