"""How rows are divided into parts and folds: by time or by group where the contract names one, else at random.

At random, records that are equal in every feature stay together: a model that has seen one knows the others.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    train_test_split,
)

from ..contract import Contract
from ..judging import decision_type, new_decision
from ..reading import target_of
from ..stages import PipelineError

Parts = dict[str, np.ndarray]  # part name -> row numbers
HELD_OUT = 5  # with one fold only, a fifth of the records is held out
MERGE = (
    "each part needs some: collect more, write it as another class in the data, or list it in source.missing, by which "
    "its records are left out"
)
USUAL = 10, 0.01  # equal records, and their share, above which they are no copies but what is usual


def method_of(contract: Contract) -> str:
    """How the contract has rows divided, in words."""
    time, group = contract.only("time"), contract.only("group")
    if time:
        return f"by time ({time}), later parts with new groups only ({group})" if group else f"by time ({time})"
    if group:
        return f"by group ({group})"
    return "at random, stratified" if contract.split.stratify else "at random"


def periods_of(table: pa.Table, parts: Parts, contract: Contract) -> dict[str, list[str]]:
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
    return new_decision(values, contract).encode(values)


def why_too_few(records: pa.Table, classes: np.ndarray | None, contract: Contract) -> str:
    """Why records that differ, given once each, cannot be cut into parts."""
    target, values = contract.target.name, np.array(target_of(records, contract))
    if classes is None:
        return f"{len(values)} records or groups are too few for three parts"
    kinds, counts = np.unique(classes, return_counts=True)
    rarest = values[classes == kinds[counts.argmin()]]
    if contract.target.kind == "continuous":
        return f"target {target!r}: too few different records near {rarest[0]:g}: set split.stratify to false"
    return f"target {target!r}: {len(rarest)} different record(s) of class {str(rarest[0])!r}: {MERGE}"


def equal_records(table: pa.Table, contract: Contract) -> np.ndarray:
    """A number for each row, shared by those that are equal in every feature; time and group tell no copies apart."""
    apart = {contract.only("time"), contract.only("group")}
    if not (names := [name for name in contract.features if name not in apart]):
        return np.arange(table.num_rows)
    hashes = pd.util.hash_pandas_object(table.select(names).to_pandas(), index=False)
    return pd.factorize(hashes)[0]


def units_of(table: pa.Table, contract: Contract) -> np.ndarray:
    """What a split at random must not tear apart, a number for each row: equal records, but for usual ones."""
    numbers, (least, share) = equal_records(table, contract), USUAL
    usual = np.bincount(numbers)[numbers] > max(least, share * len(numbers))
    return pd.factorize(np.where(usual, len(numbers) + np.arange(len(numbers)), numbers))[0]


def rows_of(units: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The rows (n,) whose unit is among those chosen."""
    return np.flatnonzero(np.isin(units, chosen))


def repeated_records(numbers: np.ndarray, parts: Parts) -> list[str]:
    """What is to be said of equal records (see `equal_records`), above all of those that a model has seen before."""
    known, seen = [], numbers[parts["train"]]
    for name in ("validation", "test"):
        if count := int(np.isin(later := numbers[parts[name]], seen).sum()):
            known.append(f"{count:,} of {len(later):,} in the {name} part equal one of an earlier part")
        seen = np.concatenate([seen, later])
    if not (count := len(numbers) - len(np.unique(numbers))):
        return []
    where = (
        f"{', '.join(known)}: if these are copies, the score is too good: take them out of the data" if known else ""
    )
    return [f"{count:,} records repeat the features of another; {where or 'equal ones are in one part'}"]


def groups_of(table: pa.Table, contract: Contract) -> np.ndarray | None:
    """The group of each row, where the contract names a group column. Raises PipelineError when one is missing."""
    if not (group := contract.only("group")):
        return None
    values = table.column(group)
    if values.null_count:
        lacking = f"{values.null_count} lack it"
        raise PipelineError(f"column {group!r}: a split by group needs a group in every row, {lacking}")
    return values.to_numpy()


def cut_at_random(units: np.ndarray, share: float, classes: np.ndarray | None, seed: int) -> list[np.ndarray]:
    """Two parts of some units, the second with such a share of them, or of those of each class."""
    chosen = None if classes is None else classes[units]
    return [np.sort(part) for part in train_test_split(units, test_size=share, stratify=chosen, random_state=seed)]


def cut_by_time(times: pd.Series, groups: np.ndarray | None, contract: Contract) -> Parts:
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
        why = "there are too few records or groups"
        if contract.only("time") and (group := contract.only("group")):
            why = (
                f"every later record is of a {group!r} that an earlier part holds: leave out role: group if the model "
                "will meet the same ones again, or role: time if it will meet new ones"
            )
        raise PipelineError(f"the {' and '.join(empty)} part is empty: {why}")


def refuse_missing_classes(table: pa.Table, parts: Parts, contract: Contract) -> None:
    """Every class must stand in every part, or it can neither be learned nor judged."""
    if contract.target.kind == "continuous":
        return
    labels = table.column(contract.target.name).to_pandas()
    for name, rows in parts.items():
        absent = set(labels) - set(labels.iloc[rows])
        if absent:
            remedy = "set split.stratify to true" if method_of(contract) == "at random" else MERGE
            raise PipelineError(
                f"target {contract.target.name!r}: no record of class {min(absent)!r} is in the {name} part; {remedy}"
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
    classes, groups = decision_type(contract).strata(y), groups_of(table, contract)
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
        yield from splitter.split(classes, classes, groups)
        return
    units = units_of(table, contract)
    first = np.unique(units, return_index=True)[1]
    kind = StratifiedKFold if contract.split.stratify else KFold
    for fitting, scoring in kind(count, shuffle=True, random_state=seed).split(first, classes[first]):
        yield rows_of(units, fitting), rows_of(units, scoring)
