"""The newest FastAPI, Starlette and uvicorn, of which the service uses inner parts: may the ranges move?"""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from conftest import ROOT, Render, run
from packaging.requirements import Requirement

USED = ("fastapi", "starlette", "uvicorn")
SERVING = ("test_security.py", "test_service.py", "test_reader.py", "test_models.py")


@pytest.mark.long
def test_the_ranges_of_the_web_framework_are_as_wide_as_they_can_be(trained_copy: Render, tmp_path: Path) -> None:
    """Within the ranges the newest must pass; beyond them it must fail, or else the range is to be moved."""
    project, newest = trained_copy(), tmp_path / "newest"
    install = [Path(sys.executable).parent / "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(newest)]
    subprocess.run([*install, *USED], check=True)
    listed = map(Requirement, tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"])
    allowed = {one.name: one.specifier for one in listed if one.name in USED}
    found = {one.name: one.version for one in distributions(path=[str(newest)])}
    beyond = {name: version for name, version in found.items() if version not in allowed[name]}
    tests = [str(ROOT / "tests/machinery" / name) for name in SERVING]
    paths = os.pathsep.join((str(newest), str(project / "src")))
    used = run(project, "python", "-c", "import fastapi; print(fastapi.__file__)", PYTHONPATH=paths).stdout
    assert used.startswith(f"{newest}/fastapi/")
    done = run(project, "python", "-m", "pytest", "-q", *tests, ok=False, PYTHONPATH=paths)
    print(f"newest: {found}\n{done.stdout[-2000:]}")
    if beyond:
        assert done.returncode, f"template/pyproject.toml.jinja: the service works with {beyond}: move the ranges"
    else:
        assert not done.returncode, done.stdout[-4000:]
