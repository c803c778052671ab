"""Raw records from files, folders and databases, in chunks and without interpreting them.

Text files give text, Parquet and JSON keep their types; what a value means is for `records` to say. A list of files, or
a folder of them, gives their paths. A database is read into a Parquet snapshot first, so that runs can be repeated:
`make retrain` makes a fresh one.
"""

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from .. import contract
from ..contract import UserError
from ..encoding import modality_of
from ..settings import expand

TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet", ".pq")
COMPRESSED = (".gz", ".bz2", ".zst")
FILE = "file"  # column of a folder's records: the name of the file
CHUNK_ROWS = 50_000
CHUNK_BYTES = 256 * 2**20  # of files and bytes: a chunk of large ones has fewer rows
SNIFFED_LINES = 2_000
csv.field_size_limit(2**24)  # free text can exceed the default of 131,072 characters


class SourceError(UserError):
    """Raw data cannot be read; the message says where, why and what to do."""


def read_chunks(source: contract.Source, rows: int = CHUNK_ROWS) -> Iterator[pd.DataFrame]:
    """Records as the file has them, at most `rows` in a frame; memory holds one frame, not the file.

    Text files give `str`, an empty one where nothing stands; Parquet and JSON lines give Python objects, None where a
    value is missing. In the columns of `source.files` the name of a file is its `Path`; JSON lines hold contents
    themselves, as a request does. A folder has a record for each file: its name, its path, the folder it lies in.

    Raises:
        SourceError: no such file, unknown format, wrong encoding, no header, no records, repeated column
            names, a line with too many or too few fields, a name that leads out of the data's folder.
    """
    path = source.path
    with _named_errors(path):
        lines = _lines(source)
        names = _names(path, next(lines, []))
        if source.files and not path.is_dir() and _kind(path) not in JSON_LINES:
            lines = _located(lines, names, source)
        if not (chunk := _chunk(lines, rows)):
            raise SourceError(f"{path}: has column names and no records; export it again")
        while chunk:
            yield pd.DataFrame(chunk, columns=names, dtype=object)
            chunk = _chunk(lines, rows)


def _lines(source: contract.Source) -> Iterator[Sequence[Any]]:
    """The column names, then the values of each record."""
    path = source.path
    if source.files and path.is_dir():
        return _folder(path, source.files[0])
    kind = _kind(path)
    return _parquet(path) if kind in PARQUET else _json(path) if kind in JSON_LINES else _delimited(path, source)


def _chunk(lines: Iterator[Sequence[Any]], rows: int) -> list[Sequence[Any]]:
    """The next records: at most `rows`, and no more once their files and bytes fill a chunk."""
    chunk: list[Sequence[Any]] = []
    size = 0
    while len(chunk) < rows and size < CHUNK_BYTES and (line := next(lines, None)) is not None:
        chunk.append(line)
        size += sum(_size(value) for value in line if isinstance(value, (bytes, Path)))
    return chunk


def _size(value: bytes | Path) -> int:
    if isinstance(value, bytes):
        return len(value)
    return value.stat().st_size if value.is_file() else 0


def _folder(root: Path, column: str) -> Iterator[Sequence[Any]]:
    """A record for each file below a folder, sorted by name; hidden ones are none of the data's."""
    names = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    shown = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    if not shown:
        raise SourceError(f"{root}: the folder holds no files; put one folder for each class there")
    yield FILE, column, "folder"
    for name in shown:
        yield name.as_posix(), root / name, (root / name).parent.name


def _located(lines: Iterator[Sequence[Any]], names: list[str], source: contract.Source) -> Iterator[Sequence[Any]]:
    """Records with paths where `source.files` has names, which are relative to the folder that the list lies in."""
    places = [place for place, name in enumerate(names) if name in source.files]
    for row, line in enumerate(lines, 1):
        record = list(line)
        for place in places:
            if isinstance(name := record[place], str) and name:
                if Path(name).is_absolute() or ".." in Path(name).parts:
                    where = f"{source.path}, row {row}: {names[place]!r} is {name!r}"
                    raise SourceError(f"{where}, but names must be relative to the list's own folder")
                record[place] = source.path.parent / name
        yield record


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Turns what can go wrong while a file is read into one sentence that names it."""
    try:
        yield
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file; put the data there, or correct source.path") from None
    except (UnicodeError, LookupError) as error:
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


def _names(path: Path, header: Sequence[str]) -> list[str]:
    """Column names without surrounding white space; one without (an index) is named by its place."""
    names = [name.strip() or f"unnamed_{place}" for place, name in enumerate(header, 1)]
    if not names:
        raise SourceError(f"{path}: is empty; export it again, with a header line")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SourceError(f"{path}: the header repeats {', '.join(map(repr, twice))}; rename the columns")
    return names


def _open(path: Path, encoding: str) -> io.TextIOWrapper:
    """Text of a file that may be compressed; a byte-order mark would hide the quotes of the first name."""
    signed = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    return io.TextIOWrapper(pa.input_stream(str(path)), encoding=signed, newline="")


def _delimited(path: Path, source: contract.Source) -> Iterator[list[str]]:
    """The column names, then the values of each record, as the other two readers give them."""
    with _open(path, source.encoding) as file:
        reader = csv.reader(file, delimiter=source.delimiter, strict=True)
        width = 0
        try:
            for fields in filter(None, reader):
                width = width or len(fields)
                if len(fields) != width:
                    raise csv.Error(f"{len(fields)} fields instead of {width}")
                yield fields
        except csv.Error as error:
            advice = (
                "quote fields that hold the delimiter or a line break, close all quotes, or correct source.delimiter"
            )
            raise SourceError(f"{path}, line {reader.line_num}: {error}; {advice}") from None


def _parquet(path: Path) -> Iterator[Sequence[Any]]:
    with pq.ParquetFile(path) as file:
        yield file.schema_arrow.names
        for batch in file.iter_batches():
            # Python objects keep what NumPy would change: integers next to gaps, exact decimals.
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _json(path: Path) -> Iterator[list[Any]]:
    """A line may leave keys out, so a first pass collects them all."""
    keys = list(dict.fromkeys(key for record in _objects(path) for key in record))
    yield keys
    for record in _objects(path):
        yield [record.get(key) for key in keys]


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    with _open(path, "utf-8") as file:
        for number, line in enumerate(file, 1):
            record = None
            with suppress(json.JSONDecodeError):
                record = json.loads(line) if line.strip() else {}
            if not isinstance(record, dict):
                raise SourceError(f"{path}, line {number}: no JSON object; write one object a line (JSON lines)")
            if record:
                yield record


def files_of(source: contract.Source) -> Iterator[Path]:
    """The files that a source names or holds, in the order of its records; a name may come twice."""
    for chunk in read_chunks(source):
        for name in source.files:
            yield from (value for value in chunk[name] if isinstance(value, Path))


def naming_files(source: contract.Source) -> tuple[str, ...]:
    """The columns of which most values name a file that lies beside the source."""
    sample, folder = next(read_chunks(source, SNIFFED_LINES)), source.path.parent
    # Path.is_file raises an error for a text that is too long for a name
    named = sample.map(lambda value: isinstance(value, str) and os.path.isfile(folder / value))  # noqa: PTH113
    return tuple(str(name) for name in sample if 2 * named[name].sum() > len(sample))


def sniff_for(path: Path, known: contract.Contract) -> contract.Source:
    """How new records for a contract are written: `sniff`, and the columns that name files there too."""
    held = "" if modality_of(known) == "table" else next(iter(known.features))  # no file is a column of a table
    found = sniff(path, held)
    return found if found.files else found.model_copy(update={"files": known.source.files})


def sniff(path: Path, held: str = "") -> contract.Source:
    """How a text file is written: delimiter, decimal sign and encoding; other formats say so themselves.

    Where a model takes whole files, `path` may be a folder of them; `held` is the name of their column.

    Raises SourceError as `read_chunks` does.
    """
    with _named_errors(path):
        if held and path.is_dir():
            return contract.Source(path=path, files=(held,))
        if _kind(path) not in TEXT:
            return contract.Source(path=path)
        encoding = _encoding(path)
        with _open(path, encoding) as file:
            lines = list(islice(file, SNIFFED_LINES))
    tables = {sign: list(filter(None, csv.reader(lines, delimiter=sign))) for sign in ",;\t|"}
    delimiter = max(tables, key=lambda sign: _regularity(tables[sign]))
    fields = [field.strip() for line in tables[delimiter][1:] for field in line]
    decimal = max(".,", key=lambda sign: _needing(sign, fields))
    written = {"delimiter": delimiter, "decimal": decimal, "encoding": encoding}
    return contract.Source.model_validate({"path": path, **written})


def _encoding(path: Path) -> str:
    """The first that fits the whole file, as an accent may come late; UTF-16 needs its byte-order mark."""
    for encoding in ("utf-8", "utf-16", "cp1252"):
        with suppress(UnicodeError), _open(path, encoding) as file:
            while file.read(2**20):
                pass
            return encoding
    return "latin-1"


def _regularity(table: list[list[str]]) -> tuple[int, int]:
    """How well a delimiter explains a text: the number of lines as wide as the header, then that width."""
    width = len(table[0]) if table else 0
    return sum(len(line) == width > 1 for line in table), width


def _needing(decimal: str, fields: list[str]) -> int:
    """How many fields are numbers by one decimal sign alone: `0,5` and `1.234,50`; `1,234` tells nothing."""
    other = {",": ".", ".": ","}[decimal]
    number = re.compile(rf"[-+]?(?![1-9]\d{{0,2}}[{decimal}]\d{{3}}$)[\d{other}]+[{decimal}]\d+")
    return sum(bool(number.fullmatch(field)) for field in fields)


def snapshot(source: contract.Source) -> None:
    """Write what `source.query` (a table's name or a SELECT) gives at `source.url` to `source.path`, as Parquet.

    Raises:
        SourceError: the database cannot be reached, refuses the query or gives no records.
    """
    engine = database(source.url)
    try:
        with engine.connect() as connection:
            table = _fetch(connection, _select(engine, source.query))
    except (sa.exc.SQLAlchemyError, pa.ArrowException) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise SourceError(f"{source.url}: {reason}; correct source.url or source.query") from None
    finally:
        engine.dispose()
    if not table.num_rows:
        raise SourceError(f"source.query gives no records ({source.query}); correct it in contract.yaml")
    source.path.parent.mkdir(parents=True, exist_ok=True)
    partial = source.path.with_name(f"{source.path.name}.partial")
    pq.write_table(table, partial)
    partial.replace(source.path)  # until here the old snapshot stays


def database(url: str) -> sa.Engine:
    """An engine for a SQLAlchemy URL in which `${NAME}` stands for a variable of the environment or of `.env`.

    Raises:
        SourceError: a variable that is not set, a malformed URL, a missing driver.
    """
    try:
        return sa.create_engine(expand(url))
    except KeyError as name:
        raise SourceError(f"source.url needs the variable {name.args[0]}; export it or add it to .env") from None
    except sa.exc.ArgumentError:  # whose text may hold the URL, and so a password
        raise SourceError("source.url is no URL of a known database; write it like postgresql://host/db") from None
    except ModuleNotFoundError as error:
        raise SourceError(f"the database driver {error.name} is missing; run `uv add {error.name}`") from None


def _select(engine: sa.Engine, query: str) -> str:
    """A query as it stands; a table's name, `schema.table` too, as the SELECT of all of it."""
    if not query.strip():
        tables = ", ".join(sa.inspect(engine).get_table_names())
        raise SourceError(f"no query: name a table or write a SELECT (QUERY=...); the tables are {tables}")
    if re.match(r"\s*(select|with)\b", query, re.IGNORECASE):
        return query
    quote = engine.dialect.identifier_preparer.quote
    return f"SELECT * FROM {'.'.join(map(quote, query.strip().split('.')))}"


def _fetch(connection: sa.Connection, query: str) -> pa.Table:
    # Without parameters a driver leaves `%` and `:` in the query alone.
    options = {"stream_results": True, "no_parameters": True}
    result = connection.exec_driver_sql(query, execution_options=options)
    names = _names(Path("source.query"), list(result.keys()))
    chunks = [pa.table(list(map(_array, zip(*rows, strict=True))), names) for rows in result.partitions(CHUNK_ROWS)]
    # A column can begin with nulls, or with whole numbers.
    return pa.concat_tables(chunks, promote_options="permissive") if chunks else pa.table({})


def _array(values: Sequence[Any]) -> pa.Array:
    """One type for a chunk's values; text where the database (SQLite does) mixes types within a column."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def fetch() -> None:
    """A fresh snapshot of the database that contract.yaml names, where it names one.

    Raises SourceError when it cannot be read.
    """
    source = contract.load().source
    if not source.url:
        print(f"contract.yaml names no database, so {source.path} is read as it is: nothing to fetch")
        return
    snapshot(source)
    print(f"{source.path}: fresh snapshot of {source.query}")
