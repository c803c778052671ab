"""What a request's body holds: raw fields of one record, or raw columns of many, and where each value stands in it."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, TypeVar

from fastapi import Request
from pydantic_core import from_json

from ...contract import Contract
from ...encoding import MEDIA_TYPES
from ...reading import Finding, Reader, repeated_key
from ..http import SHOWN, TITLES, FieldError, ProblemDetails, not_json, pointer_to, shortened, unfit, unfit_at

JSON = "application/json"
# A value of two bytes takes sixty and more once it is read, and while that goes on no other request does.
# A batch may have MANY times as many as its records have fields: some hold lists.
MOST_VALUES, MANY = 10_000, 2
MARKS = b",[{"  # there is a value behind each
TEXT_OR_MARK = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|([,\[{])', re.DOTALL)
PIECE = 2**16  # bytes that are looked through without a pause

K = TypeVar("K")
Place = Callable[[int | None, str], tuple[str | int, ...]]  # row and field -> path in the body


class Table(NamedTuple):
    """Raw columns of n records, and where they stand in the body."""

    columns: Mapping[str, Sequence[Any]]
    rows: int
    place: Place
    findings: list[Finding]


async def read(request: Request, most: int) -> bytes:
    """A request's body. Raises ProblemDetails, 413, once it is larger than `most` bytes."""
    parts, size, more = [], 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ProblemDetails(400, "Cut off", "The connection ended before the body did.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise ProblemDetails(413, TITLES[413], f"The body is larger than {most:,} bytes.")
        more = message.get("more_body", False)
    return b"".join(parts)  # once: adding each part to those before takes seconds for a large body in small parts


def fields_of(media: str, body: bytes, bare: Mapping[str, str]) -> dict[str, Any]:
    """The raw fields of one record; `bare` are media types whose body is a field as it stands, with its name."""
    if media in bare:
        return {bare[media]: body}
    return expect(json_of(media, body, bare), dict, ())


def json_of(media: str, body: bytes, bare: Mapping[str, str] | None = None, most: int = MOST_VALUES) -> Any:
    """Raises ProblemDetails, 415 or 400, when there is no JSON, 413 when it holds more values than fit into memory.

    And 400 when an object has a key twice: a program that keeps the other of the two values would see another record.
    """
    if media != JSON and not media.endswith("+json"):
        raise ProblemDetails(415, TITLES[415], f"The body is {media}, allowed are {', '.join((JSON, *(bare or ())))}.")
    if _has_more(body, most):
        raise ProblemDetails(413, TITLES[413], f"The body holds more than {most:,} values.")
    try:
        content = from_json(body)
    except ValueError:
        raise not_json() from None
    if (key := repeated_key(body, *_counted(content, body.count(b"{")))) is not None:
        raise ProblemDetails(
            400, "Ambiguous JSON", f"An object of the request's body has the key {shortened(key)!r} twice."
        )
    return content


def _counted(content: Any, objects: int) -> tuple[int, int]:
    """How many keys all objects within have, and how many commas divide them and items of lists.

    At most `objects` objects are counted: lists and objects behind the last are not read.
    """
    keys, commas, level = 0, 0, [content]
    while level and objects > 0:
        maps = [value for value in level if isinstance(value, dict)]
        lists = [value for value in level if isinstance(value, list)]
        keys, objects = keys + sum(map(len, maps)), objects - len(maps)
        commas += sum(len(value) - 1 for value in (*maps, *lists) if value)
        level = [*chain.from_iterable(lists), *chain.from_iterable(map(dict.values, maps))] if objects else []
    return keys, commas


def is_dense(body: bytes, most: int) -> bool:
    """Whether JSON has more values than that, if its texts were values too: such a body takes longer to judge."""
    pieces = range(0, len(body), PIECE)
    return sum(body.count(mark, start, start + PIECE) for start in pieces for mark in MARKS) > most


def _has_more(body: bytes, most: int) -> bool:
    marks = (True for found in TEXT_OR_MARK.finditer(body) if found.lastindex)
    return is_dense(body, most) and next(islice(marks, most, None), False)


def most_values(reader: Reader, rows: int) -> int:
    """How many values the body of a batch may have."""
    return MOST_VALUES + MANY * rows * len(reader.known)


def media_type(request: Request) -> str:
    for name, value in request.scope["headers"]:
        if name == b"content-type":
            return value.decode("latin-1").partition(";")[0].strip().lower()
    return JSON


def bare_media(contract: Contract) -> dict[str, str]:
    """Media types that a whole record may have, with the name of its only feature: with two there are none."""
    alone = contract.features if len(contract.features) == 1 else {}
    return {media: name for name, column in alone.items() for media in MEDIA_TYPES.get(column.type, ())}


def table_of(content: Any, reader: Reader, most: int) -> Table:
    """A batch: `{"records": [{...}, ...]}` or `{"columns": {name: [...], ...}}`."""
    expect(content, dict, ())
    if content.keys() == {"records"}:
        return _records(content["records"], reader, most)
    if content.keys() == {"columns"}:
        return columns_of(
            content["columns"], reader, most, lambda row, name: ("columns", name) + (() if row is None else (row,))
        )
    raise unfit_at((), "the body holds either records or columns")


def _records(records: Any, reader: Reader, most: int) -> Table:
    expect(records, list, ("records",))
    check_rows(len(records), most, ("records",))
    findings: list[Finding] = []
    for row, record in enumerate(records):
        known = expect(record, dict, ("records", row)).keys() <= reader.known
        if not known and (len(findings) < SHOWN or not reader.refuses_unknown):  # what is refused is shown in part only
            findings += reader.unknown(record, row)
    columns = {field.name: [record.get(field.name, field.absent) for record in records] for field in reader.fields}
    return Table(columns, len(records), lambda row, name: ("records", *(() if row is None else (row,)), name), findings)


def columns_of(columns: Any, reader: Reader, most: int, place: Place, path: str = "columns") -> Table:
    """Columns by name, each with a value for every record; `path` is where all of them stand in the body."""
    expect(columns, dict, (path,))
    lengths = {name: len(expect(values, list, place(None, name))) for name, values in columns.items()}
    rows = max(lengths.values(), default=0)
    check_rows(rows, most, (path,))
    uneven = {name: f"{length} values where others have {rows}" for name, length in lengths.items() if length != rows}
    if uneven:
        raise unfit([FieldError(pointer=pointer_to(place(None, name)), detail=uneven[name]) for name in uneven])
    return Table(columns, rows, place, reader.unknown(columns, None))


def check_rows(rows: int, most: int, path: Sequence[str]) -> None:
    """Raises ProblemDetails, 422, for no records, and for more than are taken at once."""
    if not 1 <= rows <= most:
        raise unfit_at(path, f"1 to {most:,} records are taken at once, found {rows:,}")


def expect(value: Any, kind: type[K], path: Sequence[str | int]) -> K:
    """The value. Raises ProblemDetails, 422, where it is not of this kind."""
    if not isinstance(value, kind):
        wanted = {"dict": "an object", "list": "a list", "str": "a text"}[kind.__name__]
        raise unfit_at(path, f"{wanted} is expected")
    return value
