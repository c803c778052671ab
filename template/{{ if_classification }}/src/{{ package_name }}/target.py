"""The target of a first contract: which classes it has, or why it has none."""

from collections import Counter
from typing import Any

from .engineroom.contract import ContractError
from .profile import Finding, note_markers, reads, shown, typed

FEW_LEVELS, MANY_LEVELS = 20, 100  # a whole number with few is a class; a text with many is none
RARE = 10  # records of a class below which neither learning nor measuring makes sense
POSITIVE = {"1", "1.0", "true", "t", "yes", "y", "positive", "churn", "churned", "default", "fraud", "failure"}


def examine_target(name: str, raw: list[Any], values: list[Any], decimal: str) -> tuple[Finding, dict[str, Any]]:
    """The column and the rest of the target's section, of all raw values and of those that differ.

    Labels are text as the data spells them, whole numbers too: they have names, not sizes.

    Raises:
        ContractError: the values are no classes.
    """
    whole = reads(values, {"type": "integer"}, decimal) and len(values) <= FEW_LEVELS
    if reads(values, {"type": "number"}, decimal) and not whole:
        raise ContractError(
            f"{name!r} is continuous ({len(values):,} different numbers), this project predicts classes: "
            "choose another target or make a regression project"
        )
    spec = {"type": "category", "role": "target"}
    finding = Finding(name, spec, typed(raw, spec, decimal))
    counts = Counter(finding.present)
    if len(counts) > min(MANY_LEVELS, max(2, len(finding.present) / 3)):
        raise ContractError(
            f"{name!r} has {len(counts):,} different values, such as {shown(min(counts))}, in "
            f"{len(finding.present):,} records, so it holds no classes: choose another target"
        )
    if len({label.casefold() for label in counts}) < len(counts):
        labels = ", ".join(map(shown, sorted(counts)))
        raise ContractError(f"{name!r} spells one class in two ways ({labels}): write it one way in the data")
    finding.spec["allowed"] = sorted(counts)
    finding.notes += [f"only {n} records of {shown(label)}" for label, n in counts.items() if n < RARE]
    note_markers(finding)
    return finding, _kind_of(finding)


def _kind_of(target: Finding) -> dict[str, str]:
    """Of two classes the positive one is what its name says, else the rarer."""
    counts = Counter(target.present)
    if len(counts) > 2:
        return {"kind": "multiclass"}
    positive = min(sorted(counts), key=lambda label: (label.lower() not in POSITIVE, counts[label]))
    return {"kind": "binary", "positive": positive}
