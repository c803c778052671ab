"""Every legal combination of answers, as rendered: it parses, is formatted, linted and typed, and hides its origin."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import UNTOUCHED, VARIANTS, Render, make, run, variant_name

COMBINATIONS = [*VARIANTS, {"python_version": "3.12"}, {"python_version": "3.13", "task": "regression"}]
RESIDUE = re.compile(
    r"\{%[-\s]|[-\s]%\}|\{#|\bcopier\b|cookiecutter|\bif_(?!not_exists\b)[a-z]+_?[a-z]*\b|\bthis variant\b",
    re.IGNORECASE,
)
TEMPLATING = re.compile(r"\{\{-?\s*[a-z_].*?\}\}")
OWN_TEMPLATES = (".j2",)
MAX_ROOM_LINES = 945  # the user's room, as it is read
MAX_TEST_LINES = 500
MAX_UPDATING_LINES = 271  # what serves the project's next update, and none of its answers


@pytest.fixture(params=COMBINATIONS, ids=lambda answers: "-".join(answers.values()))
def rendered(request: pytest.FixtureRequest, render: Render) -> Path:
    return render(**request.param)


def texts(folder: Path) -> list[tuple[Path, str]]:
    return [(path, path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*")) if path.is_file()]


def test_it_is_formatted_and_linted(rendered: Path) -> None:
    run(rendered, "ruff", "format", "--check", "--no-cache", ".")
    run(rendered, "ruff", "check", "--no-cache", ".")


def test_every_file_parses(rendered: Path) -> None:
    for path, text in texts(rendered):
        if path.suffix in (".yaml", ".yml"):
            list(yaml.safe_load_all(text))
        elif path.suffix == ".toml":
            tomllib.loads(text)
        elif path.suffix == ".json":
            json.loads(text)
        elif path.suffix == ".py":
            compile(text, str(path), "exec")


def test_it_carries_no_trace_of_the_template(rendered: Path) -> None:
    for path, text in texts(rendered):
        if path.name == ".copier-answers.yml" or path.suffix in OWN_TEMPLATES:
            continue
        found = RESIDUE.search(_without_update_advice(path, text))
        assert not found, f"{path}: {found.group(0)!r}" if found else ""
        for hit in TEMPLATING.finditer(text):
            assert text[hit.start() - 1] == "$", f"{path}: {hit.group(0)!r}"
        assert not path.name.endswith(".jinja"), path


def test_nothing_is_empty(rendered: Path) -> None:
    for path in rendered.rglob("*"):
        if path.is_dir():
            assert any(path.iterdir()), f"{path} is an empty folder"
        else:
            assert path.read_text().strip(), f"{path} is an empty file"


def test_text_files_end_with_one_newline_and_have_no_trailing_blanks(rendered: Path) -> None:
    for path, text in texts(rendered):
        assert text.endswith("\n") and not text.endswith("\n\n"), path
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), path


def test_a_person_can_read_all_of_it(rendered: Path) -> None:
    """Every line of the user's room counts; of the machinery, code without blank lines, comments and docstrings."""
    files = {path: text for path, text in texts(rendered / "src") if path.suffix == ".py"}
    machinery = {path: _code_lines(text) for path, text in files.items() if "engineroom" in path.parts}
    own = {path: len(text.splitlines()) for path, text in files.items() if path not in machinery}
    print(f"{sum(own.values()):,} lines of the user's room, {sum(machinery.values()):,} of the machinery")
    assert sum(own.values()) <= MAX_ROOM_LINES
    assert sum(lines for path, lines in machinery.items() if path.parent.name == "updating") <= MAX_UPDATING_LINES


def test_a_person_can_read_all_of_its_tests(rendered: Path) -> None:
    """Every line counts. What tests the machinery is in tests/machinery of the template."""
    assert sum(len(text.splitlines()) for _, text in texts(rendered / "tests")) <= MAX_TEST_LINES


def _code_lines(text: str) -> int:
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(
            node
        ):
            documented |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and row not in documented for row, line in lines)


def test_make_alone_lists_the_verbs(rendered: Path) -> None:
    listed = make(rendered).stdout
    verbs = "setup contract pipeline serve predict score drift promote rollback retrain test lint image deploy"
    for verb in verbs.split():
        assert re.search(rf"^ +{verb} +\S", listed, re.MULTILINE), verb


@pytest.mark.parametrize("variant", VARIANTS[::2], ids=variant_name)
def test_the_service_imports_nothing_that_trains(render: Render, variant: dict[str, str]) -> None:
    program = (
        "import sys; import {0}.__main__, {0}.app; from {0}.engineroom.serving.http import client, run\n"
        "heavy = 'sklearn torch transformers kornia pandas pyarrow mlflow dvc evidently optuna matplotlib skl2onnx'\n"
        "found = [name for name in heavy.split() if name in sys.modules]\n"
        "sys.exit(f'imported: {{found}}' if found else 0)"
    )
    run(render(**variant), "python", "-c", program.format("customer_model"), **UNTOUCHED)


def _without_update_advice(path: Path, text: str) -> str:
    """The README tells how to take later improvements, `updating` takes them; nothing else may name the tool."""
    if path.parent.name == "updating":
        return re.sub(r"\bcopier\b", "", text, flags=re.IGNORECASE)
    if path.name != "README.md":
        return text
    return re.sub(r"## Later improvements\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL)
