"""The report: plain lines, each of which can be sent to a stranger."""

import hashlib
import os
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel

ENGINEROOM = Path(__file__).parents[1]
TIMEOUT_S = 60  # imports of MLflow and DVC take seconds, on a busy machine many
DECISIVE = (
    *("numpy", "onnxruntime", "fastapi", "starlette", "uvicorn", "pydantic", "sqlalchemy", "pandas", "pyarrow"),
    *("scikit-learn", "torch", "mlflow", "dvc", "evidently"),
)


def examine(settings: BaseModel, package: str) -> int:
    """Print versions, optional parts, settings that are set, edited machinery, and what answers.

    Parameters:
        settings: with the fields `prediction_log` and `mlflow_tracking_uri`.
        package: its name, from which the registered model has its own.

    Returns:
        1 where something that is configured does not answer, else 0.
    """
    for title, lines in (
        ("versions", [f"Python {platform.python_version()}, {platform.platform()}", *_versions()]),
        ("optional parts", _parts()),
        ("settings that are set", _settings(settings)),
        ("machinery", _machinery()),
    ):
        print(title, *lines, sep="\n  ", flush=True)
    print("what answers")
    where = vars(settings)
    mlflow = f"{where['mlflow_tracking_uri']}\n{package.replace('_', '-')}"
    asked = {"prediction_log": str(where["prediction_log"]), "mlflow": mlflow, "dvc_remote": ""}
    answers = [_answers(name, place) for name, place in asked.items()]
    return int(not all(answers))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _versions() -> Iterator[str]:
    return (f"{name} {version}" for name in DECISIVE if (version := _version(name)))


def _parts() -> Iterator[str]:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    for part, wanted in project["optional-dependencies"].items():
        names = {re.split(r"[^\w.-]", line)[0] for line in wanted} - {project["name"]}
        missing = sorted(name for name in names if not _version(name))
        yield f"{part}: {'missing ' + ', '.join(missing) if missing else 'installed'}"


def _settings(settings: BaseModel) -> Iterator[str]:
    """A secret is stars of its own accord; the password of a URL becomes some here."""
    for name in sorted(settings.model_fields_set):
        yield f"{name} = {_masked(str(vars(settings)[name]))}"


def _masked(text: str) -> str:
    return re.sub(r"//[^@/]*@", "//***@", text)


def _machinery() -> Iterator[str]:
    """Files of this package that are not those of the release that RELEASE names."""
    title, *lines = (ENGINEROOM / "RELEASE").read_text(encoding="utf-8").splitlines()
    yield title.removeprefix("# ")
    for digest, name in (line.split("  ", 1) for line in lines):
        file = ENGINEROOM / name
        if not file.is_file():
            yield f"{name} is missing"
        elif hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            yield f"{name} is edited"


def _answers(name: str, place: str) -> bool:
    """Ask one probe, and print what it says."""
    command = [sys.executable, "-m", f"{__package__}.probes", name]
    try:
        done = subprocess.run(
            command, env=os.environ | {"DOCTOR": place}, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
        said = (done.stderr if done.returncode else done.stdout).strip().splitlines() or ["no reason given"]
        failed = done.returncode != 0
    except subprocess.TimeoutExpired:
        said, failed = [f"nothing within {TIMEOUT_S} s"], True
    print(f"  {name}: {'DOES NOT ANSWER: ' if failed else ''}{_masked(said[-1])}", flush=True)
    return not failed
