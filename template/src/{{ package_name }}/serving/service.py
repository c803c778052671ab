"""What happens to a record between the request and the answer: read, judged, scored, logged.

Every route comes through here, so a record gets the same answer whatever the shape of the request.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from pydantic_core import to_json

from ..reader import Finding, Raw, refused
from ..records import Value, pseudonym, to_raw
from .body import Place, Table
from .database import Row, moment
from .metrics import Metrics
from .models import Choice, Models, Role
from .prediction_log import LogUnavailable, PredictionLog
from .predictor import Answer, Predictor, Record
from .problems import RETRY, SHOWN, TITLES, FieldError, Problem, pointer_to, shortened, unfit

log = logging.getLogger(__name__)

SHADOWS = 100  # requests that a shadow may be behind
NOT_LOGGED = ("prediction_id", "model_version", "warnings")  # in `answer`: they have columns of their own, or none


class Answered:
    """The answers of one model to one request, as the log takes them; what drift looks at is found when it writes.

    `asked` is one typed record, or typed columns of several: to keep one as columns would cost a list for each of them.
    """

    __slots__ = ("answers", "asked", "at", "embedding", "predictor", "raw", "role", "secret", "several")

    def __init__(
        self,
        predictor: Predictor,
        role: Role,
        asked: Mapping[str, Any],
        several: bool,
        answers: Sequence[Answer],
        embedding: np.ndarray,
        secret: str,
        raw: bool,
    ) -> None:
        self.predictor, self.role, self.asked, self.several = predictor, role, asked, several
        self.answers, self.embedding, self.secret, self.raw = answers, embedding, secret, raw
        self.at = time.time()

    def __len__(self) -> int:
        return len(self.answers)

    @staticmethod
    def rows(answered: Sequence["Answered"]) -> list[list[Row]]:
        """A row of the table `predictions` for each answer: no ids and no personal data but as a keyed hash."""
        by_model: dict[Predictor, list[Answered]] = {}
        for one in answered:
            by_model.setdefault(one.predictor, []).append(one)
        rows = {}
        for predictor, members in by_model.items():
            columns = {
                name: [value for one in members for value in (one.asked[name] if one.several else (one.asked[name],))]
                for name in predictor.contract.features
            }
            described = predictor.bundle.describe(columns, np.concatenate([one.embedding for one in members]))
            values = zip(*described.values(), strict=True)
            for one in members:
                rows[one] = one._rows(dict(zip(described, next(values), strict=True)) for _ in one.answers)
        return [rows[one] for one in answered]

    def _rows(self, described: Iterable[dict[str, Any]]) -> list[Row]:
        predictor = self.predictor
        fixed = {"role": self.role, "predicted_at": moment(self.at), "model_version": predictor.version}
        left_out = {*predictor.ids, *NOT_LOGGED}
        rows: list[Row] = []
        for number, (answer, record) in enumerate(zip(self.answers, described, strict=True)):
            key = predictor.key(answer) if self.secret else ""
            rows.append(
                {
                    "prediction_id": answer["prediction_id"],
                    **fixed,
                    "record": _json(record),
                    "answer": _json({name: value for name, value in answer.items() if name not in left_out}),
                    "subject": pseudonym(key, self.secret) if key else None,
                    "raw": _json(self._raw(number)) if self.raw else None,
                }
            )
        return rows

    def _raw(self, row: int) -> dict[str, Any]:
        contract = self.predictor.contract
        return to_raw(contract, {name: self._column(name)[row] for name in contract.features})

    def _column(self, name: str) -> Sequence[Value]:
        return self.asked[name] if self.several else (self.asked[name],)


class Service:
    """The models, and the log of what they answered."""

    def __init__(
        self,
        models: Models,
        log: PredictionLog,
        metrics: Metrics,
        executor: Executor,
        secret: str = "",
        raw: bool = False,
    ) -> None:
        """`secret` is the key under which ids are hashed for the log; without it none is kept."""
        self.models, self.log, self.metrics, self.executor = models, log, metrics, executor
        self._answered = partial(Answered, secret=secret, raw=raw)
        self._shadows: set[asyncio.Task[None]] = set()

    def read(self, raw: Raw) -> tuple[Record, list[Finding]]:
        """One record, typed, with what is only warned of. Raises Problem, 422."""
        record, findings = self.models.champion.predictor.reader.one(raw)
        if findings:
            refuse(findings, alone)
        return record, findings

    async def one(self, record: Record, findings: Sequence[Finding], request_id: str) -> Answer:
        """The answer to one record. Raises Problem, 503, when it must be logged and cannot be."""
        key = self.models.champion.predictor.key(record) if self.models.splits else ""
        scorer, role = self.models.choose(key or request_id)
        scored = await scorer.score(record)
        [answer] = scorer.predictor.named([scored.answer], [record])
        if findings:
            answer["warnings"] = errors(findings, alone)
        await self.note([self._answered(scorer.predictor, role, record, False, [answer], scored.embedding)])
        return answer

    def many(self, table: Table, request_id: str) -> tuple[list[Answer], list[Answered]]:
        """Answers to many records, in their order, and what is to be noted. Raises Problem, 422, for all of them."""
        served = self.models.champion.predictor
        columns, found = served.reader.many(table.columns, table.rows)
        findings = [*found, *table.findings]
        refuse(findings, table.place)
        records = [{name: columns[name][row] for name in served.ids} for row in range(table.rows)]
        answers: list[Answer] = [{}] * table.rows
        notes = []
        for (scorer, role), rows in self._choices(records, request_id).items():
            part = columns if len(rows) == table.rows else _rows_of(columns, rows)
            scored, embedding = scorer.predictor.predict_columns(part)
            named = scorer.predictor.named(scored, [records[row] for row in rows])
            for row, answer in zip(rows, named, strict=True):
                answers[row] = answer
            notes.append(self._answered(scorer.predictor, role, part, True, named, embedding))
        for row, warned in by_row(findings, table.rows).items():
            answers[row]["warnings"] = errors(warned, table.place)
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
        """Log what was answered, and let a shadow answer it too. Raises Problem, 503, when it cannot be logged."""
        written = [asyncio.wrap_future(future) for answered in notes if (future := self.log.append(answered))]
        try:
            await asyncio.gather(*written)  # of nothing, unless rows must be on disk before the answer is out
        except LogUnavailable as error:
            raise Problem(503, TITLES[503], str(error), headers=RETRY) from None
        for answered in notes:
            self.metrics.answered(answered.answers)
            if self.models.shadow and len(self._shadows) < SHADOWS:
                task = asyncio.create_task(self._look_on(self.models.shadow.predictor, answered))
                self._shadows.add(task)
                task.add_done_callback(self._shadows.discard)

    async def settle(self) -> None:
        """Wait for what shadows have still to look at."""
        await asyncio.gather(*self._shadows)

    async def _look_on(self, shadow: Predictor, answered: Answered) -> None:
        loop = asyncio.get_running_loop()
        try:
            score = shadow.predict_columns if answered.several else lambda record: shadow.predict([record])
            scored, embedding = await loop.run_in_executor(self.executor, score, answered.asked)
        except Exception:  # nobody waits for it
            log.exception("the shadow %s failed", shadow.version)
            return
        named = [
            {**{name: given[name] for name in shadow.ids}, **answer, "prediction_id": given["prediction_id"]}
            for answer, given in zip(scored, answered.answers, strict=True)
        ]
        self.log.append(self._answered(shadow, "shadow", answered.asked, answered.several, named, embedding))


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
    """Raises Problem, 422, when any of them is refused."""
    if wrong := refused(findings):
        raise unfit([FieldError(**error) for error in errors(wrong, place)], len(wrong))


def errors(findings: Iterable[Finding], place: Place) -> list[dict[str, str]]:
    """Findings as a client is told of them."""
    return [
        {"pointer": pointer_to(place(found.row, found.field)), "detail": shortened(found.detail), "kind": found.kind}
        for found in islice(findings, SHOWN)
    ]


def _rows_of(columns: Mapping[str, Sequence[Value]], rows: Sequence[int]) -> dict[str, list[Value]]:
    return {name: [values[row] for row in rows] for name, values in columns.items()}


def _json(content: Any) -> str:
    return to_json(content).decode()
