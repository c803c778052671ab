"""Stage 3: train, validation and test parts: by time or by group when the contract names one, else at random.

At random, records that are equal in every feature stay together: a model that has seen one knows the others.
"""

import numpy as np
import pyarrow as pa

from ..engineroom import contract as contracts
from ..engineroom.artifacts import CLEAN, PARTS, SPLIT, write_json
from ..engineroom.contract import Contract
from ..engineroom.judging import decision_type
from ..engineroom.reading import read_table, write_table
from ..engineroom.settings import load_params
from ..engineroom.splitting import (
    Parts,
    cut_at_random,
    cut_by_time,
    equal_records,
    groups_of,
    labels_of,
    method_of,
    periods_of,
    refuse_missing_classes,
    refuse_overlap,
    repeated_records,
    rows_of,
    units_of,
    why_too_few,
)
from ..engineroom.stages import PipelineError, command


def split() -> None:
    contract, params = contracts.load(), load_params()
    table = read_table(CLEAN)
    parts, method = divide(table, contract, params.seed)
    refuse_overlap(table, parts, contract)
    refuse_missing_classes(table, parts, contract)
    for name, rows in parts.items():
        write_table(table.take(rows), PARTS / f"{name}.parquet")
    counts = {name: len(rows) for name, rows in parts.items()}
    facts = {"method": method, "rows": counts, "left_out": table.num_rows - sum(counts.values())}
    notices = repeated_records(equal_records(table, contract), parts)
    write_json(SPLIT, facts | {"periods": periods_of(table, parts, contract), "notices": notices})
    for notice in notices:
        print(f"split: note: {notice}")
    print(f"split: {method}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))


def divide(table: pa.Table, contract: Contract, seed: int) -> tuple[Parts, str]:
    """Row numbers of each part, and how they were divided: the one place to change that."""
    ratios, groups, classes = contract.split, groups_of(table, contract), None
    if time := contract.only("time"):
        return cut_by_time(table.column(time).to_pandas(), groups, contract), method_of(contract)
    units = units_of(table, contract) if groups is None else np.unique(groups, return_inverse=True)[1]
    first = np.unique(units, return_index=True)[1]
    if groups is None and ratios.stratify:
        classes = decision_type(contract).strata(labels_of(table, contract))[first]
    try:
        rest, test = cut_at_random(np.arange(len(first)), ratios.test, classes, seed)
        train, validation = cut_at_random(rest, ratios.validation / (ratios.train + ratios.validation), classes, seed)
    except ValueError:
        raise PipelineError(why_too_few(table.take(first), classes, contract)) from None
    cut = {"train": train, "validation": validation, "test": test}
    return {name: rows_of(units, drawn) for name, drawn in cut.items()}, method_of(contract)


if __name__ == "__main__":
    command(split)
