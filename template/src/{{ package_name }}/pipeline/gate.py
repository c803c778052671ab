"""Stage 7: is the model good enough? Passes, or names each reason why not.

The verdict is written, not raised, so that the report can still show it; `accept` ends `make pipeline` with it.
"""

from ..engineroom import contract as contracts
from ..engineroom.artifacts import EVALUATION, GATE, INGEST, TRAINING, read_json, write_json
from ..engineroom.judging import (
    check_baseline,
    check_chance,
    check_latency,
    check_minimum,
    check_parity,
    check_slices,
    reasons,
    too_good,
)
from ..engineroom.stages import PipelineError, command


def gate() -> None:
    contract, evaluation, training = contracts.load(), read_json(EVALUATION), read_json(TRAINING)
    if evaluation.get("model_version") != (version := training["model_version"]):
        raise PipelineError(f"{EVALUATION} is about another model than {version}: run `make pipeline`")
    checks = [
        check_baseline(contract, evaluation),
        check_chance(evaluation),
        *check_minimum(contract, evaluation),
        *check_slices(contract, evaluation),
        check_parity(contract, training),
        check_latency(contract, evaluation),
    ]
    passed, doubts = all(check["passed"] for check in checks), [*read_json(INGEST)["notices"], *too_good(evaluation)]
    write_json(GATE, {"passed": passed, "model_version": version, "checks": checks, "doubts": doubts})
    print("gate: passed" if passed else "gate: FAILED: " + "; ".join(reasons(checks)))
    for doubt in doubts:
        print(f"gate: in doubt: {doubt}")


def slow() -> bool:
    """Whether the last verdict found predictions too slow: that is then measured again."""
    return any(check["name"] == "latency" and not check["passed"] for check in read_json(GATE)["checks"])


if __name__ == "__main__":
    command(gate)
