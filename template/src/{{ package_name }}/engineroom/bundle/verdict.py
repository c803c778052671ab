"""Whether a bundle may be put to use: `verdict.json` in its folder says that these very files passed the gate.

`python -m <package>.engineroom.bundle.verdict FOLDER` copies what an image is to serve. That runs where nothing is
installed yet, so this module needs the standard library alone.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from ..artifacts import BUNDLE, CHAMPION, SUMS, read_json, write_json

VERDICT = "verdict.json"
ALLOW = "SERVICE_ALLOW_FAILED_GATE"
REMEDY = (
    "`make pipeline` puts a model that passes into artifacts/bundle, `make promote` that one into artifacts/champion"
)


def bind(bundle: Path, verdict: dict[str, Any]) -> None:
    """Put the gate's verdict beside the files of the bundle that it judged."""
    write_json(bundle / VERDICT, verdict | {"sha256sums": _digest(bundle)})


def objection(bundle: Path) -> str:
    """Why a bundle must not be put to use; empty when it passed the gate."""
    if not (bundle / VERDICT).is_file():
        return f"{bundle} has no {VERDICT} that says it passed the gate: {REMEDY}"
    try:
        verdict = read_json(bundle / VERDICT)
        passed, same = verdict["passed"] is True, verdict["sha256sums"] == _digest(bundle)
        failed = "; ".join(str(check["says"]) for check in verdict["checks"] if not check["passed"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{bundle / VERDICT} is not a verdict on this bundle as the gate writes it: {REMEDY}"
    if not same:
        return f"{bundle / VERDICT} is about another bundle than the one in its folder: {REMEDY}"
    return "" if passed else f"{bundle} did not pass the gate: {failed}"


def shipped() -> Path:
    """What an image serves: the champion, where there is one."""
    return CHAMPION if CHAMPION.exists() else BUNDLE


def _digest(bundle: Path) -> str:
    """The digest of the list of digests: another for any other bundle."""
    return hashlib.sha256((bundle / SUMS).read_bytes()).hexdigest()


def main() -> None:
    bundle, target = shipped(), sys.argv[1:]
    if why := objection(bundle):
        if os.environ.get(ALLOW, "").lower() not in ("1", "true", "yes", "on"):
            sys.exit(f"image: {why}")
        print(f"image: {why}; it is shipped because {ALLOW} is set")
    print(f"image: ships {bundle}")
    for folder in target:
        shutil.copytree(bundle, folder)


if __name__ == "__main__":
    main()
