"""Typed tables on disk: Arrow schemas from the contract, columns as the encoder takes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..artifacts import PARTS
from ..contract import Column, Contract
from .records import Value

ARROW = {
    "number": pa.float64(),
    "integer": pa.float64(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("us"),
    "text": pa.large_string(),  # offsets of 64 bits: a column may hold more than 2 GiB
    "image": pa.large_binary(),
}


def arrow_type(column: Column) -> pa.DataType:
    return ARROW.get(column.type, pa.string())


def columns_of(table: pa.Table) -> dict[str, np.ndarray]:
    """Columns as NumPy arrays: float64, datetime64 or object, with NaN, NaT or None for missing."""
    return {name: table.column(name).to_numpy() for name in table.column_names}


def record_of(table: pa.Table, row: int, contract: Contract) -> dict[str, Value]:
    """One typed record of the input columns."""
    held = set(table.column_names)
    return {name: table.column(name)[row].as_py() for name in contract.inputs if name in held}


def target_of(table: pa.Table, contract: Contract) -> list[Any]:
    """The target of each row, as Python has it."""
    return table.column(contract.target.name).to_pylist()


def read_part(name: str) -> pa.Table:
    """The train, validation or test part."""
    return read_table(PARTS / f"{name}.parquet")


def read_table(path: Path) -> pa.Table:
    """A Parquet file."""
    return pq.read_table(path)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a Parquet file, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
