"""Rendered projects for the tests: made from the work tree, through Copier, and run through their own make verbs."""

import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from containers import Docker
from filelock import FileLock
from grid import publish

ROOT = Path(__file__).parent.parent
# The machinery is imported as it stands, `import engineroom`. Last: beside it lies a `profile`, which is Python's too.
sys.path.append(str(ROOT / "template/src/{{ package_name }}"))
WORK_TREE_TAG = "v9999.0.0"
VENV = Path(sys.executable).parent.parent  # not resolved: the environment, not the interpreter behind it
TASKS = ("classification", "regression")
MODALITIES = ("tabular", "text", "image")
PLATFORMS = (("sklearn", "cpu"), ("torch", "cpu"), ("torch", "gpu"))
VARIANTS = [
    {"task": task, "modality": modality, "framework": framework, "accelerator": accelerator}
    for modality in MODALITIES
    for framework, accelerator in PLATFORMS
    for task in TASKS
]
# The fewest that hold every pair of answers: a quick run takes these.
PAIRS = [
    {"task": "classification", "modality": "tabular", "framework": "sklearn", "accelerator": "cpu"},
    {"task": "regression", "modality": "tabular", "framework": "torch", "accelerator": "gpu"},
    {"task": "regression", "modality": "text", "framework": "sklearn", "accelerator": "cpu"},
    {"task": "classification", "modality": "text", "framework": "torch", "accelerator": "gpu"},
    {"task": "classification", "modality": "text", "framework": "torch", "accelerator": "cpu"},
    {"task": "classification", "modality": "image", "framework": "sklearn", "accelerator": "cpu"},
    {"task": "regression", "modality": "image", "framework": "torch", "accelerator": "gpu"},
]


def variant_name(variant: Mapping[str, str]) -> str:
    return "-".join(variant[axis] for axis in ("modality", "framework", "accelerator", "task"))


DEFAULTS = {"task": "classification", "modality": "tabular", "framework": "sklearn", "accelerator": "cpu"}
UNTOUCHED = {"PYTHONDONTWRITEBYTECODE": "1"}  # for programs that run in a rendered project which tests share
GRID = ROOT / ".cache/matrix.md"

Render = Callable[..., Path]
Module = Callable[[str], Any]
collect_ignore = ["machinery"]  # they run in a project, see `machinery`
MADE = "made_model"  # name of the package that tests import


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The status grid of the variants that ran, in the log and as a file."""
    text = publish(config._tmp_path_factory.getbasetemp() / "shared/grid", GRID)  # type: ignore[attr-defined]
    if text:
        terminalreporter.write_sep("=", f"status grid: {GRID.relative_to(ROOT)}")
        terminalreporter.write(text)


@pytest.fixture(scope="session", autouse=True)
def _no_personal_settings() -> Iterator[None]:
    """Neither Copier's nor git's settings of whoever runs the tests may change what is rendered."""
    os.environ |= {
        "COPIER_SETTINGS_PATH": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@example.com",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@example.com",
    }
    # Types of libraries are read once, by each test process for itself.
    os.environ.setdefault("MYPY_CACHE_DIR", str(VENV / f"mypy-{os.environ.get('PYTEST_XDIST_WORKER', 'master')}"))
    yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """One folder for all test processes of this run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def grid(shared: Path) -> Path:
    """Folder of the status grid's lines."""
    return shared / "grid"


@pytest.fixture(scope="session")
def template(shared: Path) -> Path:
    """The template as it stands in the work tree, committed to a clone and tagged newer than any release."""
    clone = shared / "template"
    with once(clone) as missing:
        if missing:
            clone_work_tree(clone)
    return clone


@pytest.fixture(scope="session")
def render(template: Path, shared: Path) -> Render:
    """`render(**answers)` gives a project rendered with these answers; look at it, but do not write into it."""

    def rendered(**answers: str) -> Path:
        asked = {name: value for name, value in answers.items() if DEFAULTS.get(name) != value}
        key = hashlib.sha256(repr(sorted(asked.items())).encode()).hexdigest()[:8]
        folder = shared / "rendered" / f"{'-'.join((DEFAULTS | answers).values())[:60]}-{key}"
        with once(folder) as missing:
            if missing:
                copy_template(template, folder, **answers)
        return folder

    return rendered


@pytest.fixture(scope="session")
def code(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Module:
    """`code("project")` gives that module of a rendered project, whose package has a name of its own here."""
    return _modules(render(), MADE, tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def code_of_numbers(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Module:
    """The same of a project that predicts a number."""
    return _modules(render(task="regression"), f"{MADE}_of_numbers", tmp_path_factory.mktemp("made"))


def _modules(project: Path, package: str, source: Path) -> Module:
    shutil.copytree(project / "src/customer_model", source / package)

    def module(name: str) -> Any:
        sys.path.insert(0, str(source))
        try:
            return importlib.import_module(f"{package}.{name}")
        finally:
            sys.path.remove(str(source))

    return module


@pytest.fixture(scope="session")
def trained(render: Render, shared: Path) -> Render:
    """`trained(task=...)` gives a project whose pipeline ran on the sample data; do not write into it."""

    def piped(**answers: str) -> Path:
        source = render(**answers)
        folder = shared / "trained" / source.name
        with once(folder) as missing:
            if missing:
                new_project(source, folder)
                make(folder, "sample")
                start = time.monotonic()
                make(folder, "pipeline")
                seconds_of(folder).write_text(f"{time.monotonic() - start:.0f}")
        return folder

    return piped


@pytest.fixture(scope="session")
def built(trained: Render, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """A Docker that has the images of the default project, built by `make image TAG=dev`."""
    project = trained()
    base = re.search(r"^ARG BASE_IMAGE=(\S+)", (project / "deploy/Dockerfile").read_text(), re.MULTILINE)
    assert base
    with Docker(tmp_path_factory.mktemp("docker")) as docker:
        docker.make_base(base[1])
        make(project, "image", "TAG=dev", **docker.variables)
        yield docker


@pytest.fixture
def project(render: Render, tmp_path: Path) -> Render:
    """`project(**answers)` gives a fresh project of one's own, a git repository, to change and run."""

    def fresh(**answers: str) -> Path:
        return new_project(render(**answers), tmp_path / "project")

    return fresh


@pytest.fixture
def trained_copy(trained: Render, tmp_path: Path) -> Render:
    """`trained_copy(**answers)` gives a copy of a trained project, to break."""

    def copied(**answers: str) -> Path:
        return Path(shutil.copytree(trained(**answers), tmp_path / "project", symlinks=True))

    return copied


def seconds_of(folder: Path) -> Path:
    """Where it is kept how long the pipeline of a trained project took."""
    return folder.with_name(f"{folder.name}.seconds")


def copy_template(template: Path, folder: Path, **answers: str) -> None:
    copier.run_copy(str(template), folder, data=answers, defaults=True, quiet=True)


def new_project(source: Path, folder: Path) -> Path:
    """A copy of a rendered project as a git repository, with a pipeline that searches less."""
    shutil.copytree(source, folder)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["tune"] |= {"trials": 1, "folds": min(2, params["tune"]["folds"])}
    params.setdefault("evaluation", {})["bootstrap"] = 60
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Start")
    return folder


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """What a verb of a project sees when it shares the tests' Python environment.

    Bytecode is kept even where the caller's shell says otherwise: compiling each import again doubles every stage.
    """
    left_out = ("MAKE", "MFLAGS", "COV", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    path = f"{VENV / 'bin'}{os.pathsep}{kept['PATH']}"
    return kept | {
        "VENV": str(VENV),
        "PATH": path,
        "PYTHONPATH": str(folder / "src"),
        "OMP_NUM_THREADS": "1",
        **variables,
    }


def run(folder: Path, *command: str, ok: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a project; its output is shown when it ends otherwise than expected."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if ok and done.returncode != 0:
        pytest.fail(
            f"{' '.join(command)} in {folder}: status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        )
    return done


def make(folder: Path, *arguments: str, ok: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "make", "--no-print-directory", *arguments, ok=ok, **variables)


def machinery(folder: Path, *arguments: str, ok: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    """The machinery's own tests, which no project receives, on a rendered one and with its interpreter."""
    python = str(folder / variables["VENV"] / "bin/python") if "VENV" in variables else "python"
    paths = {"PYTHONPATH": str(folder / "src")}
    command = (python, "-m", "pytest", "-q", str(ROOT / "tests/machinery"), *arguments)
    return run(folder, *command, ok=ok, **variables | paths)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"git {' '.join(arguments)} in {folder}: {done.stderr}")
    return done.stdout


def commit(folder: Path, message: str = "Commit") -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and mode of each file of a project, by its path; neither git's nor what Python leaves beside code."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: (path.read_bytes(), path.stat().st_mode)
        for name, path in files.items()
        if not name.startswith(".git/") and "__pycache__" not in path.parts
    }


def clone_work_tree(clone: Path, tag: str = WORK_TREE_TAG) -> None:
    """The template with what the work tree changed as its last commit, tagged newer than any release."""
    git(ROOT, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
    overlay(ROOT, clone)
    commit(clone, "work tree")
    git(clone, "tag", tag)


def overlay(source: Path, clone: Path) -> None:
    """Bring what the work tree changed, added or removed since its last commit into a clone of it."""
    listed = git(source, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if (source / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, clone / name)
        else:
            (clone / name).unlink(missing_ok=True)


@contextmanager
def once(folder: Path) -> Iterator[bool]:
    """True for the first of several test processes that needs a folder; the others wait until it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = folder.parent / f"{folder.name}.done"
    with FileLock(folder.parent / f"{folder.name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
        yield not done.exists()
        done.touch()
