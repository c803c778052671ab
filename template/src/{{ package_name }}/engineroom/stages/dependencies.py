"""Does dvc.yaml name all that each stage reads and runs? After an edit of anything else, DVC would keep a stale result.

Read from the syntax tree of a stage's module and of the project's own modules that it imports, without running them:
imports, names that `artifacts` gives to files, and paths written in the code that exist. A path that is put together
at run time is not seen.
"""

import ast
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .. import artifacts

DVC, CONTRACT = Path("dvc.yaml"), Path("contract.yaml")
PACKAGE = Path(os.path.relpath(Path(__file__).parents[2]))
ROOTS = (PACKAGE.parent, Path())  # where `python -m` finds modules: the installed package, and the project's folder
ENGINEROOM = PACKAGE / "engineroom"
FILES, KNOBS = (ENGINEROOM / room / "__init__.py" for room in ("artifacts", "settings"))
NAMING = {  # they name what others read
    ENGINEROOM / name
    for name in ("artifacts/paths.py", "settings/environment.py", "settings/params.py", "reading/tables.py")
}
SETTINGS = {"load_params": Path("params.yaml"), "Environment": Path("project.env")}


def missing() -> list[str]:
    """A sentence for each line that dvc.yaml lacks, with the line."""
    stages = dict(_stages(_read(DVC)))
    own = {stage: module for stage, content in stages.items() if (module := _module(content))}
    made = [path for content in stages.values() for path in _listed(content, "outs", "metrics", "plots")]
    found = []
    for stage, module in own.items():
        listed = _listed(stages[stage], "deps", "outs", "metrics", "plots")
        found += [
            f"{DVC}: the stage {stage} needs `- {path.as_posix()}` under deps, as {why.as_posix()} uses it"
            for path, why in sorted(_needed(module, {*own.values()}, made).items())
            if not _covered(path, listed)
        ]
    return found + _of_the_source(stages, own)


def _of_the_source(stages: Mapping[str, Any], own: Mapping[str, Path]) -> list[str]:
    """What keeps DVC from seeing a change of the raw data."""
    source = _read(CONTRACT)["source"]
    data = Path(os.path.normpath(source["path"]))
    read = data.parent if source.get("files") and not data.is_dir() else data
    inside = (Path(folder, name) for folder, names, _ in os.walk(read) for name in names)
    found = [
        f"{CONTRACT}: source.path leads through the link {link}, behind which DVC sees nothing: put the data there"
        for link in (data, *data.parents, *inside)
        if link.is_symlink()
    ]
    for stage, module in own.items():
        if ENGINEROOM / "reading/source.py" in _closure(module) and not _covered(read, _listed(stages[stage], "deps")):
            found.append(
                f"{CONTRACT}: source.path is {data}, which the stage {stage} does not depend on: move the data to "
                f"data/raw and correct source.path, or add `- {read.as_posix()}` to the stage's deps in {DVC}"
            )
    return found


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _stages(content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, stage in content["stages"].items():
        yield name, stage.get("do", stage)  # of a stage with `foreach` or `matrix`


def _listed(stage: Mapping[str, Any], *keys: str) -> list[Path]:
    """Paths as the project's folder sees them; an entry may be a mapping from its path to options."""
    entries = [entry for key in keys for entry in stage.get(key, ())]
    names = [name for entry in entries for name in ([entry] if isinstance(entry, str) else entry)]
    return [Path(os.path.normpath(Path(stage.get("wdir", ".")) / name)) for name in names]


def _module(stage: Mapping[str, Any]) -> Path | None:
    """The file that a stage's command runs, if it is one of the project's own."""
    command = stage["cmd"] if isinstance(stage["cmd"], str) else " ".join(stage["cmd"])
    for name, script in re.findall(r"-m\s+([\w.]+)|([\w./-]+\.py)\b", command):
        files = [Path(script)] if script else [*_files(name)][-1:]
        if files and files[0].is_file():
            return files[0]
    return None


def _covered(path: Path, listed: list[Path]) -> bool:
    return any(known == path or known in path.parents for known in listed)


def _needed(module: Path, stages: set[Path], made: list[Path]) -> dict[Path, Path]:
    """What a stage needs, and the file that says so. Other stages' modules are code for it, not what they read."""
    closure, needed = _closure(module), dict[Path, Path]()
    for file, why in closure.items():
        needed.setdefault(_room(file), why)
    for file in closure.keys() - NAMING - (stages - {module}):
        for path in _paths(file):
            if _covered(path, made) or _holds_data(path):
                needed.setdefault(_room(path), file)
    return needed


def _room(path: Path) -> Path:
    """A stage depends on a room of the machinery as a whole, on all else file by file."""
    return ENGINEROOM / path.relative_to(ENGINEROOM).parts[0] if path.is_relative_to(ENGINEROOM) else path


def _holds_data(path: Path) -> bool:
    """Is it a file or a folder of files, and neither code, nor what a run leaves behind, nor one machine's settings?"""
    if path.parts[:1] in ((), ("artifacts",), (".env",)) or path.suffix == ".py":
        return False
    return path.is_file() or (".." not in path.parts and path.is_dir() and not any(path.glob("*.py")))


@cache
def _closure(module: Path) -> dict[Path, Path]:
    """Each of the project's modules that importing one loads, and which one imports it first."""
    found, waiting = {module: module}, [module]
    while waiting:
        file = waiting.pop()
        for imported in (path for _, path, _ in _imports(file)):
            if imported not in found and _has_code(imported):
                found[imported] = file
                waiting.append(imported)
    return found


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_bytes(), str(file))


def _has_code(file: Path) -> bool:
    """More than a docstring, which most `__init__.py` are."""
    return any(not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant) for node in _tree(file).body)


@cache
def _imports(file: Path) -> list[tuple[str, Path, str]]:
    """Of each import of a module of the project's own: the local name, the module's file, the name in it."""
    if _homes(file):
        return [("", ENGINEROOM / "lazy.py", "")]  # a room's face imports what is asked of it, see `_behind`
    found = []
    roots = ROOTS if file.is_relative_to(PACKAGE) else (file.parent, *ROOTS)  # a script finds what lies beside it
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            found += [(alias.asname or "", path, "") for alias in node.names for path in _files(alias.name, roots)]
        elif isinstance(node, ast.ImportFrom):
            base = _dotted(file, node.level) + (node.module or "")
            for name, local in ((alias.name, alias.asname or alias.name) for alias in node.names):
                files = [*_files(f"{base}.{name}", roots)]
                found += [(local, path, name) for path in files]
                found += [("", path, "") for face in files[-1:] for path in _behind(face, name)]
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            names = [value.value for value in node.args if isinstance(value, ast.Constant)]
            for name in (str(name) for name in names[:1]):
                level = len(name) - len(name.lstrip("."))
                found += [("", path, "") for path in _files(_dotted(file, level) + name.lstrip("."))]
    return found


@cache
def _homes(face: Path) -> dict[str, Path]:
    """Of a room of the machinery, the module behind each name of its face, which imports it once it is asked for."""
    if face.name != "__init__.py" or not face.is_relative_to(ENGINEROOM):
        return {}
    imports = [node for node in ast.walk(_tree(face)) if isinstance(node, ast.ImportFrom) and node.level == 1]
    return {alias.name: face.parent / f"{node.module}.py" for node in imports for alias in node.names}


def _behind(face: Path, name: str) -> set[Path]:
    """The modules that a name of a room needs; of a room that is imported as a whole, all."""
    homes = _homes(face)
    return {homes[name]} if name in homes else set(homes.values())


def _dotted(file: Path, level: int) -> str:
    """The dotted beginning of a relative import; empty for an absolute one."""
    if not level:
        return ""
    root = next(root for root in ROOTS if file.is_relative_to(root))
    return "".join(f"{part}." for part in file.relative_to(root).parts[:-level])


def _files(dotted: str, roots: Sequence[Path] = ROOTS) -> Iterator[Path]:
    """The files that importing a name runs, outermost first, where they are the project's own."""
    parts = dotted.strip(".").split(".")
    for root in roots:
        for length in range(1, len(parts) + 1):
            path = root.joinpath(*parts[:length])
            yield from (file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file())


def _called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def _paths(file: Path) -> Iterator[Path]:
    """What a module reads, as far as its text tells."""
    names: dict[str, Path] = {}
    for local, path, name in _imports(file):
        if path == FILES and isinstance(known := getattr(artifacts, name, None), Path):
            names[local] = known
        elif path == KNOBS and name in SETTINGS:
            names[local] = SETTINGS[name]
    for statement in _tree(file).body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if isinstance(target, ast.Name) and (value := _value(statement.value, file, names)):
                names[target.id] = value
    for node in ast.walk(_tree(file)):
        if (value := _value(node, file, names)) is not None:
            if isinstance(node, ast.Constant):  # a word may be the name of anything
                yield from (path for path in (value, file.parent / value) if path.suffix or "/" in str(node.value))
            else:
                yield Path(os.path.relpath(value))


def _value(node: ast.AST, file: Path, names: Mapping[str, Path]) -> Path | None:
    """The path that an expression stands for."""

    def of(*nodes: ast.AST) -> Path | None:
        parts = [_value(node, file, names) for node in nodes]
        known = [part for part in parts if part is not None]
        return Path(*known) if len(known) == len(parts) else None

    match node:
        case ast.Constant(value=str(text)) if 0 < len(text) < 200 and text.isprintable():
            return Path(text)
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if "/" in text:
            return Path(text).parent if text[-1] != "/" else Path(text)
        case ast.Name(id="__file__"):
            return file
        case ast.Name(id=name):
            return names.get(name)
        case ast.Attribute(value=ast.Name(id="artifacts"), attr=name):
            known = getattr(artifacts, name, None)
            return known if isinstance(known, Path) else None
        case ast.Attribute(value=base, attr="parent") | ast.Call(func=ast.Attribute(attr="dirname"), args=[base]):
            return path.parent if (path := of(base)) else None
        case ast.Subscript(value=ast.Attribute(value=base, attr="parents"), slice=ast.Constant(value=int(level))):
            path = of(base)
            return path.parents[level] if path and level < len(path.parents) else None
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return of(left, right)
        case ast.Call(func=ast.Name(id="read_part"), args=[ast.Constant(value=str(part))]):
            return artifacts.PARTS / f"{part}.parquet"
        case ast.Call(func=ast.Attribute(value=base, attr="with_name"), args=[name]):
            path, last = of(base), of(name)
            return path.with_name(last.name) if path and last else None
        case ast.Call(func=ast.Attribute(value=base, attr="joinpath"), args=parts):
            return of(base, *parts)
        case (
            ast.Call(func=ast.Attribute(value=base, attr="resolve" | "absolute"))
            | ast.Call(func=ast.Attribute(attr="abspath" | "realpath"), args=[base])
        ):
            return of(base)
        case ast.Call(func=ast.Attribute(attr="join")) | ast.Call(func=ast.Name(id="Path")) if node.args:
            return of(*node.args)
    return None


def check_dependencies() -> int:
    """Print each line that dvc.yaml lacks. Gives the exit status: 1 where there are some."""
    try:
        found = missing()
    except (SyntaxError, yaml.YAMLError) as error:
        found = [" ".join(f"{error}".split())]
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0
