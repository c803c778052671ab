"""The project's own code and the machinery: who imports whom, what is the same everywhere, who checks what."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from conftest import ROOT, Render, run
from release import ENGINEROOM, files

TEMPLATE = ROOT / "template"
RENDERED = [
    {},
    {"modality": "text", "framework": "torch", "accelerator": "gpu"},
    {"modality": "image", "task": "regression"},
]
CODE = [path for path in TEMPLATE.rglob("*") if path.is_file() and re.search(r"\.py(\.jinja)?$", path.name)]


def too_deep(text: str) -> Iterator[str]:
    """Uses of the machinery by anything but the public names of its rooms, in a file outside it."""
    tree = ast.parse(re.sub(r"\{%.*?%\}", "", re.sub(r"\{\{ package_name \}\}", "customer_model", text)))
    rooms: dict[str, str] = {}  # local name to room
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.Import) and any(".engineroom" in name for name in names):
            yield f"{ast.unparse(node)}: import names from a room"
        if not isinstance(node, ast.ImportFrom):
            continue
        inside = re.search(r"(?:^|\.)engineroom(?:\.(.+))?$", node.module or "")
        if inside and not _room(inside[1] or "") and all(_room(_below(inside[1], name)) for name in names):
            rooms |= {alias.asname or alias.name: _below(inside[1], alias.name) for alias in node.names}
        elif inside and (not _room(inside[1] or "") or set(names) - set(_public(inside[1]))):
            yield ast.unparse(node)
        elif "engineroom" in names:
            yield f"{ast.unparse(node)}: import a room, or names from it"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            room = rooms.get(node.value.id)
            if room and node.attr not in _public(room):
                yield ast.unparse(node)


def _room(name: str) -> bool:
    face = ENGINEROOM / name.replace(".", "/") / "__init__.py"
    return face.is_file() and "__all__" in face.read_text(encoding="utf-8")


def _below(folder: str | None, name: str) -> str:
    return f"{folder}.{name}" if folder else name


def _public(room: str) -> list[str]:
    return list(import_module(f"engineroom.{room}").__all__)


@pytest.mark.parametrize("path", [path for path in CODE if ENGINEROOM not in path.parents], ids=lambda path: path.name)
def test_a_project_uses_the_public_names_of_rooms(path: Path) -> None:
    assert list(too_deep(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "from .engineroom.contract.schema import Contract",
        "from ..engineroom.contract import schema",
        "from {{ package_name }}.engineroom.contract import check_bounds",
        "import {{ package_name }}.engineroom.contract.schema",
        "from .engineroom.lazy import lazily",
        "from . import engineroom",
        "from .engineroom import lazy",
        "from ..engineroom.serving.log import database",
        "from ..engineroom import serving",
        "from .engineroom import contract as contracts\ncontracts.schema.Contract",
    ],
)
def test_what_goes_deeper_is_found(line: str) -> None:
    assert len(list(too_deep(line))) == 1


def test_no_overlay_has_a_file_of_the_machinery() -> None:
    assert set(TEMPLATE.rglob("engineroom")) == {ENGINEROOM}


@pytest.mark.parametrize("answers", RENDERED, ids=lambda answers: "-".join(answers.values()))
def test_a_project_has_the_machinery_byte_for_byte(render: Render, answers: dict[str, str]) -> None:
    folder = render(**answers) / "src/customer_model/engineroom"
    assert [path.relative_to(folder) for path in files(folder)] == [path.relative_to(ENGINEROOM) for path in files()]
    assert all(
        (folder / path.relative_to(ENGINEROOM)).read_bytes() == path.read_bytes()
        for path in [*files(), ENGINEROOM / "RELEASE"]
    )


def test_a_project_neither_formats_nor_checks_the_machinery_but_knows_its_types(project: Render) -> None:
    folder = project()
    package = folder / "src/customer_model"
    edited, own = package / "engineroom/showing/wording.py", package / "project.py"
    edited.write_text(f"{edited.read_text()}\nimport os\nx : int='a'\n")
    run(folder, sys.executable, "-m", "ruff", "format", ".")
    run(folder, sys.executable, "-m", "ruff", "check", ".")
    run(folder, sys.executable, "-m", "mypy")
    assert edited.read_text().endswith("\nimport os\nx : int='a'\n")
    own.write_text(f"{own.read_text()}\nfrom .engineroom.showing import percent\n\npercent('a').nothing\n")
    said = run(folder, sys.executable, "-m", "mypy", ok=False).stdout
    assert '"percent" has incompatible type "str"' in said and '"str" has no attribute "nothing"' in said
