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
HELD_OUT = 5  # one fold only: one of so many


def split() -> None:
    contract, params = contracts.load(), load_params()
    table = read(CLEAN)
    parts = divide(table, contract, params.seed)
    refuse_overlap(table, parts, contract)
    refuse_missing_classes(table, parts, contract)
    for name, rows in parts.items():
        write(table.take(rows), PARTS / f"{name}.parquet")
    counts = {name: len(rows) for name, rows in parts.items()}
    facts = {"method": method(contract), "rows": counts, "left_out": table.num_rows - sum(counts.values())}
    write_json(SPLIT, facts | {"periods": periods(table, parts, contract)})
    print(f"split: {method(contract)}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))


def method(contract: Contract) -> str:
    time, group = contract.only("time"), contract.only("group")
    if time:
        return f"by time ({time}), later parts with new groups only ({group})" if group else f"by time ({time})"
    if group:
        return f"by group ({group})"
    return "at random, stratified" if contract.split.stratify else "at random"


def periods(table: pa.Table, parts: Parts, contract: Contract) -> dict[str, list[str]]:
    """First and last moment of each part; empty when the contract names no time column."""
    if not (time := contract.only("time")):
        return {}
    times = {name: table.column(time).to_pandas().iloc[rows] for name, rows in parts.items()}
    return {
        name: [str(end).removesuffix(" 00:00:00") for end in (part.min(), part.max())] for name, part in times.items()
    }


def labels_of(table: pa.Table, contract: Contract) -> np.ndarray:
    """The target as numbers (n,). Raises ContractError when the labels do not fit the contract."""
    values = target_of(table, contract)
    return encode_target(values, new_decision(values, contract))


def divide(table: pa.Table, contract: Contract, seed: int) -> Parts:
    """Row numbers of each part."""
    ratios, groups, classes = contract.split, groups_of(table, contract), None
    if time := contract.only("time"):
        return _by_time(table.column(time).to_pandas(), groups, contract)
    if groups is None and ratios.stratify:
        classes = strata(labels_of(table, contract))
    rest, test = _cut(np.arange(table.num_rows), ratios.test, groups, classes, seed)
    train, validation = _cut(rest, ratios.validation / (ratios.train + ratios.validation), groups, classes, seed)
    return {"train": train, "validation": validation, "test": test}


def groups_of(table: pa.Table, contract: Contract) -> np.ndarray | None:
    """The group of each row, where the contract names a group column. Raises PipelineError when one is missing."""
    if not (group := contract.only("group")):
        return None
    values = table.column(group)
    if values.null_count:
        lacking = f"{values.null_count} lack it"
        raise PipelineError(f"column {group!r}: a split by group needs a group in every row, {lacking}")
    return values.to_numpy()


def _cut(
    rows: np.ndarray, share: float, groups: np.ndarray | None, classes: np.ndarray | None, seed: int
) -> list[np.ndarray]:
    """Two parts of some rows, the second with such a share of the groups, of each class, or of all rows."""
    if groups is not None:
        splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=seed)
        return [rows[part] for part in next(splitter.split(rows, groups=groups[rows]))]
    chosen = None if classes is None else classes[rows]
    try:
        return [np.sort(part) for part in train_test_split(rows, test_size=share, stratify=chosen, random_state=seed)]
    except ValueError as error:
        raise PipelineError(f"too few records to stratify: {error} Set split.stratify to false to do without") from None


def _by_time(times: pd.Series, groups: np.ndarray | None, contract: Contract) -> Parts:
    """Oldest rows train, newest test; rows of one moment stay together.

    Of the later parts, rows of a group that an earlier one holds are left out: whichever part took the whole group,
    rows newer than those of a later part would train, or rows older than those of training would test.
    """
    if times.isna().any():
        lacking = f"{times.isna().sum()} lack it"
        raise PipelineError(f"column {times.name!r}: a split by time needs a time in every row, {lacking}")
    share = times.rank(method="max", pct=True).to_numpy()
    train = share <= contract.split.train
    test = share > contract.split.train + contract.split.validation
    oldest, middle, newest = map(np.flatnonzero, (train, ~train & ~test, test))
    earlier = np.concatenate([oldest, middle])
    return {"train": oldest, "validation": _new(middle, oldest, groups), "test": _new(newest, earlier, groups)}


def _new(later: np.ndarray, earlier: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """The later rows without those of groups that the earlier ones hold."""
    return later if groups is None else later[~np.isin(groups[later], groups[earlier])]


def refuse_overlap(table: pa.Table, parts: Parts, contract: Contract) -> None:
    """No id and no group may stand in two parts: the model would be tested on what it has seen."""
    ids = () if contract.only("time") else contract.with_role("id")
    for name in (*contract.with_role("group"), *ids):
        if name not in table.column_names:
            continue
        values = table.column(name).to_pandas()
        seen = pd.concat([values.iloc[rows].dropna().drop_duplicates() for rows in parts.values()])
        if shared := sorted(set(seen[seen.duplicated()])):
            raise PipelineError(
                f"column {name!r}: {len(shared)} value(s), such as {shared[0]!r}, stand in more than one part; "
                "give it role: [id, group] so that its rows stay together, or type: ignored if it identifies nothing"
            )
    empty = [name for name, rows in parts.items() if len(rows) == 0]
    if empty:
        raise PipelineError(f"the {' and '.join(empty)} part is empty: there are too few records or (new) groups")


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
        yield list(folds(table, contract, y, HELD_OUT, seed))[-1]
        return
    rows, classes, groups = np.arange(table.num_rows), strata(y), groups_of(table, contract)
    if time := contract.only("time"):
        moments, moment = np.unique(table.column(time).to_numpy(), return_inverse=True)
        for splits in TimeSeriesSplit(count).split(moments):  # rows of one moment stay together
            earlier, later = (np.flatnonzero(np.isin(moment, chosen)) for chosen in splits)
            if not len(kept := _new(later, earlier, groups)):
                raise PipelineError(
                    f"column {contract.only('group')!r}: no group is new in a later fold: lower tune.folds, or leave "
                    "out role: group, if the model will meet the same groups again"
                )
            yield earlier, kept
        return
    if groups is not None:
        splitter = StratifiedGroupKFold(count) if contract.split.stratify else GroupKFold(count)
        yield from splitter.split(rows, classes, groups)
    elif contract.split.stratify:
        yield from StratifiedKFold(count, shuffle=True, random_state=seed).split(rows, classes)
    else:
        yield from KFold(count, shuffle=True, random_state=seed).split(rows)


if __name__ == "__main__":
    command(split)
