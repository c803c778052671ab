"""The gate's checks: each passes, or says why not."""

from typing import Any

from ..contract import Contract
from .kinds import decision_type
from .metrics import EXPLAINED, explained, higher_is_better

PARITY_LIMIT = 1e-5
TOO_GOOD = {"r2": 0.99, "roc_auc": 0.99}  # what few honest problems allow


def reasons(checks: list[dict[str, Any]]) -> list[str]:
    """What failed checks say."""
    return [check["says"] for check in checks if not check["passed"]]


def check(name: str, passed: bool, says: str) -> dict[str, Any]:
    return {"name": name, "passed": bool(passed), "says": says}


def too_good(evaluation: dict[str, Any]) -> list[str]:
    """A sentence where the model knows so much that something may have given it away; it stops nothing."""
    leading = " and ".join(repr(entry["column"]) for entry in evaluation["importance"][:2])
    return [
        f"{EXPLAINED[metric][0]} is {found['value']:.4f}, which is nearly always too good to be true: are the columns "
        f"that matter most, {leading}, known before the outcome?"
        for metric, limit in TOO_GOOD.items()
        if (found := evaluation["metrics"].get(metric)) and found["value"] > limit
    ]


def title(evaluation: dict[str, Any]) -> str:
    """The deciding metric's name for readers."""
    return explained(evaluation)[evaluation["metric"]][0]


def check_baseline(contract: Contract, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Better than the best model that knows nothing of a record, whatever chance did to the test part."""
    gain, margin = evaluation["gain_over_baseline"], contract.acceptance.margin
    says = f"{title(evaluation)} is better than the baseline's by {gain['value']:.4f}"
    says += f", 95% interval from {gain['low']:.4f}; needed is more than {margin:g}"
    return check("baseline", gain["low"] > margin, says)


def check_chance(evaluation: dict[str, Any]) -> dict[str, Any]:
    """No random order of the test targets fits the answers as well."""
    found = evaluation["chance"]
    fits = "1 fits" if found["as_good"] else "none fits"
    says = (
        f"of {found['shuffles']} random orders of the test targets, {fits} the model's answers as well as the true one"
    )
    return check("chance", not found["as_good"], says)


def good_enough(value: float, limit: float, evaluation: dict[str, Any]) -> bool:
    """Whether a value of the deciding metric is on the right side of a limit."""
    return value >= limit if higher_is_better(evaluation)[evaluation["metric"]] else value <= limit


def check_minimum(contract: Contract, evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """The contract's least (or most) of the deciding metric, where it states one."""
    limit = contract.acceptance.minimum
    if limit is None:
        return []
    value = evaluation["metrics"][evaluation["metric"]]["value"]
    says = f"{title(evaluation)} is {value:.4f}, the contract asks for {limit:g}"
    return [check("minimum", good_enough(value, limit, evaluation), says)]


def check_slices(contract: Contract, evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """The contract's floor for each slice that has enough rows, where it states one."""
    floor = contract.acceptance.slice_floor
    if floor is None:
        return []
    checks = []
    for entry in evaluation["slices"]:
        if (value := entry.get("value")) is not None:
            where = f"where {entry['column']} is {entry['level']!r}"
            says = f"{title(evaluation)} is {value:.4f} {where}, the floor is {floor:g}"
            checks.append(check("slice", good_enough(value, floor, evaluation), says))
    return checks


def check_parity(contract: Contract, training: dict[str, Any]) -> dict[str, Any]:
    """Bundle and trained model agree."""
    error, unit = training["parity"], decision_type(contract).parity_unit
    says = f"bundle and trained model differ by at most {error:.1e} ({unit}), allowed is {PARITY_LIMIT:.0e}"
    return check("parity", error <= PARITY_LIMIT, says)


def check_latency(contract: Contract, evaluation: dict[str, Any]) -> dict[str, Any]:
    """95% of predictions are within the contract's budget, in milliseconds."""
    found, budget = evaluation["latency_ms"]["p95"], contract.acceptance.latency_ms
    says = f"95% of predictions take at most {found:.2f} ms, the budget is {budget:g} ms"
    if found > budget:
        says += "; `make pipeline` measures again, else take a smaller model, or raise acceptance.latency_ms"
    return check("latency", found <= budget, says)
