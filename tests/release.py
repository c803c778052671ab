"""Writes `engineroom/RELEASE`: the version that CHANGELOG.md begins with, and the SHA-256 of each file.

    python tests/release.py

A project compares its files with it, and so does `sha256sum --check RELEASE`. It is here and not in hooks/: what is
there runs in people's projects, and this only where the machinery is changed.
"""

import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENGINEROOM = ROOT / "template/src/{{ package_name }}/engineroom"
RELEASE = ENGINEROOM / "RELEASE"


def files(folder: Path = ENGINEROOM) -> list[Path]:
    """What belongs to the machinery, in order; not what Python leaves beside it."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted((path for path in found if path != folder / "RELEASE"), key=lambda path: path.as_posix())


def contents(folder: Path = ENGINEROOM) -> str:
    """What RELEASE has to say of a folder's files."""
    version = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    if not version:
        sys.exit("release: CHANGELOG.md has no heading such as `## 0.7.0`")
    sums = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in files(folder)
    )
    return f"# engineroom {version[1]}\n{''.join(sums)}"


if __name__ == "__main__":
    RELEASE.write_text(contents(), encoding="utf-8", newline="\n")
