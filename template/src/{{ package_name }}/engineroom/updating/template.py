"""The template that a project was made from, and the command that renders it."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .repository import ANSWERS, answer, line_of

TIMEOUT_S = 60
SHORT = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/", "git+": ""}  # Copier's short addresses


def copier_command() -> list[str]:
    """The command that runs Copier: the installed one, or uv's own way to one."""
    for command in (["copier"], ["uvx", "copier"]):
        if shutil.which(command[0]):
            done = run([*command, "--version"])
            if not done.returncode:
                return command
            sys.exit(f"{' '.join(command)} cannot be run ({line_of(done.stderr)}): pipx install copier, then again")
    sys.exit("neither copier nor uvx is on the PATH: pipx install copier (or make setup, which brings uvx), then again")


def require_template() -> None:
    """End with a sentence where git cannot read the template."""
    source = answer("_src_path")
    try:
        done = run(["git", "ls-remote", "--quiet", _address(source), "HEAD"], timeout=TIMEOUT_S)
        reason = line_of(done.stderr, 0) if done.returncode else ""
    except subprocess.TimeoutExpired:
        reason = f"no answer within {TIMEOUT_S} s"
    if reason:
        sys.exit(
            f"the template at {source} cannot be read ({reason}): try again when the network is there; "
            f"if the template has moved, write its new place as _src_path into {ANSWERS} and commit that"
        )


def _address(source: str) -> str:
    """Where git finds what Copier calls `source`; absolute, as git takes a path from the repository's root."""
    if (path := Path(source).expanduser()).exists():
        return str(path.resolve())
    start = next((start for start in SHORT if source.startswith(start)), "")
    return SHORT.get(start, "") + source.removeprefix(start)


def render_again(copier: Sequence[str], folder: Path) -> None:
    """What the template made of this project's answers when it was last copied or updated."""
    folder.mkdir()
    shutil.copy2(ANSWERS, folder)
    ref = ["--vcs-ref", answer("_commit")]
    done = run([*copier, "recopy", "--defaults", "--overwrite", "--skip-tasks", "--quiet", *ref, str(folder)])
    if done.returncode:
        sys.exit(f"the template as it was at {ref[1]} cannot be rendered again: {line_of(done.stderr)}")


def run(command: Sequence[str], timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
