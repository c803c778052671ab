"""What an update does to what was written here: which files change, go or move, and which edits are then nowhere.

git pairs the two places of a file that moved by their likeness, and knows nothing of edits, so lines are compared.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .repository import committed, git

Changes = Mapping[str, Sequence[str]]


def changes(folder: Path) -> Changes:
    """Paths by what git says of a folder beside its last commit: M modified, A new, D gone, R moved (as `old -> new`).

    An index of its own leaves the project's as it is, where Copier may have noted conflicts.
    """
    found: dict[str, list[str]] = {letter: [] for letter in "MADR"}
    with tempfile.TemporaryDirectory(prefix="index-") as place:
        index = {"GIT_INDEX_FILE": str(Path(place, "index"))}
        git("read-tree", "HEAD", folder=folder, **index)
        git("add", "--all", ".", folder=folder, **index)
        compare = ("diff", "--cached", "--name-status", "--find-renames", "--relative")
        for line in git(*compare, folder=folder, **index).splitlines():
            letters, *paths = line.split("\t")
            found.setdefault(letters[0], []).append(" -> ".join(paths))
    return found


def lost(found: Changes, folder: Path, old: Path) -> list[str]:
    """Files that went or moved in `folder` although they were edited, and whose edits are in no other place.

    Parameters:
        found: the changes in `folder`.
        old: what the template made of the project's answers before, rendered again.
    """
    gone = [path for path in found["D"] if _ours(path) != _lines(old / path)]
    moved = [tuple(path.split(" -> ")) for path in found["R"]]
    return gone + [path for path, place in moved if not _kept(_lines(old / path), _ours(path), _lines(folder / place))]


def _kept(old: frozenset[bytes], ours: frozenset[bytes], new: frozenset[bytes]) -> bool:
    """Are the lines that we wrote in the new file, and those that we took out not?"""
    return ours - old <= new and not (old - ours) & new


def _ours(path: str) -> frozenset[bytes]:
    return frozenset(committed(path).splitlines())


def _lines(file: Path) -> frozenset[bytes]:
    return frozenset(file.read_bytes().splitlines()) if file.is_file() else frozenset()
