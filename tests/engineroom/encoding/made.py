"""Contracts for tests of encoders."""

from pathlib import Path
from typing import Any

from engineroom.contract import Contract, parse

MACHINERY = str(Path(__file__).parents[3] / "template/src/{{ package_name }}")


def contract_of(**features: dict[str, Any]) -> Contract:
    """A contract with these feature columns."""
    return parse(
        {
            "problem": {"name": "made"},
            "source": {"path": "made.csv"},
            "target": {"name": "y", "kind": "continuous"},
            "columns": {**features, "y": {"type": "number", "role": "target"}},
            "quality": {"drop_above_missing": 0.9},
        },
        "made",
    )
