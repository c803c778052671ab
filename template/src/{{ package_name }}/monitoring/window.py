"""The records that are compared with the reference: some of a file, or the newest of the prediction log."""

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ..contract import Contract
from ..errors import UserError
from ..records import Parser, Value, ineligible, parsers
from ..serving import prediction_log
from ..source import read_chunks, sniff_for

DRAWN_FROM = 20  # times the records that are wanted: a file's first ones


def file_columns(path: Path, contract: Contract, most: int) -> dict[str, list[Value]]:
    """Typed features of records in the contract's scope, at most so many, drawn at random."""
    records = list(islice(_in_scope(path, contract), DRAWN_FROM * most))
    rows = sorted(random.Random(0).sample(range(len(records)), min(len(records), most)))
    features = parsers(contract, contract.features).items()
    return {name: [_typed(parse, records[row].get(name)) for row in rows] for name, parse in features}


def logged_columns(log: str, most: int) -> dict[str, list[Any]]:
    """What the service logged of its newest records; a field that an earlier model's records lack is missing there."""
    records = list(prediction_log.read(log, most))
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _in_scope(path: Path, contract: Contract) -> Iterator[dict[str, Any]]:
    """Raw records of a file that the service would not refuse as out of scope.

    Raises UserError when the file has none of the features.
    """
    rules = contract.eligibility
    ruled = parsers(contract, [rule.column for rule in rules]).items()
    for chunk in read_chunks(sniff_for(path, contract)):
        if contract.features.keys().isdisjoint(chunk.columns):
            raise UserError(f"{path} has none of the contract's features, such as {next(iter(contract.features))!r}")
        for record in chunk.to_dict("records"):
            raw = {str(name): value for name, value in record.items()}
            if ineligible(rules, {name: _typed(parse, raw.get(name)) for name, parse in ruled}) is None:
                yield raw


def _typed(parse: Parser, raw: Any) -> Value:
    """A value that does not parse counts as missing, for missing values drift too."""
    try:
        return parse(raw)
    except ValueError:
        return None
