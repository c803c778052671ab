"""The target of a first contract: its numbers, or why it has none."""

from typing import Any

from .engineroom.contract import NUMERIC, ContractError
from .profile import Finding, describe, fitting, reads, shown, typed

FEW_LEVELS = 20  # different numbers that may well be classes


def examine_target(name: str, raw: list[Any], values: list[Any], decimal: str) -> tuple[Finding, dict[str, Any]]:
    """The column and the rest of the target's section, of all raw values and of those that differ.

    Raises:
        ContractError: the values are no numbers.
    """
    spec = next(fitting(values, decimal, NUMERIC), None)
    if spec is None:
        odd = next((value for value in values if not reads([value], {"type": "number"}, decimal)), values[0])
        raise ContractError(
            f"{name!r} holds text such as {shown(odd)}, this project predicts a number: choose another target "
            "or make a classification project"
        )
    notes = [f"only {len(values)} different numbers: are they classes?"] if len(values) <= FEW_LEVELS else []
    finding = Finding(name, spec | {"role": "target"}, typed(raw, spec, decimal), notes)
    describe(finding)
    return finding, {"kind": "continuous", "unit": ""}
