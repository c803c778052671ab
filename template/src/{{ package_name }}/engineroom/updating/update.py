"""An update from the template, behind which nothing that was written here is missing.

Copier deletes the files that new answers leave out, with what was written in them. Such files are kept aside and named.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .edits import changes, lost
from .repository import committed, require_clean_project
from .template import copier_command, render_again, require_template

ASIDE = Path("kept-from-update")  # the template's own migration has the same place


def take_update(options: Sequence[str]) -> None:
    """Update with these options of `copier update`, such as -d framework=torch; a fault ends it with a sentence."""
    require_clean_project()
    copier = copier_command()
    require_template()
    with tempfile.TemporaryDirectory(prefix="update-") as folder:
        old = Path(folder, "old")
        render_again(copier, old)  # before the update, which writes other answers
        if status := subprocess.run([*copier, "update", *options], check=False).returncode:
            sys.exit(status)
        for path in lost(changes(Path()), Path(), old):
            aside = ASIDE / path
            aside.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(committed(path))
            print(f"{path} is no more: what you had is kept in {aside.as_posix()}")
