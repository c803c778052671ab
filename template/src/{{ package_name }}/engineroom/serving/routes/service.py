"""What happens to a record between the request and the answer: read, judged, scored, logged.

Every route comes through here, so a record gets the same answer whatever the shape of the request.
"""

import asyncio
import logging
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from pydantic_core import to_json

from ...encoding import Columns
from ...reading import Finding, Value, pseudonym, refused, to_raw
from ...scoring import Answer, Predictor, Record, prediction_ids
from ...settings import Environment
from ..http import RETRY, SHOWN, TITLES, FieldError, Lifecycle, Metrics, ProblemDetails, pointer_to, shortened, unfit
from ..log import LogUnavailable, PredictionLog, Row, moment
from .body import JSON, Place, Table, fields_of
from .models import Choice, ModelRole, Models

log = logging.getLogger(__name__)

Result = TypeVar("Result")

SMALL = 16_384  # bytes: of what is larger, one record is read in a thread, so that other requests go on
LARGE = 1024**2  # bytes of a batch that take some milliseconds to read
SMALL_UNPACKED = 400_000  # bytes: of what is larger, it takes milliseconds to unpack it
MOST_UNPACKED = 400_000_000  # of all records of a batch: some seconds
SHADOWS, SHADOW_BYTES = 100, 64 * 1024**2  # of requests that a shadow may be behind


@dataclass(slots=True, eq=False)
class Answered:
    """The answers of one model to one request, as the log takes them; what drift looks at is found when it writes.

    `asked` is one typed record, or typed columns of several: to keep one as columns would cost a list for each of them.
    """

    predictor: Predictor
    role: ModelRole
    asked: Mapping[str, Any]
    several: bool
    answers: Sequence[Answer]
    ids: Sequence[str]
    embedding: np.ndarray
    size: int
    secret: str
    raw: bool
    at: float = field(default_factory=time.time)

    def __len__(self) -> int:
        return len(self.answers)

    @staticmethod
    def rows(answered: Sequence["Answered"]) -> list[list[Row]]:
        """A row of the table `predictions` for each answer: no ids and no personal data but as a keyed hash."""
        singles: dict[Predictor, list[Answered]] = {}
        for one in answered:
            if not one.several:
                singles.setdefault(one.predictor, []).append(one)
        rows: dict[Answered, list[Row]] = {}
        for predictor, members in singles.items():  # described together, which takes half the time
            columns = {name: [one.asked[name] for one in members] for name in predictor.contract.features}
            described = _described(predictor, columns, np.concatenate([one.embedding for one in members]))
            rows |= {one: [one._row(0, moment(one.at), record)] for one, record in zip(members, described, strict=True)}
        return [rows.get(one) or one._rows() for one in answered]

    def _rows(self) -> list[Row]:
        at, described = moment(self.at), _described(self.predictor, self.asked, self.embedding)
        return [self._row(number, at, record) for number, record in enumerate(described)]

    def _row(self, number: int, at: str, described: dict[str, Any]) -> Row:
        predictor = self.predictor
        return Row(
            self.ids[number],
            self.role,
            at,
            predictor.version,
            _json(described),
            _json(self.answers[number]),
            self._subject(number) if self.secret else None,
            _json(to_raw(predictor.contract, self._record(number))) if self.raw else None,
        )

    def _subject(self, row: int) -> str | None:
        key = self.predictor.key({name: self._column(name)[row] for name in self.predictor.ids})
        return pseudonym(key, self.secret) if key else None

    def _record(self, row: int) -> dict[str, Value]:
        return {name: self._column(name)[row] for name in self.predictor.contract.features}

    def _column(self, name: str) -> Sequence[Value]:
        return self.asked[name] if self.several else (self.asked[name],)


class Service:
    """The models, and the log of what they answered."""

    def __init__(
        self,
        environment: Environment,
        models: Models,
        log: PredictionLog,
        metrics: Metrics,
        lifecycle: Lifecycle,
        executor: Executor,
    ) -> None:
        self.environment, self.models, self.log = environment, models, log
        self.metrics, self.lifecycle, self.executor = metrics, lifecycle, executor
        # the key under which ids are hashed for the log; without it none is kept
        self._answered = partial(Answered, secret=environment.pii_key.get_secret_value(), raw=environment.log_raw)
        self._turn = asyncio.Lock()  # batches are answered one after the other: together, each would only take longer
        self._behind: dict[asyncio.Task[None], int] = {}  # what a shadow has still to answer, in bytes

    def read(self, media: str, body: bytes, bare: Mapping[str, str]) -> tuple[Record, list[Finding]]:
        """One record of a body, typed, with what is only warned of; `bare` as in `fields_of`. Raises ProblemDetails."""
        reader = self.models.champion.predictor.reader
        if media == JSON and (plain := reader.plain(body)) is not None:
            return plain, []
        record, findings = reader.one(fields_of(media, body, bare))
        if findings:
            refuse(findings, alone)
        return record, findings

    def takes_long(self, media: str, body: bytes, bare: Mapping[str, str]) -> bool:
        """Whether a record should be read and scored in a thread, as it would hold up other requests here."""
        champion = self.models.champion
        if len(body) >= SMALL or not champion.inline:
            return True
        if not champion.predictor.reader.unpacks:
            return False
        try:
            fields = fields_of(media, body, bare)
        except ProblemDetails:  # which reading it raises again
            return False
        return champion.predictor.reader.unpacked({name: [value] for name, value in fields.items()}) > SMALL_UNPACKED

    async def one(
        self, record: Record, findings: Sequence[Finding], request_id: str, size: int, long: bool = False
    ) -> Answer:
        """The answer to one record, whose body has `size` bytes; one that `takes_long` is scored in a thread.

        Raises:
            ProblemDetails: 503, when it must be logged and cannot be.
        """
        key = self.models.champion.predictor.key(record) if self.models.splits else ""
        scorer, role = self.models.choose(key or request_id)
        scored = await scorer.score(record, long)
        ids = prediction_ids(1)
        answer = scorer.predictor.named(scored.answer, record, ids[0])
        if findings:
            answer["warnings"] = errors(findings, alone)
        given = scorer.predictor, role, record, False, [scored.answer], ids, scored.embedding, size
        await self.note([self._answered(*given)])
        return answer

    async def in_turn(self, work: Iterator[Result | None], size: int) -> Result:
        """What the work on a body of `size` bytes gives at last; each time that it gives None, others have their turn.

        A short step is taken here: a thread would take Python's lock away in the middle of other requests, again and
        again. Steps of a large body, or of a model that takes its time, are taken in a thread.
        """
        loop, inline = asyncio.get_running_loop(), self.models.champion.inline
        here = inline and size < LARGE and not self.models.champion.predictor.reader.unpacks
        async with self._turn if inline else nullcontext():
            if here:
                while (result := next(work)) is None:
                    await asyncio.sleep(0)
            else:
                while (result := await loop.run_in_executor(self.executor, next, work)) is None:
                    pass
        return result

    def many(
        self, table: Table, request_id: str, size: int
    ) -> Generator[None, None, tuple[list[Answer], list[Answered]]]:
        """Answers to many records, `size` bytes in all, in their order, and what is to be noted: slice by slice.

        Raises:
            ProblemDetails: 422, for all of them.
        """
        if (size_of_all := self.models.champion.predictor.reader.unpacked(table.columns)) > MOST_UNPACKED:
            detail = f"The batch takes {size_of_all:,} bytes once it is unpacked, at most {MOST_UNPACKED:,} are taken."
            raise ProblemDetails(413, TITLES[413], detail)
        answers: list[Answer] = [{} for _ in range(table.rows)]
        notes: list[Answered] = []
        served, step = self.models.champion.predictor, self.models.champion.slice
        columns: dict[str, list[Value]] = {field.name: [] for field in served.reader.fields}
        findings: list[Finding] = []
        for part in _slices_of(range(table.rows), step):
            raw = {name: table.columns[name][part.start : part.stop] for name in columns if table.columns.get(name)}
            typed, found = served.reader.many(raw, len(part), enough=SHOWN)  # what comes behind them would not be shown
            for name, values in typed.items():
                columns[name] += values
            findings += [one._replace(row=part.start + one.row) if one.row is not None else one for one in found]
            if len(findings) + len(table.findings) >= SHOWN:
                refuse([*findings, *table.findings], table.place)
            yield
        findings += table.findings
        refuse(findings, table.place)
        records = [{name: columns[name][row] for name in served.ids} for row in range(table.rows)]
        ids = prediction_ids(table.rows)
        for (scorer, role), rows in self._choices(records, request_id).items():
            asked = columns if len(rows) == table.rows else _rows_of(columns, rows)
            scored: list[Answer] = []
            embeddings = []
            for part in _slices_of(range(len(rows)), step):
                sliced = {name: values[part.start : part.stop] for name, values in asked.items()}
                given, embedding = scorer.predictor.predict_columns(sliced)
                for row, answer in zip(rows[part.start : part.stop], given, strict=True):
                    answers[row] |= scorer.predictor.named(answer, records[row], ids[row])
                scored += given
                embeddings.append(embedding)
                yield
            share = size * len(rows) // table.rows
            part_ids, like = [ids[row] for row in rows], np.concatenate(embeddings)
            notes.append(self._answered(scorer.predictor, role, asked, True, scored, part_ids, like, share))
        for row, warned in by_row(findings, table.rows).items():
            answers[row]["warnings"] = errors(warned, table.place)
            if row % step == 0:
                yield
        return answers, notes

    def _choices(self, records: Sequence[Record], request_id: str) -> dict[Choice, Sequence[int]]:
        """Which rows each model answers."""
        if not self.models.splits:
            return {self.models.choose(""): range(len(records))}
        rows: dict[Choice, list[int]] = {}
        for row, record in enumerate(records):
            key = self.models.champion.predictor.key(record) or f"{request_id}/{row}"
            rows.setdefault(self.models.choose(key), []).append(row)
        return dict(rows)

    async def note(self, notes: Sequence[Answered]) -> None:
        """Log what was answered, and let a shadow answer it too. Raises ProblemDetails, 503, where it cannot."""
        for answered in notes:
            await self.log.room(answered)
        written = [asyncio.wrap_future(future) for answered in notes if (future := self.log.append(answered))]
        try:
            if written:  # rows must be on disk before the answer is out
                await asyncio.gather(*written)
        except LogUnavailable as error:
            raise ProblemDetails(503, TITLES[503], str(error), headers=RETRY) from None
        for answered in notes:
            self.metrics.answered(answered.answers)
            if self.models.shadow:
                self._show(self.models.shadow.predictor, answered)

    async def settle(self) -> None:
        """Wait for what shadows have still to look at."""
        await asyncio.gather(*self._behind)

    def _show(self, shadow: Predictor, answered: Answered) -> None:
        """Let a shadow answer too, unless it is too far behind."""
        if len(self._behind) >= SHADOWS or sum(self._behind.values()) > SHADOW_BYTES:
            self.metrics.unshadowed.inc()
            return
        task = asyncio.create_task(self._look_on(shadow, answered))
        self._behind[task] = answered.size
        task.add_done_callback(self._behind.pop)

    async def _look_on(self, shadow: Predictor, answered: Answered) -> None:
        loop = asyncio.get_running_loop()
        try:
            score = shadow.predict_columns if answered.several else lambda record: shadow.predict([record])
            scored, embedding = await loop.run_in_executor(self.executor, score, answered.asked)
        except Exception:  # nobody waits for it
            log.exception("the shadow %s failed", shadow.version)
            return
        asked, several, size = answered.asked, answered.several, answered.size
        self.log.append(self._answered(shadow, "shadow", asked, several, scored, answered.ids, embedding, size))


def alone(row: int | None, name: str) -> tuple[str]:
    """The place of a field in a body that is one record."""
    return (name,)


def by_row(findings: Sequence[Finding], rows: int) -> dict[int, list[Finding]]:
    """The findings of each row that has some; those of a whole column are of every row."""
    found: dict[int, list[Finding]] = {}
    for finding in findings:
        for row in range(rows) if finding.row is None else (finding.row,):
            found.setdefault(row, []).append(finding)
    return found


def refuse(findings: Sequence[Finding], place: Place) -> None:
    """Raises ProblemDetails, 422, when any of them is refused."""
    if wrong := refused(findings):
        raise unfit([FieldError(**error) for error in errors(wrong, place)], len(wrong))


def errors(findings: Iterable[Finding], place: Place) -> list[dict[str, str]]:
    """Findings as a client is told of them."""
    return [
        {"pointer": pointer_to(place(found.row, found.field)), "detail": shortened(found.detail), "kind": found.kind}
        for found in islice(findings, SHOWN)
    ]


def _described(predictor: Predictor, columns: Columns, embedding: np.ndarray) -> Iterable[dict[str, Any]]:
    """What drift looks at of each record."""
    described = predictor.bundle.describe(columns, embedding)
    names = list(described)
    return (dict(zip(names, values, strict=True)) for values in zip(*described.values(), strict=True))


def _slices_of(rows: range, step: int) -> Iterator[range]:
    """The rows in ranges of `step`."""
    return (rows[start : start + step] for start in range(0, len(rows), step))


def _rows_of(columns: Mapping[str, Sequence[Value]], rows: Sequence[int]) -> dict[str, list[Value]]:
    return {name: [values[row] for row in rows] for name, values in columns.items()}


def _json(content: Any) -> str:
    return to_json(content).decode()
