"""Data sets that no sample generator made, written as people have them: real ones where scikit-learn carries them."""

import csv
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

LIBRARIES = {"numpy": "numpy", "pandas": "pandas", "sklearn": "scikit-learn"}
MANY = 350  # texts of each library
DIGITS = 900


def write(modality: str, task: str, folder: Path) -> tuple[Path, str]:
    """Write the data for a task; gives what `make contract` takes as DATA and TARGET."""
    folder.mkdir()
    writer = {"tabular": table, "text": documentation, "image": digits}[modality]
    return writer(task, folder)


def table(task: str, folder: Path) -> tuple[Path, str]:
    """Breast cancer (benign or not) and diabetes (progression), as CSV."""
    loaded = (load_breast_cancer if task == "classification" else load_diabetes)(as_frame=True)
    loaded.frame.to_csv(folder / "table.csv", index=False)
    return folder / "table.csv", "target"


def documentation(task: str, folder: Path) -> tuple[Path, str]:
    """Docstrings of three libraries: which one is it from, or how long is it (its logarithm, from the first half)?"""
    texts = [(label, text) for name, label in LIBRARIES.items() for text in docstrings(name)[:MANY]]
    target = "library" if task == "classification" else "length"
    with (folder / "docs.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["text", target])
        for label, text in texts:
            out.writerow([text[:400], label if task == "classification" else f"{np.log(len(text)):.4f}"])
    return folder / "docs.csv", target


def docstrings(package: str) -> list[str]:
    """First docstring lines of a package's public functions and classes, each once."""
    return list(dict.fromkeys(_docstrings(package)))


def _docstrings(package: str) -> Iterator[str]:
    root = importlib.import_module(package)
    for module in sorted(found.name for found in pkgutil.iter_modules(root.__path__, package + ".")):
        if module.rpartition(".")[2].startswith(("_", "test", "conftest", "setup")):
            continue
        for _, member in inspect.getmembers(importlib.import_module(module)):
            if inspect.isfunction(member) or inspect.isclass(member):
                text = inspect.getdoc(member) or ""
                if len(text) > 60 and member.__module__.startswith(package):
                    yield text


def digits(task: str, folder: Path) -> tuple[Path, str]:
    """Handwritten digits as PNG files: a folder for each, or a list of files that tells how much ink each holds."""
    loaded = load_digits()
    chosen = np.random.default_rng(0).permutation(len(loaded.target))[:DIGITS]
    rows = []
    for number in chosen:
        image = Image.fromarray((loaded.images[number] * 255 / 16).astype(np.uint8))
        label = str(loaded.target[number])
        file = folder / "digits" / (label if task == "classification" else "all") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file)
        rows.append([file.relative_to(folder / "digits"), f"{loaded.images[number].sum():.0f}"])
    if task == "classification":
        return folder / "digits", "folder"
    with (folder / "digits/list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "ink"], *rows])
    return folder / "digits/list.csv", "ink"
