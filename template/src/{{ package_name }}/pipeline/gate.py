"""Stage 7: is the model good enough? Passes, or names each reason why not.

The verdict is written, not raised, so that the report can still show it; `accept` ends `make pipeline` with it.
"""

from typing import Any

from ..artifacts import EVALUATION, GATE, INGEST, TRAINING, read_json, write_json
from ..engineroom import contract as contracts
from ..engineroom.contract import Contract
from ..engineroom.judging import EXPLAINED, HIGHER_IS_BETTER, decision_type
from . import PipelineError, command

PARITY_LIMIT = 1e-5
TOO_GOOD = {"r2": 0.99, "roc_auc": 0.99}  # what few honest problems allow


def gate() -> None:
    contract, evaluation, training = contracts.load(), read_json(EVALUATION), read_json(TRAINING)
    if evaluation.get("model_version") != (version := training["model_version"]):
        raise PipelineError(f"{EVALUATION} is about another model than {version}: run `make pipeline`")
    checks = [
        baseline(contract, evaluation),
        chance(evaluation),
        *minimum(contract, evaluation),
        *slice_floor(contract, evaluation),
        parity(contract, training),
        latency(contract, evaluation),
    ]
    passed, doubts = all(check["passed"] for check in checks), [*read_json(INGEST)["notices"], *too_good(evaluation)]
    write_json(GATE, {"passed": passed, "model_version": version, "checks": checks, "doubts": doubts})
    print("gate: passed" if passed else "gate: FAILED: " + "; ".join(reasons(checks)))
    for doubt in doubts:
        print(f"gate: in doubt: {doubt}")


def slow() -> bool:
    """Whether the last verdict found predictions too slow: that is then measured again."""
    return any(check["name"] == "latency" and not check["passed"] for check in read_json(GATE)["checks"])


def reasons(checks: list[dict[str, Any]]) -> list[str]:
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
    return EXPLAINED[evaluation["metric"]][0]


def baseline(contract: Contract, evaluation: dict[str, Any]) -> dict[str, Any]:
    gain, margin = evaluation["gain_over_baseline"], contract.acceptance.margin
    says = f"{title(evaluation)} is better than the baseline's by {gain['value']:.4f}"
    says += f", 95% interval from {gain['low']:.4f}; needed is more than {margin:g}"
    return check("baseline", gain["low"] > margin, says)


def chance(evaluation: dict[str, Any]) -> dict[str, Any]:
    found = evaluation["chance"]
    fits = "1 fits" if found["as_good"] else "none fits"
    says = (
        f"of {found['shuffles']} random orders of the test targets, {fits} the model's answers as well as the true one"
    )
    return check("chance", not found["as_good"], says)


def good_enough(value: float, limit: float, metric: str) -> bool:
    return value >= limit if HIGHER_IS_BETTER[metric] else value <= limit


def minimum(contract: Contract, evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    limit, metric = contract.acceptance.minimum, evaluation["metric"]
    if limit is None:
        return []
    value = evaluation["metrics"][metric]["value"]
    says = f"{title(evaluation)} is {value:.4f}, the contract asks for {limit:g}"
    return [check("minimum", good_enough(value, limit, metric), says)]


def slice_floor(contract: Contract, evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    floor, metric = contract.acceptance.slice_floor, evaluation["metric"]
    if floor is None:
        return []
    checks = []
    for entry in evaluation["slices"]:
        if (value := entry.get("value")) is not None:
            where = f"where {entry['column']} is {entry['level']!r}"
            says = f"{title(evaluation)} is {value:.4f} {where}, the floor is {floor:g}"
            checks.append(check("slice", good_enough(value, floor, metric), says))
    return checks


def parity(contract: Contract, training: dict[str, Any]) -> dict[str, Any]:
    error, unit = training["parity"], decision_type(contract).parity_unit
    says = f"bundle and trained model differ by at most {error:.1e} ({unit}), allowed is {PARITY_LIMIT:.0e}"
    return check("parity", error <= PARITY_LIMIT, says)


def latency(contract: Contract, evaluation: dict[str, Any]) -> dict[str, Any]:
    found, budget = evaluation["latency_ms"]["p95"], contract.acceptance.latency_ms
    says = f"95% of predictions take at most {found:.2f} ms, the budget is {budget:g} ms"
    if found > budget:
        says += "; `make pipeline` measures again, else take a smaller model, or raise acceptance.latency_ms"
    return check("latency", found <= budget, says)


if __name__ == "__main__":
    command(gate)
