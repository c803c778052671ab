"""The records that are compared with the reference: some of a file, or of what the service logged lately."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..contract import Contract, UserError
from ..reading import Parser, Value, ineligible, parsers, read_chunks, sniff_for
from ..serving import log as prediction_log


def file_columns(path: Path, contract: Contract, most: int) -> dict[str, list[Value]]:
    """Typed features of records in the contract's scope, at most `most` of them, drawn at random from the whole file.

    Each record gets a random number, and those with the smallest numbers stay, so memory does not grow with the file.
    """
    generator, drawn = np.random.default_rng(0), np.empty(0)
    kept: list[pd.DataFrame] = []
    for chunk in _in_scope(path, contract):
        kept, drawn = [*kept, chunk], np.concatenate([drawn, generator.random(len(chunk))])
        if len(drawn) > most:
            rows = np.sort(np.argpartition(drawn, most)[:most])
            kept, drawn = [pd.concat(kept).iloc[rows]], drawn[rows]
    records = pd.concat(kept)
    absent = [None] * len(records)
    features = parsers(contract, contract.features).items()
    return {name: [_typed(parse, raw) for raw in records.get(name, absent)] for name, parse in features}


def logged_columns(log: str, model_version: str, most: int) -> dict[str, list[Any]]:
    """What the service logged of records that this model answered; another model's columns may mean something else."""
    records = list(prediction_log.read(log, model_version, most))
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _in_scope(path: Path, contract: Contract) -> Iterator[pd.DataFrame]:
    """Raw records of a file that the service would not refuse as out of scope.

    Raises UserError when the file has none of the features.
    """
    rules = contract.eligibility
    ruled = parsers(contract, [rule.column for rule in rules])
    for chunk in read_chunks(sniff_for(path, contract)):
        if contract.features.keys().isdisjoint(chunk.columns):
            raise UserError(f"{path} has none of the contract's features, such as {next(iter(contract.features))!r}")
        absent = [None] * len(chunk)
        typed = {name: [_typed(parse, raw) for raw in chunk.get(name, absent)] for name, parse in ruled.items()}
        looked_at = ({name: values[row] for name, values in typed.items()} for row in range(len(chunk)))
        yield chunk[[ineligible(rules, record) is None for record in looked_at]] if rules else chunk


def _typed(parse: Parser, raw: Any) -> Value:
    """A value that does not parse counts as missing, for missing values drift too."""
    try:
        return parse(raw)
    except ValueError:
        return None
