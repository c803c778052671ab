"""Stage 3: train, validation and test parts: by time or by group when the contract names one, else at random."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    train_test_split,
)

from .. import contract as contracts
from ..artifacts import CLEAN, PARTS, SPLIT, write_json
from ..contract import Contract
from ..settings import load_params
from ..task import encode_target, new_decision, strata
from . import PipelineError, command
from .table import read, target_of, write

Parts = dict[str, np.ndarray]  # part name -> row numbers
ONE_OF = 5


def split() -> None:
    contract, params = contracts.load(), load_params()
    table = read(CLEAN)
    parts = divide(table, contract, params.seed)
    refuse_overlap(table, parts, contract)
    refuse_missing_classes(table, parts, contract)
    for name, rows in parts.items():
        write(table.take(rows), PARTS / f"{name}.parquet")
    counts = {name: len(rows) for name, rows in parts.items()}
    write_json(SPLIT, {"method": method(contract), "rows": counts, "periods": periods(table, parts, contract)})
    print(f"split: {method(contract)}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))


def method(contract: Contract) -> str:
    if time := contract.only("time"):
        return f"by time ({time})"
    if group := contract.only("group"):
        return f"by group ({group})"
    return "at random, stratified" if contract.split.stratify else "at random"


def periods(table: pa.Table, parts: Parts, contract: Contract) -> dict[str, tuple[str, str]]:
    """First and last moment of each part; empty when the contract names no time column."""
    time = contract.only("time")
    if time is None:
        return {}
    times = {name: table.column(time).to_pandas().iloc[rows] for name, rows in parts.items()}
    ends = {name: (str(part.min()), str(part.max())) for name, part in times.items()}
    return {
        name: (first.removesuffix(" 00:00:00"), last.removesuffix(" 00:00:00")) for name, (first, last) in ends.items()
    }


def labels_of(table: pa.Table, contract: Contract) -> np.ndarray:
    """The target as numbers (n,). Raises ContractError when the labels do not fit the contract."""
    values = target_of(table, contract)
    return encode_target(values, new_decision(values, contract))


def divide(table: pa.Table, contract: Contract, seed: int) -> Parts:
    """Row numbers of each part."""
    rows = np.arange(table.num_rows)
    if time := contract.only("time"):
        return _by_time(table.column(time).to_pandas(), contract)
    if group := contract.only("group"):
        groups = groups_of(table, group)
        return _twice(lambda part, share: _group_cut(part, groups, share, seed), rows, contract)
    classes = strata(labels_of(table, contract)) if contract.split.stratify else None
    return _twice(lambda part, share: _random_cut(part, classes, share, seed), rows, contract)


def groups_of(table: pa.Table, group: str) -> np.ndarray:
    """The group of each row. Raises PipelineError when one is missing."""
    values = table.column(group)
    if values.null_count:
        raise PipelineError(
            f"column {group!r}: a split by group needs a group in every row, {values.null_count} lack it"
        )
    return values.to_numpy()


def _twice(cut, rows: np.ndarray, contract: Contract) -> Parts:  # type: ignore[no-untyped-def]
    """Cut off the test part, then the validation part from what is left."""
    ratios = contract.split
    rest, test = cut(rows, ratios.test)
    train, validation = cut(rest, ratios.validation / (ratios.train + ratios.validation))
    return {"train": train, "validation": validation, "test": test}


def _random_cut(rows: np.ndarray, classes: np.ndarray | None, share: float, seed: int) -> list[np.ndarray]:
    try:
        chosen = None if classes is None else classes[rows]
        return [np.sort(part) for part in train_test_split(rows, test_size=share, stratify=chosen, random_state=seed)]
    except ValueError as error:
        raise PipelineError(f"too few records to stratify: {error} Set split.stratify to false to do without") from None


def _group_cut(rows: np.ndarray, groups: np.ndarray, share: float, seed: int) -> list[np.ndarray]:
    splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    return [rows[part] for part in next(splitter.split(rows, groups=groups[rows]))]


def _by_time(times: pd.Series, contract: Contract) -> Parts:
    """Oldest rows train, newest test; rows of one moment stay together."""
    if times.isna().any():
        raise PipelineError(
            f"column {times.name!r}: a split by time needs a time in every row, {times.isna().sum()} lack it"
        )
    share = times.rank(method="max", pct=True).to_numpy()
    train = share <= contract.split.train
    test = share > contract.split.train + contract.split.validation
    parts = {"train": train, "validation": ~train & ~test, "test": test}
    return {name: np.flatnonzero(mask) for name, mask in parts.items()}


def refuse_overlap(table: pa.Table, parts: Parts, contract: Contract) -> None:
    """No id and no group may stand in two parts: the model would be tested on what it has seen."""
    by_time = contract.only("time") is not None
    for name in dict.fromkeys((*contract.with_role("group"), *(() if by_time else contract.with_role("id")))):
        if name not in table.column_names:
            continue
        values = table.column(name).to_pandas()
        seen = {part: set(values.iloc[rows].dropna()) for part, rows in parts.items()}
        shared = (
            (seen["train"] & seen["test"]) | (seen["train"] & seen["validation"]) | (seen["validation"] & seen["test"])
        )
        if shared:
            raise PipelineError(
                f"column {name!r}: {len(shared)} value(s), such as {sorted(shared)[0]!r}, stand in more than one part; "
                "give it role: [id, group] so that its rows stay together, or type: ignored if it identifies nothing"
            )
    empty = [name for name, rows in parts.items() if len(rows) == 0]
    if empty:
        raise PipelineError(f"the {' and '.join(empty)} part is empty: there are too few records or groups")


def refuse_missing_classes(table: pa.Table, parts: Parts, contract: Contract) -> None:
    """Every class must stand in every part, or it can neither be learned nor judged."""
    if contract.target.kind == "continuous":
        return
    labels = table.column(contract.target.name).to_pandas()
    for name, rows in parts.items():
        absent = set(labels) - set(labels.iloc[rows])
        if absent:
            raise PipelineError(
                f"target {contract.target.name!r}: no record of class {sorted(absent)[0]!r} is in the {name} part; "
                "leave the class out, collect more of it, or stratify the split"
            )


def folds(
    table: pa.Table, contract: Contract, y: np.ndarray, count: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cross-validation of the training part in the way of the split: (rows to fit on, rows to score).

    One fold is the last of five: enough for models that take long to fit, and of a time split the newest rows.
    """
    if count == 1:
        yield list(folds(table, contract, y, ONE_OF, seed))[-1]
        return
    rows = np.arange(table.num_rows)
    if time := contract.only("time"):
        moments, moment = np.unique(table.column(time).to_numpy(), return_inverse=True)
        for earlier, later in TimeSeriesSplit(count).split(moments):  # rows of one moment stay together
            yield np.flatnonzero(np.isin(moment, earlier)), np.flatnonzero(np.isin(moment, later))
        return
    classes, group = strata(y), contract.only("group")
    if group:
        groups = groups_of(table, group)
        splitter = StratifiedGroupKFold(count) if contract.split.stratify else GroupKFold(count)
        yield from splitter.split(rows, classes, groups)
    elif contract.split.stratify:
        yield from StratifiedKFold(count, shuffle=True, random_state=seed).split(rows, classes)
    else:
        yield from KFold(count, shuffle=True, random_state=seed).split(rows)


if __name__ == "__main__":
    command(split)
