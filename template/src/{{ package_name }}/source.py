"""Raw records from files and databases, in chunks and without interpreting them.

Text files give text, Parquet and JSON keep their types; what a value means is for `records` to say. A
database is read into a Parquet snapshot first, so that runs can be repeated: `python -m <package>.source`.
"""

import codecs
import csv
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from . import contract

TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet", ".pq")
COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")
CHUNK_ROWS = 50_000
SNIFFED_CHARACTERS = 200_000
Chunks = Iterator[pd.DataFrame]
csv.field_size_limit(2**24)  # free text can exceed the default of 131,072 characters


class SourceError(Exception):
    """Raw data cannot be read; the message says where, why and what to do."""


def read_chunks(source: contract.Source, rows: int = CHUNK_ROWS, path: Path | None = None) -> Chunks:
    """Records of `path` (default: the source's own file), at most `rows` in a frame, as the file has them.

    Text files give `str`, an empty one where nothing stands; Parquet and JSON lines give Python objects,
    None where a value is missing. Every frame has the same columns. Memory holds one frame, not the file.

    Raises:
        SourceError: no such file, unknown format, wrong encoding, no header, no records, repeated column
            names, a line with too many or too few fields.
    """
    path = path or source.path
    with _named_errors(path):
        kind = _kind(path)
        if kind in PARQUET:
            yield from _parquet(path, rows)
        elif kind in JSON_LINES:
            yield from _json_lines(path, rows)
        else:
            yield from _delimited(path, source, rows)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Turns what can go wrong while a file is read into one sentence that names it."""
    try:
        yield
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file; put the data there, or correct source.path") from None
    except UnicodeError as error:
        advice = "save it as UTF-8, or set source.encoding to what it is, such as cp1252"
        raise SourceError(f"{path}: wrong encoding ({error}); {advice}") from None
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path}: cannot be read ({error}); is the file complete?") from None


def _kind(path: Path) -> str:
    """The suffix that says what a file holds, that of a compression aside."""
    kind = (path.with_suffix("") if path.suffix.lower() in COMPRESSED else path).suffix.lower()
    if kind not in (known := (*TEXT, *JSON_LINES, *PARQUET)):
        raise SourceError(f"{path}: unknown kind of file; export it as one of {', '.join(known)}")
    return kind


def _open(path: Path, encoding: str) -> io.TextIOWrapper:
    """Text of a file that may be compressed; a byte-order mark would hide the quotes of the first name."""
    try:
        signed = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    except LookupError:
        raise SourceError(f"{path}: source.encoding {encoding!r} is none that exists; try utf-8 or cp1252") from None
    return io.TextIOWrapper(pa.input_stream(str(path)), encoding=signed, newline="")


def _delimited(path: Path, source: contract.Source, rows: int) -> Chunks:
    with _open(path, source.encoding) as file:
        lines = _lines(path, csv.reader(file, delimiter=source.delimiter, strict=True))
        names = _names(path, next(lines, []))
        chunk = list(islice(lines, rows))
        _refuse_empty(path, len(chunk))
        while chunk:
            yield pd.DataFrame(dict(zip(names, zip(*chunk, strict=True), strict=True)), dtype="str")
            chunk = list(islice(lines, rows))


def _lines(path: Path, reader: Any) -> Iterator[list[str]]:
    """The fields of each line that is not blank; a line with more or fewer than the first is an error."""
    width = 0
    try:
        for fields in filter(None, reader):
            width = width or len(fields)
            if len(fields) != width:
                found = f"{len(fields)} fields instead of {width}"
                advice = "quote fields that hold the delimiter or a line break, or correct source.delimiter"
                raise SourceError(f"{path}, line {reader.line_num}: {found}; {advice}")
            yield fields
    except csv.Error as error:
        raise SourceError(f"{path}, line {reader.line_num}: {error}; correct the quotes there") from None


def _names(path: Path, header: Sequence[str]) -> list[str]:
    """Column names without surrounding white space; one without (an index) is named by its place."""
    names = [name.strip("\ufeff\xa0 \t\r\n") or f"unnamed_{place}" for place, name in enumerate(header, 1)]
    if not names:
        raise SourceError(f"{path}: is empty; export it again, with a header line")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SourceError(f"{path}: the header repeats {', '.join(map(repr, twice))}; rename the columns")
    numbers = [name for name in names if re.fullmatch(r"-?\d+(\.\d+)?", name)]
    if numbers != sorted(numbers, key=float):  # as names, numbers rise (years, wavelengths); values rarely do
        raise SourceError(f"{path}: the first line holds values ({numbers[0]!r}, ...); add a line of column names")
    return names


def _refuse_empty(path: Path, rows: int) -> None:
    if not rows:
        raise SourceError(f"{path}: has column names and no records; export it again")


def _parquet(path: Path, rows: int) -> Chunks:
    with pq.ParquetFile(path) as file:
        names = _names(path, file.schema_arrow.names)
        _refuse_empty(path, file.metadata.num_rows)
        for batch in file.iter_batches(rows):
            # Python objects keep what NumPy would change: integers next to gaps, exact decimals.
            columns = (column.to_pylist() for column in batch.columns)
            yield pd.DataFrame(dict(zip(names, columns, strict=True)), dtype=object)


def _json_lines(path: Path, rows: int) -> Chunks:
    """A line may leave keys out, so a first pass collects them all."""
    keys = list(dict.fromkeys(key for record in _json_records(path) for key in record))
    names = _names(path, keys)
    records = _json_records(path)
    while chunk := list(islice(records, rows)):
        columns = ([record.get(key) for record in chunk] for key in keys)
        yield pd.DataFrame(dict(zip(names, columns, strict=True)), dtype=object)


def _json_records(path: Path) -> Iterator[dict[str, Any]]:
    with _open(path, "utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line) if line.strip() else {}
            except json.JSONDecodeError:
                record = None
            if not isinstance(record, dict):
                raise SourceError(f"{path}, line {number}: no JSON object; write one object a line (JSON lines)")
            if record:
                yield record


def sniff(path: Path) -> contract.Source:
    """How a text file is written: delimiter, decimal sign and encoding; other formats say so themselves.

    Raises SourceError as `read_chunks` does.
    """
    with _named_errors(path):
        if _kind(path) not in TEXT:
            return contract.Source(path=path)
        encoding = _encoding(path)
        with _open(path, encoding) as file:
            text = file.read(SNIFFED_CHARACTERS)
    if len(text) == SNIFFED_CHARACTERS:
        text = text[: text.rfind("\n") + 1]
    tables = {sign: _table(text, sign) for sign in ",;\t|"}
    delimiter, table = max(tables.items(), key=lambda item: _regularity(item[1]))
    return contract.Source(path=path, delimiter=delimiter, decimal=_decimal(table), encoding=encoding)


def _encoding(path: Path) -> str:
    """By byte-order mark, else the first encoding that fits the whole file, as an accent may come late."""
    with pa.input_stream(str(path)) as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in start:
        raise SourceError(f"{path}: holds zero bytes, so it is no text, or unmarked UTF-16; save it as UTF-8")
    return next(encoding for encoding in ("utf-8", "cp1252", "latin-1") if _fits(path, encoding))


def _fits(path: Path, encoding: str) -> bool:
    try:
        with _open(path, encoding) as file:
            while file.read(2**20):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _table(text: str, delimiter: str) -> list[list[str]]:
    return [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if line]


def _regularity(table: list[list[str]]) -> tuple[float, int]:
    """How well a delimiter explains a text: the share of lines as wide as the header, then that width."""
    width = len(table[0]) if table else 0
    return (sum(len(line) == width for line in table) / len(table), width) if width > 1 else (0.0, width)


def _decimal(table: list[list[str]]) -> Literal[".", ","]:
    """A comma when more fields need it (`0,5`, `1.234,50`) than need the point; `1,234` tells nothing."""
    comma, point = 0, 0
    for field in (field.strip() for line in table[1:] for field in line):
        if not re.fullmatch(r"[-+]?[1-9]\d{0,2}[.,]\d{3}", field):
            comma += bool(re.fullmatch(r"[-+]?(\d+|[1-9]\d{0,2}(\.\d{3})+),\d+", field))
            point += bool(re.fullmatch(r"[-+]?(\d+|[1-9]\d{0,2}(,\d{3})+)\.\d+", field))
    return "," if comma > point else "."


def database(url: str) -> sa.Engine:
    """An engine for a SQLAlchemy URL in which `${NAME}` stands for an environment variable.

    Raises:
        SourceError: a variable that is not set, a malformed URL, a missing driver.
    """
    missing = [name for name in re.findall(r"\$\{(\w+)\}", url) if name not in os.environ]
    if missing:
        raise SourceError(f"source.url needs the environment variable {missing[0]}, which is not set; export it")
    try:
        return sa.create_engine(re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match[1]], url))
    except sa.exc.ArgumentError:  # whose text may hold the URL, and so a password
        raise SourceError("source.url is no URL of a known database; write it like postgresql://host/db") from None
    except ModuleNotFoundError as error:
        raise SourceError(f"the database driver {error.name} is missing; run `uv add {error.name}`") from None


def snapshot(source: contract.Source) -> None:
    """Write what `source.query` (a table's name or a SELECT) gives at `source.url` to `source.path`.

    The old snapshot stays until the new one is complete. Memory holds one chunk of records.

    Raises:
        SourceError: the database cannot be reached, refuses the query or gives no records.
    """
    source.path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=source.path.parent, prefix=".snapshot-") as folder:
        parts = []
        for number, chunk in enumerate(_query_chunks(source)):
            parts.append(Path(folder, f"{number}.parquet"))
            pq.write_table(chunk, parts[-1])
        if not parts:
            raise SourceError(f"source.query gives no records ({source.query}); correct it in contract.yaml")
        # The last chunk may settle a type: a column can begin with nulls, or with whole numbers.
        schema = _common_schema([pq.read_schema(part) for part in parts])
        complete = Path(folder, "complete.parquet")
        with pq.ParquetWriter(complete, schema) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part).cast(schema))
        complete.replace(source.path)


def _query_chunks(source: contract.Source) -> Iterator[pa.Table]:
    engine = database(source.url)
    try:
        with engine.connect() as connection:
            # Without parameters a driver leaves `%` and `:` in the query alone.
            options = {"stream_results": True, "no_parameters": True}
            result = connection.exec_driver_sql(_select(engine, source.query), execution_options=options)
            names = _names(Path("source.query"), list(result.keys()))
            for rows in result.partitions(CHUNK_ROWS):
                yield pa.table([_array(values) for values in zip(*rows, strict=True)], names=names)
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise SourceError(f"{source.url}: {reason}; correct source.url or source.query") from None
    finally:
        engine.dispose()


def _select(engine: sa.Engine, query: str) -> str:
    """A query as it stands; a table's name, `schema.table` too, as the SELECT of all of it."""
    if not query.strip():
        tables = ", ".join(sa.inspect(engine).get_table_names())
        raise SourceError(f"no query: name a table or write a SELECT (QUERY=...); the tables are {tables}")
    if re.match(r"\s*(select|with)\b", query, re.IGNORECASE):
        return query
    schema, _, table = query.strip().rpartition(".")
    statement: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(sa.table(table, schema=schema or None))
    return str(statement.compile(engine))


def _array(values: Sequence[Any]) -> pa.Array:
    """One type for a chunk's values; text where the database (SQLite does) mixes types within a column."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _common_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The narrowest type that holds a column's values in every chunk; text where there is none."""
    fields = []
    for name in schemas[0].names:
        found = [pa.schema([schema.field(name)]) for schema in schemas]
        try:
            fields.append(pa.unify_schemas(found, promote_options="permissive").field(0))
        except pa.ArrowException:
            fields.append(pa.field(name, pa.string()))
    return pa.schema(fields)


def main() -> int:
    try:
        source = contract.load().source
        if not source.url:
            print(f"contract.yaml names no database, so {source.path} is read as it is: nothing to fetch")
            return 0
        snapshot(source)
    except (contract.ContractError, SourceError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{source.path}: fresh snapshot of {source.query}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
