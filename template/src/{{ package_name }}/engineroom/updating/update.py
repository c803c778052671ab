"""An update from the template, behind which nothing that was written here is missing.

    python -m <package>.engineroom.updating.update [options of `copier update`, such as -d framework=torch]

Copier deletes the files that new answers leave out, with what was written in them. Such files are kept aside and named.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .repository import git, require_clean_project
from .template import copier_command, lines_of_file, render_again, require_template

ASIDE = Path("kept-from-update")  # the template's own migration has the same place


def main() -> None:
    require_clean_project()
    copier = copier_command()
    require_template()
    with tempfile.TemporaryDirectory(prefix="update-") as folder:
        old = Path(folder, "old")
        render_again(copier, old)
        edited = _edited(old)
        if status := subprocess.run([*copier, "update", *sys.argv[1:]], check=False).returncode:
            sys.exit(status)
        for path in _left_out(edited, old):
            aside = ASIDE / path
            aside.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(edited[path])
            print(f"{path} is no more: what you had is kept in {aside.as_posix()}")


def _edited(old: Path) -> dict[str, bytes]:
    """What was written here in files of the template's, by path."""
    ours = {path: Path(path) for path in git("ls-files", "-z").split("\0") if (old / path).is_file()}
    return {path: file.read_bytes() for path, file in ours.items() if lines_of_file(file) != lines_of_file(old / path)}


def _left_out(edited: Mapping[str, bytes], old: Path) -> list[str]:
    """Edited files that are gone and whose lines of ours are in no file that the update wrote, as behind a move."""
    listed = git("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", ".").split("\0")
    prefix = git("rev-parse", "--show-prefix").strip()
    written = [lines_of_file(Path(line[3:].removeprefix(prefix))) for line in listed if line]
    return [
        path
        for path, text in edited.items()
        if not Path(path).exists()
        and not any(frozenset(text.splitlines()) - lines_of_file(old / path) <= lines for lines in written)
    ]


if __name__ == "__main__":
    main()
