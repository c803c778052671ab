"""A finished bundle takes its place: whole, with its verdict, in one step, and one process at a time."""

import ctypes
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..bundle import Bundle, BundleError, bind, objection

LOCK = Path("artifacts/.lock")
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of <fcntl.h> and <linux/fs.h>


@contextmanager
def exclusive() -> Iterator[None]:
    """Waits, and says so, while another process of this project changes what is in force."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another pipeline, promotion or rollback is at work here: waiting for its end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def deliver(source: Path, verdict: dict[str, Any], place: Path) -> None:
    """Put a copy of a bundle with its verdict in a place. Killed at any moment, the place has the old or the new one.

    Raises:
        BundleError: when the copy cannot be loaded, or the verdict is about another model; nothing has changed then.
    """
    put(stage(source, verdict, place), place)


def stage(source: Path, verdict: dict[str, Any], place: Path) -> Path:
    """The first half of `deliver`: a verified copy beside the place."""
    staged = place.with_name(f".{place.name}.next")
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(source, staged)
    version = Bundle.load(staged).manifest.model_version
    if verdict["model_version"] != version:
        raise BundleError(f"{source} is model {version}, the verdict is about {verdict['model_version']}")
    bind(staged, verdict)
    return staged


def put(staged: Path, place: Path) -> None:
    """The second half: the copy takes the place."""
    _rename(staged, place)
    shutil.rmtree(staged, ignore_errors=True)  # what lay there before


def delivered(place: Path, version: str) -> bool:
    """Whether a place has this very model, whole and with a verdict that it passed."""
    try:
        return Bundle.load(place).manifest.model_version == version and not objection(place)
    except BundleError:
        return False


def _rename(staged: Path, place: Path) -> None:
    """Rename a folder into a place, and what is there already to where the folder was."""
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if not os.path.lexists(place):
        staged.rename(place)
    elif not exchange or exchange(AT_FDCWD, bytes(staged), AT_FDCWD, bytes(place), RENAME_EXCHANGE):
        # Neither POSIX nor every file system can do it in one step: for a moment there is nothing in the place.
        before = staged.with_suffix(".before")
        shutil.rmtree(before, ignore_errors=True)
        place.rename(before)
        staged.rename(place)
        before.rename(staged)
