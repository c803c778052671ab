"""The contract says where it is wrong, and its digest is one of its meaning."""

from copy import deepcopy
from typing import Any

import pytest
from engineroom.contract import Contract, ContractError, parse

CONTENT: dict[str, Any] = {
    "problem": {"name": "made"},
    "source": {"path": "made.csv"},
    "target": {"name": "left", "kind": "binary", "positive": "yes"},
    "columns": {
        "customer": {"type": "id"},
        "name": {"type": "text", "role": "pii"},
        "age": {"type": "number", "min": 0, "max": 120},
        "plan": {"type": "ordinal", "order": ["basic", "plus"], "role": ["feature", "sensitive"]},
        "note": {"type": "ignored"},
        "left": {"type": "category", "role": "target"},
    },
}
MISTAKES = [
    ({"target": {"name": "nowhere", "kind": "binary", "positive": "yes"}}, "target.name"),
    ({"target": {"name": "left", "kind": "binary"}}, "target.positive"),
    ({"target": {"name": "left", "kind": "continuous"}}, "must be number or integer"),
    ({"columns": {"other": {"type": "category", "role": "target"}}}, "only 'left' may have role: target"),
    ({"split": {"train": 0.9}}, "add up to 1"),
    ({"quality": {"completness": 0.5}}, "quality.completness: no such key"),
    ({"quality": {"near_copies_allowed": ["nowhere"]}}, "quality.near_copies_allowed: no column 'nowhere'"),
    ({"acceptance": {"latency_ms": "fast"}}, "acceptance.latency_ms"),
    ({"columns": {" age ": {"type": "number"}}}, "write 'age' for ' age '"),
    ({"source": {"path": "made.csv", "files": ["nowhere"]}}, "source.files: no column 'nowhere'"),
    ({"eligibility": [{"column": "nowhere", "reason": "x"}]}, "'nowhere' is no column that is kept"),
    ({"eligibility": [{"column": "age", "min": "old", "reason": "x"}]}, "must be numbers, found 'old'"),
    ({"derived": {"ratios": [["age", "plan"]]}}, "derived: 'plan' is not a feature of type number"),
]


def contract(**change: Any) -> Contract:
    content = deepcopy(CONTENT) | change
    return parse(content | {"columns": CONTENT["columns"] | change.get("columns", {})}, "contract.yaml")


@pytest.mark.parametrize(("change", "named"), MISTAKES, ids=[named for _, named in MISTAKES])
def test_a_mistake_is_named_with_its_place(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ContractError, match="contract.yaml") as error:
        contract(**change)
    assert named in str(error.value)


def test_each_mistake_has_a_line() -> None:
    with pytest.raises(ContractError, match=r"contract.yaml has 2 mistake\(s\):\n.+\n.+") as error:
        contract(problem={}, quality={"completness": 0.5})
    assert "problem.name: this key is required" in str(error.value)


def test_the_digest_changes_with_the_meaning_only() -> None:
    given = contract()
    same = parse(dict(reversed(given.model_dump(mode="json").items())), "contract.yaml")
    assert same.digest == given.digest != contract(split={"stratify": False}).digest


def test_columns_are_told_apart_by_their_roles() -> None:
    given = contract()
    assert list(given.features) == ["age", "plan"]
    assert list(given.inputs) == ["customer", "name", "age", "plan", "note"]
    assert list(given.stored) == ["customer", "age", "plan", "left"], "neither PII nor what is ignored is kept"
    assert given.slices == ("plan",) and given.only("id") == "customer" and given.only("time") is None


def test_what_a_model_makes_no_use_of_may_be_anything_unless_a_rule_reads_it() -> None:
    rule = {"column": "age", "min": 18, "reason": "adults"}
    given = contract(eligibility=[rule]).without(["age", "plan"])
    assert given.columns["plan"].type == "ignored" and given.columns["age"].type == "number"
