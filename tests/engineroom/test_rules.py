"""The rules of the machinery: what it may import, what it shows, and that its files are those of the release."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import packages_distributions
from inspect import isclass, isfunction
from pathlib import Path

import pytest
from release import ENGINEROOM, RELEASE, contents, files

FACES = [path for path in ENGINEROOM.rglob("*/__init__.py") if "__all__" in path.read_text(encoding="utf-8")]
ROOMS = sorted(".".join(path.relative_to(ENGINEROOM).parent.parts) for path in FACES)
TEMPLATING = re.compile(r"\{\{-? *[a-z_]+ *[|}.(]|\{%|\{#")


def imports_astray(folder: Path) -> Iterator[str]:
    """Imports of anything but libraries, modules of the same room, and the faces of other rooms, by relative names."""
    libraries = sys.stdlib_module_names | packages_distributions().keys()
    for path in folder.rglob("*.py"):
        depth = len(path.relative_to(folder).parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                other = node.module if node.level == depth > 1 else None
                deep = other and "." in other and other not in ROOMS
                astray = node.level > depth or bool(deep)
            elif isinstance(node, ast.ImportFrom):
                astray = (node.module or "").split(".")[0] not in libraries
            else:
                named = node.names if isinstance(node, ast.Import) else []
                astray = any(alias.name.split(".")[0] not in libraries for alias in named)
            if astray:
                yield f"{path.relative_to(folder)}: {ast.unparse(node)}"


def templating(folder: Path) -> Iterator[str]:
    """Files that would differ from project to project; templates of our own are data."""
    for path in files(folder):
        if path.suffix != ".j2" and (path.suffix == ".jinja" or TEMPLATING.search(path.name + path.read_text("utf-8"))):
            yield str(path.relative_to(folder))


def test_imports_are_relative_and_never_leave_it() -> None:
    assert list(imports_astray(ENGINEROOM)) == []


@pytest.mark.parametrize(
    "line",
    [
        "from ...settings import Environment",
        "from ..showing.wording import number",
        "import customer_model",
        "from customer_model.bundle import Bundle",
        "from engineroom.contract import Contract",
        "def late():\n    from ... import bundle",
    ],
)
def test_an_import_that_leaves_it_is_found(line: str, planted: Path) -> None:
    (planted / "contract/planted.py").write_text(line)
    [found] = imports_astray(planted)
    assert found.startswith("contract/planted.py: ")


def test_no_file_is_a_template() -> None:
    assert list(templating(ENGINEROOM)) == []


@pytest.mark.parametrize(
    ("name", "text"), [("a.py", "N = '{{ package_name }}'"), ("{{ if_text }}.py", ""), ("b.jinja", "")]
)
def test_a_template_is_found(name: str, text: str, planted: Path) -> None:
    (planted / name).write_text(text)
    assert list(templating(planted)) == [name]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_shows_the_names_that_it_lists_each_with_a_docstring(room: str) -> None:
    """`__all__`, what type checkers import and what `lazily` finds are three lists of the same names."""
    face = import_module(f"engineroom.{room}")
    folder = ENGINEROOM / room.replace(".", "/")
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    homes = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }
    assert sorted(homes) == sorted(face.__all__)
    for name, home in homes.items():
        found = getattr(face, name)
        assert found is getattr(import_module(f"engineroom.{room}.{home}"), name)
        assert name != home and not (folder / f"{name}.py").exists(), f"{room}.{name} is two things"
        assert found.__doc__ or not (isclass(found) or isfunction(found)), f"{room}.{name} says nothing of itself"


def test_a_name_that_a_room_does_not_have_is_an_error_of_types(planted: Path, tmp_path: Path) -> None:
    (planted / "showing/planted.py").write_text("from ..contract import Contrakt\n\nprint(Contrakt)\n")
    assert 'has no attribute "Contrakt"' in types(planted.parent, tmp_path).stdout


def test_types_are_strict(tmp_path: Path) -> None:
    done = types(ENGINEROOM.parent, tmp_path)
    assert done.returncode == 0, done.stdout


def types(path: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """mypy of the machinery that lies in a folder, by the rules of mypy.ini."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "mypy", "--config-file", str(root / "mypy.ini"), "-p", "engineroom"]
    return subprocess.run(
        command,
        cwd=path,
        env={"MYPYPATH": str(path), "MYPY_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_tests_mirror_the_tree() -> None:
    here = Path(__file__).parent
    tests = [path.relative_to(here) for path in here.rglob("test_*.py") if path != Path(__file__)]
    assert [str(path) for path in tests if not (ENGINEROOM / path.with_name(path.name[5:])).is_file()] == []


def test_its_files_are_those_of_the_release() -> None:
    """`python tests/release.py` writes RELEASE anew after an edit."""
    assert RELEASE.read_text(encoding="utf-8") == contents()


def test_the_release_knows_an_edit_a_new_file_and_a_lost_one(planted: Path) -> None:
    assert contents(planted) == contents()
    for change in (
        lambda: (planted / "lazy.py").write_text("edited"),
        lambda: (planted / "lazy.py").unlink(),
        lambda: shutil.copy(ENGINEROOM / "lazy.py", planted / "other.py"),
    ):
        before = contents(planted)
        change()
        assert contents(planted) != before


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A copy of the machinery, to plant a fault in."""
    return Path(shutil.copytree(ENGINEROOM, tmp_path / "copy/engineroom"))
