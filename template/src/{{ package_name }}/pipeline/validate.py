"""Stage 2: the data against the contract. Every violation is listed before the pipeline stops."""

from ..engineroom import contract as contracts
from ..engineroom.artifacts import CLEAN, VALIDATION, write_json
from ..engineroom.judging import (
    check_class_weight,
    incomplete,
    missing_shares,
    near_copies,
    nearly_empty,
    outside_values,
    primary_metric,
    rare_classes,
    stale,
    too_few_rows,
)
from ..engineroom.reading import read_table
from ..engineroom.settings import load_params
from ..engineroom.stages import PipelineError, command
from ..metrics import METRICS


def validate() -> None:
    contract, params = contracts.load(), load_params()
    primary_metric(contract, METRICS)  # a wrong name would else be found after the search
    check_class_weight(contract, params)
    frame = read_table(CLEAN).to_pandas()
    refused, accepted = outside_values(frame, contract)
    violations = [*too_few_rows(frame, contract), *rare_classes(frame, contract), *incomplete(frame, contract)]
    violations += [*refused, *stale(frame, contract)]
    if not violations:
        violations += near_copies(frame, contract, params.leakage, params.seed)
    notices = [*accepted, *nearly_empty(frame, contract)]
    write_json(VALIDATION, {"violations": violations, "notices": notices, "missing": missing_shares(frame)})
    for notice in notices:
        print(f"validate: note: {notice}")
    if violations:
        raise PipelineError(f"the data breaks the contract in {len(violations)} way(s):\n  " + "\n  ".join(violations))
    print(f"validate: {len(frame):,} rows keep the contract")


if __name__ == "__main__":
    command(validate)
