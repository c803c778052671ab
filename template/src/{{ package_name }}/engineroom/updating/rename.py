"""A new name for the package, everywhere in the project: `copier update` with another name would instead lay new files
beside the old ones, and the edits would stay behind.

The name may be a word that means something else as well, such as `churn`. So it is replaced where only the package can
be meant: imports, module paths, `src/...`, image names, the distribution's name. The DVC remote, the Kubernetes
namespace and the host stay: they are answers of their own, and data and users are there.
"""

import importlib.util
import keyword
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from .repository import ANSWERS, answer, git, require_clean_project

# Names that the template refuses, and that may not be importable or a folder here.
RESERVED = {
    *("artifacts", "copier", "data", "deploy", "docs", "dvc", "evidently", "fastapi", "mlflow", "numpy", "onnx"),
    *("onnxruntime", "optuna", "pandas", "pydantic", "scipy", "sklearn", "src", "starlette", "test", "tests", "torch"),
    *("uvicorn", "yaml"),
}
PREFIX = 40  # letters of the name that Kubernetes' objects begin with
Rule = tuple[re.Pattern[bytes], bytes]


def rename_package(new: str) -> None:
    """Rename the package and write its new name everywhere; a fault ends the process with a sentence."""
    require_clean_project()
    old = answer("package_name")
    if mistake := _mistake(old, new):
        sys.exit(mistake)
    files = [file for name in git("ls-files", "-z").split("\0") if (file := Path(name)).is_file()]
    rules = _rules(old, new, answer("container_registry"))
    in_code = re.compile(rf"^\s*import {old}\b(?! as )".encode(), re.MULTILINE)
    changed = sum(_rewrite(file, rules, in_code) for file in files if not file.is_symlink())
    git("mv", f"src/{old}", f"src/{new}")
    print(_report(old, new, changed))


def _mistake(old: str, new: str) -> str:
    """Why `old` cannot become `new`, or nothing."""
    if not Path("src", old).is_dir():
        return f"src/{old} is not here, although {ANSWERS} says package_name: {old}: correct the line first"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", new):
        return f"{new!r} is no package name: lower-case letters, digits and underscores, a letter first, as churn_model"
    if keyword.iskeyword(new) or keyword.issoftkeyword(new):
        return f"{new!r} is a Python keyword: choose another name, for example {new}_model"
    if new == old or Path("src", new).exists():
        return f"src/{new} is there already: choose another name, or move that folder away"
    if new in RESERVED or importlib.util.find_spec(new):
        return f"{new!r} would hide a library or a folder of that name: choose another name, for example {new}_model"
    return ""


def _rules(old: str, new: str, registry: str) -> list[Rule]:
    """What is replaced by what: places where the name of the package, or of the distribution, can stand."""
    inside = "|".join(sorted(re.escape(path.stem) for path in Path("src", old).iterdir()))
    module = rf"(?=\.(?:{inside})(?!\w))"
    package = (
        rf"(?<![\w./-])<>{module}",  # first, see _rewrite
        r"^package_name: <>$",
        r"^\s*(?:from|import) <>(?!\w)",
        r"(?<![\w-])src/<>(?![\w-])",
        r"-m(?: |\", \"|\n +- )<>(?![\w-])",
        rf"[\"'`]<>{module}",
        r"(?:/v2/models/|error:::|No module named )<>(?![\w-])",
    )
    distribution = (
        rf"(?<![\w.-]){re.escape(registry)}/<>(?=-monitoring(?![\w-])|(?![\w-]))",
        r"(?:(?<!\w)name = |^name: )\"<>(?=\")",
        r"(?:^|\"|\.venv/bin/)<>(?=\[| = \"|\)\"`)",
    )
    objects = (
        r"^namePrefix: <>(?=-)",
        r"app\.kubernetes\.io/name[:=] ?\"?<>(?![\w-])",
        r"(?<![\w/-])<>(?=-(?:tls|prediction-log|api-keys)(?![\w-]))",
    )
    names = _distribution(old), _distribution(new)
    short = names[0][:PREFIX].rstrip("-"), names[1][:PREFIX].rstrip("-")
    return [*_filled(package, old, new), *_filled(distribution, *names), *_filled(objects, *short)]


def _filled(patterns: Sequence[str], old: str, new: str) -> list[Rule]:
    """Rules in which all before `<>` stays, and `<>` is the name."""
    return [
        (re.compile(f"({start}){re.escape(old)}{end}".encode(), re.MULTILINE), rb"\g<1>" + new.encode())
        for start, end in (pattern.split("<>") for pattern in patterns)
    ]


def _distribution(package: str) -> str:
    return package.replace("_", "-").rstrip("-")


def _rewrite(file: Path, rules: Sequence[Rule], in_code: re.Pattern[bytes]) -> bool:
    """Was there a name to replace? In code `name.module` is the package only where `import name` stands: the first
    rule waits for that, as an object may have the same name. Binary files are left alone."""
    before = after = file.read_bytes()
    if b"\0" in before:
        return False
    ambiguous = file.suffix == ".py" and not in_code.search(before)
    for pattern, replacement in rules[1:] if ambiguous else rules:
        after = pattern.sub(replacement, after)
    if after != before:
        file.write_bytes(after)
    return after != before


def _report(old: str, new: str, changed: int) -> str:
    return f"""{old} is {new} now, in {changed} files.
The DVC remote, the Kubernetes namespace and the host are what they were. What still has the old name is yours to judge:
    git grep -nw -e {old} -e {_distribution(old)}
Images, Kubernetes objects and the registered model get the new name with the next make image, deploy and promote."""
