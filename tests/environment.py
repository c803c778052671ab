"""One environment for all tests: the template's tools, and what a rendered project needs with every extra.

A variant then costs no installation. The project's own `make setup` is tried by the demo.
"""

import hashlib
import itertools
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
    install(*project_requirements(), *torch_for_the_cpu())
    stamp.write_text(wanted)


def project_requirements() -> list[str]:
    """Everything that the variants for the CPU ask for, as requirement strings."""
    import copier

    os.environ |= {"COPIER_SETTINGS_PATH": os.devnull}
    listed = []
    for modality, framework in itertools.product(("tabular", "text", "image"), ("sklearn", "torch")):
        folder = BIN.parent / "rendered-for-requirements"
        answers = {"modality": modality, "framework": framework}
        copier.run_copy(str(TESTS.parent), folder, answers, defaults=True, overwrite=True, quiet=True, vcs_ref="HEAD")
        content = tomllib.loads((folder / "pyproject.toml").read_text())
        project = content["project"]
        listed += [*project["dependencies"], *content["dependency-groups"]["dev"]]
        for extra in project["optional-dependencies"].values():
            listed += [entry for entry in extra if not entry.startswith(project["name"])]
    return list(dict.fromkeys(listed))


def torch_for_the_cpu() -> list[str]:
    """A wheel in a find-links folder, else PyTorch's index for the CPU: PyPI's torch brings gigabytes of CUDA."""
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for folder in os.environ.get("UV_FIND_LINKS", "").split():
        for wheel in sorted(Path(folder).glob(f"torch-*-{python}-*.whl")):
            return [f"torch=={wheel.name.split('-')[1]}"]
    return ["--torch-backend", "cpu"]


def install(*arguments: str) -> None:
    command = [BIN / "uv", "pip", "install", "--quiet", "--python", sys.executable, *arguments]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
