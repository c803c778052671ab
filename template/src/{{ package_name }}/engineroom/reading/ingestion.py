"""Raw records to typed, de-duplicated, eligible rows without direct personal data."""

import hashlib

import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from ..artifacts import digest
from ..contract import Contract, Source
from ..showing import number, percent
from ..stages import PipelineError
from .records import Parser, Value, ineligible, parsers, pseudonym
from .source import FILE, files_of, read_chunks
from .tables import arrow_type

EXAMPLES = 3
MUCH, FEW = 0.05, 10  # a share of records that is much, a number of them that says nothing
MOVED = 0.05  # of a class's share, or of a number's standard deviation
OWN_MARKERS = "  If one of them stands for a missing value, list it in source.missing."


def read_typed(contract: Contract) -> tuple[int, pa.Table]:
    """Number of raw rows, and the typed table. Every column that does not fit is named at once."""
    schema = pa.schema([(name, arrow_type(column)) for name, column in contract.columns.items()])
    columns = parsers(contract, contract.columns)
    failures: dict[str, list[str]] = {name: [] for name in columns}
    batches, rows = [], 0
    for chunk in tqdm(read_chunks(contract.source), desc="ingest", unit=" chunk", leave=False, disable=None):
        require_columns(chunk, contract)
        typed = {name: parse_column(chunk[name], parse, rows, failures[name]) for name, parse in columns.items()}
        batches.append(pa.table(typed, schema=schema))
        rows += len(chunk)
    if found := describe(failures):
        raise PipelineError(f"{contract.source.path}: values that do not fit the contract:\n{found}\n{OWN_MARKERS}")
    return rows, pa.concat_tables(batches)


def data_digest(source: Source) -> str:
    """SHA-256 of the data: of its file, and of the name and the content of each file that it names or holds."""
    if not source.files:
        return digest(source.path)
    found = hashlib.sha256(b"" if source.path.is_dir() else digest(source.path).encode())
    for file in files_of(source):
        found.update(f"{digest(file)}  {file.relative_to(source.path.parent).as_posix()}\n".encode())
    return found.hexdigest()


def require_columns(chunk: pd.DataFrame, contract: Contract) -> None:
    absent = [name for name in contract.columns if name not in chunk.columns]
    if absent:
        found = ", ".join(map(str, chunk.columns))
        raise PipelineError(f"{contract.source.path}: no column {', '.join(map(repr, absent))}; it has {found}")


def parse_column(values: pd.Series, parse: Parser, first_row: int, failures: list[str]) -> list[Value]:
    """Typed values; what cannot be parsed is noted in `failures` with its row (the first record is row 1)."""
    typed: list[Value] = []
    for row, value in enumerate(values.tolist(), start=first_row + 1):
        try:
            typed.append(parse(value))
        except ValueError as error:
            failures.append(f"row {row}: {error}")
            typed.append(None)
    return typed


def describe(failures: dict[str, list[str]]) -> str:
    """A line for each column with failures."""
    lines = []
    for name, found in failures.items():
        more = f"; and {len(found) - EXAMPLES} more" if len(found) > EXAMPLES else ""
        if found:
            lines.append(f"  column {name!r}: {'; '.join(found[:EXAMPLES])}{more}")
    return "\n".join(lines)


def drop_duplicates(table: pa.Table, contract: Contract) -> tuple[pa.Table, int]:
    """The table without rows that repeat another, and their number.

    Raises:
        PipelineError: there are some, and the contract refuses them.
    """
    named = {FILE} if contract.source.path.is_dir() else set[str]()  # a copy under another name is a copy
    compared = table.select([name for name in table.column_names if name not in named])
    repeated = compared.to_pandas().duplicated().to_numpy()
    count = int(repeated.sum())
    if count and contract.quality.duplicates == "refuse":
        rows = ", ".join(str(row + 1) for row in repeated.nonzero()[0][:EXAMPLES])
        raise PipelineError(f"{contract.source.path}: {count} duplicated row(s), such as row {rows}")
    if contract.quality.duplicates == "keep":
        return table, 0
    return table.filter(pa.array(~repeated)), count


def effect_of_dropping(whole: pa.Table, kept: pa.Table, contract: Contract) -> list[str]:
    """A sentence where dropping equal records took many, or changed how often or how large the target is."""
    name, count = contract.target.name, whole.num_rows - kept.num_rows
    before, after = (table.column(name).to_pandas().dropna() for table in (whole, kept))
    if not count or after.empty:
        return []
    if contract.target.kind == "continuous":
        moved = abs(after.mean() - before.mean()) > MOVED * before.std()
        change = f"the mean of {name!r} went from {number(before.mean())} to {number(after.mean())}"
    else:
        old, new = (series.value_counts(normalize=True).sort_index() for series in (before, after))
        moved = bool(((new - old).abs() > MOVED * old).any())
        positive = contract.target.positive
        label = positive if positive in new.index else str((new - old).abs().idxmax())
        change = f"the share of {label!r} went from {percent(float(old[label]))} to {percent(float(new[label]))}"
    if count < MUCH * whole.num_rows and not (moved and count >= FEW):
        return []
    return [
        f"{count:,} of {whole.num_rows:,} records equal another in every column and were dropped: {change}. If they "
        "are records of their own and no copies, set quality.duplicates: keep"
    ]


def keep_eligible(table: pa.Table, contract: Contract) -> tuple[pa.Table, int]:
    """The rows in the contract's scope, and the number of the others."""
    names = list({rule.column for rule in contract.eligibility})
    if not names:
        return table, 0
    records = table.select(names).to_pylist()
    eligible = [ineligible(contract.eligibility, record) is None for record in records]
    return table.filter(pa.array(eligible)), eligible.count(False)


def keep_labelled(table: pa.Table, contract: Contract) -> tuple[pa.Table, int]:
    """The rows that have a target, and the number of the others."""
    labels = table.column(contract.target.name)
    return table.filter(labels.is_valid()), labels.null_count


def protect(table: pa.Table, contract: Contract, key: str) -> pa.Table:
    """Leave out ignored columns and PII; PII that identifies or groups rows is kept as a keyed hash."""
    kept = table.select(list(contract.stored))
    for name in contract.with_role("pii"):
        if name in contract.stored:
            if not key:
                raise PipelineError(f"column {name!r} is kept as a keyed hash: set SERVICE_PII_KEY, a secret, in .env")
            hashes = [None if value is None else pseudonym(str(value), key) for value in table.column(name).to_pylist()]
            kept = kept.set_column(kept.column_names.index(name), name, pa.array(hashes, pa.string()))
    return kept
