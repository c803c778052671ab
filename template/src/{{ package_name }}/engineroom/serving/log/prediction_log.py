"""What was asked and what was answered, for drift, quality and audits: written off the request path, in batches.

drop   an answer waits for the log only where the queue is full and the database takes rows, and not for long: what
       does not fit into the queue after that is dropped and counted. While it is down, rows wait in the queue.
block  an answer waits until its rows are committed; while the database is down it is refused.
"""

import asyncio
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError, StatementError

from ...contract import UserError
from . import database
from .database import Row

log = logging.getLogger(__name__)

LogPolicy = Literal["drop", "block"]
Result = TypeVar("Result")

BATCH = 500  # rows that are written without a wait for others
MOST = 2_000  # rows a transaction
MOST_BYTES = 64 * 1024**2  # of requests that wait to be described: pictures and long texts take their time
ROOM_S, ROOM_LOOK_S = 5.0, 0.02  # an answer waits so long for room in the queue, and looks so often
LOST_S = 60.0  # so long after it dropped something, the log counts as one that does
LINGER_S = 0.1  # policy drop: how long a row may wait for others
PROBE_S = 1.0  # between two attempts to reach a database that is down
CLOSE_S = 10.0  # for what is queued when the service stops
FLUSH_S = 5.0  # a label waits so long for the row of its prediction
STUCK_S = 10.0  # a database that takes longer over one batch counts as down
EXPIRE_S, EXPIRE_ROWS = 3600.0, 1000
CLOCK_S = 60.0  # by more than this, clocks do not drift apart: one of them was set


class LogUnavailable(Exception):
    """Nothing can be made durable now."""


class Loggable(Protocol):
    """One answered request, of `len` predictions, with the bytes that it took."""

    size: int

    def __len__(self) -> int: ...

    @staticmethod
    def rows(answered: Sequence[Any]) -> list[list[Row]]:
        """Of each of several requests, all columns of the table `predictions`. Called in another thread."""


@dataclass(slots=True)
class _Entry:
    """An answer that is not in the log yet; once its rows are known, they take the place of what they are made from."""

    answered: Loggable | None
    count: int
    done: "Future[None] | None"
    rows: Sequence[Row] = ()


class PredictionLog:
    """Appends predictions from a thread of its own.

    Attributes:
        dropped: rows that were answered and are not in the log.
        queued: rows that wait.
        waited: answers that waited for room in the queue.
    """

    def __init__(
        self, url: str, *, policy: LogPolicy = "drop", capacity: int = 10_000, retention_days: float | None = None
    ) -> None:
        """`capacity` is in rows.

        Raises:
            UserError: the log cannot be opened; with policy drop, a PostgreSQL that cannot be reached is waited for.
        """
        self.policy, self._capacity, self._retention_days = policy, capacity, retention_days
        self.dropped = self.queued = self.waited = self._bytes = 0
        self._full_since: int | None = None  # how many were dropped before, while the queue is full
        self._lost_at = float("-inf")
        self._queue: deque[_Entry] = deque()
        self._line = asyncio.Lock()  # of answers that wait for room: first come, first served
        self._lock, self._wake, self._closing = threading.Lock(), threading.Event(), threading.Event()
        self._started = time.time(), time.monotonic()
        self._expire_at = float("inf") if retention_days is None else 0.0
        self._busy_since = self._deadline = float("inf")
        self._migrated, self._up = False, True
        self._look_at = 0.0
        location = database.url_of(url)
        self._engine = database.connect(location, durable=policy == "block")
        try:
            if location.get_backend_name() == "sqlite":
                Path(location.database or "").parent.mkdir(parents=True, exist_ok=True)
            self._transact(database.probe)
        except (OSError, SQLAlchemyError) as error:
            if policy == "block" or location.get_backend_name() == "sqlite":
                name = location.render_as_string() if "://" in url else url
                raise UserError(f"the prediction log {name} cannot be written: {_reason(error)}") from None
            self._down(error)
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    @property
    def writable(self) -> bool:
        """Whether the database takes rows, as far as is known."""
        return self._up and self._thread.is_alive() and time.monotonic() - self._busy_since < STUCK_S

    @property
    def complete(self) -> bool:
        """Whether it takes all that is answered, and has for a minute."""
        return self.writable and time.monotonic() - self._lost_at > LOST_S

    async def room(self, answered: Loggable) -> None:
        """Wait until the queue has room for an answer, but not for long, and not for a database that is down.

        Batches leave half of the queue to single predictions, which do not wait behind them.
        """
        several = len(answered) > 1
        if (self._welcome(answered) and not (several and self._line.locked())) or not self.writable:
            return
        self.waited += 1
        until = time.monotonic() + ROOM_S
        async with self._line:
            while self.writable and not self._welcome(answered) and time.monotonic() < until:
                await asyncio.sleep(ROOM_LOOK_S)

    def _welcome(self, answered: Loggable) -> bool:
        return self._has_room(answered) and (len(answered) == 1 or self.queued <= self._capacity / 2)

    def _has_room(self, answered: Loggable) -> bool:
        fits = self._bytes + answered.size <= MOST_BYTES or not self._bytes
        return fits and self.queued + len(answered) <= self._capacity

    def append(self, answered: Loggable) -> "Future[None] | None":
        """Log an answer.

        Returns:
            None with policy drop. With policy block, what is done once the rows are committed, or fails with
            LogUnavailable.
        """
        rows, size, block = len(answered), answered.size, self.policy == "block"
        done: Future[None] | None = Future() if block else None
        with self._lock:
            fits = self._has_room(answered) and not self._closing.is_set() and (not block or self.writable)
            if fits:
                self._queue.append(_Entry(answered, rows, done))
                self.queued += rows
                self._bytes += size
            elif done is None:
                self._lose(rows)
        if not fits and done is not None:
            done.set_exception(LogUnavailable("the prediction log is down, or its queue is full"))
        elif not fits and self._full_since is None and not self._closing.is_set():
            self._full_since = self.dropped - rows
            log.error("the queue of the prediction log is full: predictions are answered and not logged")
        elif (block or self.queued >= BATCH) and not self._wake.is_set():
            self._wake.set()
        return done

    def feedback(self, outcomes: Mapping[str, str]) -> list[str]:
        """Store what turned out to be true, by prediction id; another outcome replaces the one before. Blocks.

        Returns:
            The ids that the log does not know.

        Raises:
            LogUnavailable: not all of it may be stored; the same again does no harm.
        """
        if not self._up:
            raise LogUnavailable("the prediction log is down")  # the writer finds out when it is back
        on_the_way = self.policy == "drop" and self.queued > 0  # before the look: rows may be written while it lasts
        try:
            unknown = self._transact(partial(database.label, outcomes=outcomes))
            if unknown and on_the_way:
                self._flush()
                unknown = self._transact(partial(database.label, outcomes={id_: outcomes[id_] for id_ in unknown}))
            return unknown
        except (SQLAlchemyError, UserError) as error:
            log.error("feedback could not be stored: %s", _reason(error))
            raise LogUnavailable("the prediction log is down") from None

    def _flush(self) -> None:
        """Wait until what is queued now is written, but not for long."""
        written: Future[None] = Future()
        with self._lock:
            self._queue.append(_Entry(None, 0, written))
        self._wake.set()
        wait([written], FLUSH_S)

    def close(self) -> None:
        """Write what is queued, but take no longer than about CLOSE_S; what is left counts as dropped."""
        self._deadline, dropped = time.monotonic() + CLOSE_S, self.dropped
        self._closing.set()
        self._wake.set()
        self._thread.join(CLOSE_S + PROBE_S)
        if self._thread.is_alive():  # the database neither takes the rows nor refuses them
            self.dropped += self.queued
        else:
            self._engine.dispose()
        if lost := self.dropped - dropped:
            log.error("%d predictions could not be logged before the service stopped", lost)

    def _run(self) -> None:
        while True:
            closing = self._closing.is_set()  # before the queue is looked at: nothing comes into it after that
            if entries := self._take():
                self._write(entries)
            elif closing:
                return
            elif time.monotonic() >= self._look_at:
                self._look()
            if self._has_to_expire():
                self._expire()

    def _take(self) -> list[_Entry]:
        """What is queued, up to a batch, once there is something or it is time to look after other things."""
        block = self.policy == "block"
        if not self._closing.is_set() and self.queued < (1 if block else BATCH):
            self._wake.wait(0.0 if self._has_to_expire() else PROBE_S if block else LINGER_S)
        self._wake.clear()
        entries, rows = [], 0
        with self._lock:
            while self._queue and rows < MOST:
                entries.append(self._queue.popleft())
                rows += entries[-1].count
        return entries

    def _write(self, entries: list[_Entry]) -> None:
        """Commit; with policy drop, try until that is done."""
        self._describe(entries)
        stored = None
        while stored is None and time.monotonic() < self._deadline:
            stored = self._commit([entry.rows for entry in entries])
            if stored is None and self.policy == "block":
                break
            if stored is None and self._closing.wait(PROBE_S):
                time.sleep(PROBE_S / 4)
            elif stored is None:
                self._describe_queue()
        for entry, rows in zip(entries, stored or [0] * len(entries), strict=True):
            lost = entry.count - rows
            with self._lock:
                self.queued -= entry.count
                if lost and not entry.done:
                    self._lose(lost)
            if entry.done and entry.done.set_running_or_notify_cancel():
                failed = LogUnavailable("the prediction could not be logged") if lost else None
                entry.done.set_exception(failed) if failed else entry.done.set_result(None)
        if self._full_since is not None and self.queued <= self._capacity / 2 and self._bytes <= MOST_BYTES / 2:
            log.warning("the queue has room again: %d predictions were not logged", self.dropped - self._full_since)
            self._full_since = None

    def _lose(self, rows: int) -> None:
        self.dropped += rows
        self._lost_at = time.monotonic()

    def _describe_queue(self) -> None:
        """Let go of what was asked, pictures among it, where it waits for a database that is down."""
        with self._lock:
            waiting = [entry for entry in self._queue if entry.answered is not None]
        for start in range(0, len(waiting), BATCH):
            if not self._closing.is_set():
                self._describe(waiting[start : start + BATCH])

    def _describe(self, entries: Sequence[_Entry]) -> None:
        size = sum(entry.answered.size for entry in entries if entry.answered is not None)
        _describe(entries)
        with self._lock:
            self._bytes -= size

    def _commit(self, described: Sequence[Sequence[Row]]) -> list[int] | None:
        """How many of each entry's rows are in the log now; None when the database takes none."""
        if self.policy == "block" and not self._up:
            return None
        self._busy_since = time.monotonic()
        try:
            if self._inserted([row for rows in described for row in rows]):
                stored = [len(rows) for rows in described]
            else:
                stored = [sum(self._inserted([row]) for row in rows) for rows in described]
        except (SQLAlchemyError, UserError) as error:
            self._down(error)
            return None
        finally:
            self._busy_since = float("inf")
        self._back()
        return stored

    def _inserted(self, rows: Sequence[Row]) -> bool:
        """Whether the database took all rows or, for what one of them holds, none; any other error is raised."""
        try:
            if rows:
                self._transact(partial(database.insert, rows=rows))
        except (SQLAlchemyError, TypeError, ValueError) as error:
            if not _is_about_content(error):
                raise
            if len(rows) == 1:
                log.error("prediction %s could not be logged: %s", rows[0].prediction_id, _reason(error))
            return False
        return True

    def _look(self) -> None:
        """Whether a database that was down is back, or with policy block, whether it is still there."""
        self._look_at = time.monotonic() + PROBE_S
        if self._up and self.policy == "drop":
            return
        try:
            self._transact(database.ping if self._up else database.probe)
        except (SQLAlchemyError, UserError) as error:
            self._down(error)
        else:
            self._back()

    def _transact(self, work: Callable[[Connection], Result]) -> Result:
        """`work` in a transaction, on tables of this version of the code."""
        if not self._migrated:
            database.migrate(self._engine)
            self._migrated = True
        return database.transact(self._engine, work)

    def _down(self, error: Exception) -> None:
        if self._up:
            waits = "wait" if self.policy == "drop" else "are refused"
            log.error("the prediction log is down, predictions %s: %s", waits, _reason(error))
        self._up = False

    def _back(self) -> None:
        if not self._up:
            log.warning("the prediction log is back")
        self._up = True

    def _has_to_expire(self) -> bool:
        return self._up and time.monotonic() >= self._expire_at

    def _expire(self) -> None:
        """Delete some of what is older than the retention; the earliest of three clocks decides what is."""
        assert self._retention_days is not None
        wall, monotonic = time.time(), time.monotonic()
        clocks = {"now": wall, "since the start": self._started[0] + monotonic - self._started[1]}
        try:
            clocks["of the database"] = self._transact(database.clock)
            earliest = min(clocks.values())
            if max(clocks.values()) - earliest > CLOCK_S:
                shown = ", ".join(f"{name} {database.moment(at)}" for name, at in clocks.items())
                log.warning("clocks differ, and retention believes the earliest: %s", shown)
            before = database.moment(earliest - 86_400 * self._retention_days)
            deleted = self._transact(partial(database.expire, before=before, most=EXPIRE_ROWS))
        except SQLAlchemyError as error:
            log.error("old predictions could not be deleted: %s", _reason(error))
            deleted = 0
        self._expire_at = monotonic + (0.0 if deleted == EXPIRE_ROWS else EXPIRE_S)


def read(url: str, model_version: str, most: int) -> Iterator[dict[str, Any]]:
    """Records that a model answered as champion lately, as drift looks at them: see `database.sample`.

    Raises:
        UserError: the log cannot be read.
    """
    engine = database.connect(database.url_of(url), exists=True)
    try:
        records = database.transact(engine, partial(database.sample, model_version=model_version, most=most))
    except SQLAlchemyError as error:
        what_to_do = "give DATA=file, or let the service answer first"
        raise UserError(f"the prediction log cannot be read ({_reason(error)}); {what_to_do}") from None
    finally:
        engine.dispose()
    return map(json.loads, records)


def _describe(entries: Sequence[_Entry]) -> None:
    """Find the rows of each; none, with the reason in the service's log, where a model's own code fails on it."""
    new = [(entry, entry.answered) for entry in entries if entry.answered is not None]
    try:
        found = new[0][1].rows([answered for _, answered in new]) if new else []
    except Exception:
        if len(new) > 1:
            for entry, _ in new:
                _describe([entry])
            return
        log.exception("%d predictions could not be described", new[0][0].count)
        found = [[]]
    for (entry, _), rows in zip(new, found, strict=True):
        entry.answered, entry.rows = None, rows


def _is_about_content(error: Exception) -> bool:
    """Whether a row is refused for what it holds, so that trying again would not help."""
    refusals = (DataError, IntegrityError, ProgrammingError, TypeError, ValueError)
    return isinstance(error, refusals) or (isinstance(error, StatementError) and not isinstance(error, DBAPIError))


def _reason(error: Exception) -> str:
    """An error in one line, without the statement and its values, which may be a person's."""
    found = str(error.orig if isinstance(error, StatementError) else error).strip()
    return found.splitlines()[0] if found else type(error).__name__
