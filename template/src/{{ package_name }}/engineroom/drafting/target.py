"""The target of a first contract: its classes or its numbers, or why it has none."""

from collections import Counter
from pathlib import Path
from reprlib import repr as shown
from typing import Any

import yaml

from ..contract import NUMERIC, ContractError
from .profile import Profile, describe, fitting, note_markers, reads, typed

FEW_LEVELS, MANY_LEVELS = 20, 100  # a whole number with few may well be a class; a text with many is none
RARE = 10  # records of a class below which neither learning nor measuring makes sense
POSITIVE = {"1", "1.0", "true", "t", "yes", "y", "positive", "churn", "churned", "default", "fraud", "failure"}


def predicts_numbers(path: Path) -> bool | None:
    """Whether the contract there says so, whatever else it says; None when it says nothing of it."""
    try:
        kind = yaml.safe_load(path.read_text(encoding="utf-8"))["target"]["kind"]
    except (OSError, ValueError, yaml.YAMLError, TypeError, LookupError):
        return None
    return kind == "continuous" if kind in ("binary", "multiclass", "continuous") else None


def examine_target(
    name: str, raw: list[Any], values: list[Any], decimal: str, numbers: bool | None
) -> tuple[Profile, dict[str, Any]]:
    """The column and the rest of the target's section, of all raw values and of those that differ.

    Args:
        numbers: whether the project predicts numbers, or else classes; None leaves it to the values.

    Raises:
        ContractError: the values are not what the project predicts.
    """
    found = _are_numbers(values, decimal)
    if found if numbers is None else numbers:
        return _numbers(name, raw, values, decimal)
    if found:
        raise ContractError(
            f"{name!r} is continuous ({len(values):,} different numbers), this project predicts classes: "
            "choose another target or make a regression project"
        )
    return _classes(name, raw, decimal)


def _are_numbers(values: list[Any], decimal: str) -> bool:
    """Not text, and more than a few whole numbers."""
    whole = reads(values, {"type": "integer"}, decimal) and len(values) <= FEW_LEVELS
    return not whole and reads(values, {"type": "number"}, decimal)


def _numbers(name: str, raw: list[Any], values: list[Any], decimal: str) -> tuple[Profile, dict[str, Any]]:
    spec = next(fitting(values, decimal, NUMERIC), None)
    if spec is None:
        odd = next((value for value in values if not reads([value], {"type": "number"}, decimal)), values[0])
        raise ContractError(
            f"{name!r} holds text such as {shown(odd)}, this project predicts a number: choose another target "
            "or make a classification project"
        )
    notes = [f"only {len(values)} different numbers: are they classes?"] if len(values) <= FEW_LEVELS else []
    profile = Profile(name, spec | {"role": "target"}, typed(raw, spec, decimal), notes)
    describe(profile)
    return profile, {"kind": "continuous", "unit": ""}


def _classes(name: str, raw: list[Any], decimal: str) -> tuple[Profile, dict[str, Any]]:
    """Labels are text as the data spells them, whole numbers too: they have names, not sizes."""
    spec = {"type": "category", "role": "target"}
    profile = Profile(name, spec, typed(raw, spec, decimal))
    counts = Counter(profile.present)
    if len(counts) > min(MANY_LEVELS, max(2, len(profile.present) / 3)):
        raise ContractError(
            f"{name!r} has {len(counts):,} different values, such as {shown(min(counts))}, in "
            f"{len(profile.present):,} records, so it holds no classes: choose another target"
        )
    if len({label.casefold() for label in counts}) < len(counts):
        labels = ", ".join(map(shown, sorted(counts)))
        raise ContractError(f"{name!r} spells one class in two ways ({labels}): write it one way in the data")
    profile.spec["allowed"] = sorted(counts)
    profile.notes += [f"only {n} records of {shown(label)}" for label, n in counts.items() if n < RARE]
    note_markers(profile)
    return profile, _kind_of(counts)


def _kind_of(counts: Counter[Any]) -> dict[str, str]:
    """Of two classes the positive one is what its name says, else the rarer."""
    if len(counts) > 2:
        return {"kind": "multiclass"}
    positive = min(sorted(counts), key=lambda label: (label.lower() not in POSITIVE, counts[label]))
    return {"kind": "binary", "positive": positive}
