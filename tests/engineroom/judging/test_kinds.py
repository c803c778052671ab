"""The contract's target decides on the kind of decision, and a manifest says which one it was."""

from typing import Any

import pytest
from engineroom.contract import Contract, ContractError, parse
from engineroom.judging import AnyDecision, ClassDecision, ValueDecision, decision_type, new_decision
from pydantic import TypeAdapter, ValidationError

TARGETS = {"binary": {"positive": "yes"}, "multiclass": {}, "continuous": {}}


def contract(kind: str) -> Contract:
    column = {"type": "number" if kind == "continuous" else "category", "role": "target"}
    return parse(
        {
            "problem": {"name": "made"},
            "source": {"path": "made.csv"},
            "target": {"name": "y", "kind": kind, **TARGETS[kind]},
            "columns": {"x": {"type": "number"}, "y": column},
        },
        "made",
    )


@pytest.mark.parametrize(
    ("kind", "values", "found"),
    [
        ("binary", ["yes", "no", "yes"], {"kind": "binary", "classes": ["no", "yes"], "threshold": 0.5}),
        ("multiclass", ["c", "a", "b"], {"kind": "multiclass", "classes": ["a", "b", "c"], "threshold": 0.5}),
        ("continuous", [1.0, 2.0], {"kind": "continuous", "half_width": 0.0, "coverage": 0.0}),
    ],
)
def test_a_decision_survives_the_way_through_a_manifest(kind: str, values: list[Any], found: dict[str, Any]) -> None:
    decision = new_decision(values, contract(kind))
    assert decision.model_dump(mode="json") == found and list(found) == list(decision.model_dump())
    assert TypeAdapter[Any](AnyDecision).validate_python(found) == decision
    assert type(decision) is decision_type(contract(kind))


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("binary", ["no", "maybe"], "a binary target with positive 'yes' needs two classes"),
        ("multiclass", ["a", "a"], "has one class only"),
        ("continuous", [2.0, 2.0], "has one value only: 2.0"),
    ],
)
def test_targets_that_do_not_fit_are_refused(kind: str, values: list[Any], said: str) -> None:
    with pytest.raises(ContractError, match=said):
        new_decision(values, contract(kind))


def test_fields_of_another_kind_are_refused() -> None:
    for wrong in (
        {"kind": "continuous", "classes": ["a", "b"]},
        {"kind": "binary", "half_width": 1},
        {"kind": "other"},
    ):
        with pytest.raises(ValidationError):
            TypeAdapter[Any](AnyDecision).validate_python(wrong)


def test_only_classes_have_weights() -> None:
    assert ClassDecision.class_weights == (None, "balanced") and ValueDecision.class_weights == (None,)
