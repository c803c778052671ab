"""One environment for all tests: the template's tools, and what a rendered project needs with every extra.

A variant then costs no installation. The project's own `make setup` is tried by the demo.
"""

import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

TESTS = Path(__file__).parent
BIN = Path(sys.executable).parent


def main() -> None:
    template = TESTS.parent / "template/pyproject.toml.jinja"
    requirements = TESTS / "requirements.txt"
    stamp = BIN.parent / "tests.sha256"
    wanted = hashlib.sha256(template.read_bytes() + requirements.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    install("--requirements", str(requirements))
    install(*project_requirements())
    stamp.write_text(wanted)


def project_requirements() -> list[str]:
    """Everything the default project can ask for, as requirement strings."""
    import copier

    os.environ |= {"COPIER_SETTINGS_PATH": os.devnull}
    folder = BIN.parent / "rendered-for-requirements"
    copier.run_copy(str(TESTS.parent), folder, defaults=True, overwrite=True, quiet=True, vcs_ref="HEAD")
    content = tomllib.loads((folder / "pyproject.toml").read_text())
    project = content["project"]
    listed = [*project["dependencies"], *content["dependency-groups"]["dev"]]
    for extra in project["optional-dependencies"].values():
        listed += [entry for entry in extra if not entry.startswith(project["name"])]
    return listed


def install(*arguments: str) -> None:
    subprocess.run([BIN / "uv", "pip", "install", "--quiet", "--python", sys.executable, *arguments], check=True)


if __name__ == "__main__":
    main()
