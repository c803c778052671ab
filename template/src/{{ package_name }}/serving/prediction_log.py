"""What was asked and what was answered, for drift and audits: a SQLite file written off the request path."""

import json
import logging
import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from heapq import nlargest
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

TABLE = """
CREATE TABLE IF NOT EXISTS predictions (
    prediction_id TEXT PRIMARY KEY,
    predicted_at TEXT NOT NULL,
    model_version TEXT NOT NULL,
    record TEXT NOT NULL,
    answer TEXT NOT NULL
)
"""
INSERT = "INSERT INTO predictions VALUES (?, ?, ?, ?, ?)"
CAPACITY = 10_000
BATCH = 500


class PredictionLog:
    """Appends predictions in batches from a thread of its own; what cannot be written is dropped and counted."""

    def __init__(self, path: Path) -> None:
        """Raises OSError or sqlite3.Error when the file cannot be written: a service must say so at its start."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.dropped = 0
        self._queue: queue.Queue[tuple[str, ...] | None] = queue.Queue(CAPACITY)
        with sqlite3.connect(path) as connection:
            connection.execute(TABLE)
        self._thread = threading.Thread(target=self._write, name="prediction-log", daemon=True)
        self._thread.start()

    def append(self, prediction_id: str, version: str, record: dict[str, Any], answer: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        try:
            self._queue.put_nowait((prediction_id, now, version, _json(record), _json(answer)))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what is queued, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        connection = sqlite3.connect(self.path, timeout=30)
        open_ = True
        while open_:
            rows = [self._queue.get()]
            while len(rows) < BATCH and not self._queue.empty():
                rows.append(self._queue.get())
            open_ = None not in rows
            kept = [row for row in rows if row is not None]
            try:
                with connection:
                    connection.executemany(INSERT, kept)
            except sqlite3.Error as error:  # a full disk or a lock: predictions go on, and the loss is counted
                self.dropped += len(kept)
                log.error("%d predictions could not be logged: %s", len(kept), error)
        connection.close()


def read(path: Path, most: int) -> Iterator[dict[str, Any]]:
    """The newest records of a log, newest first, as drift looks at them; `path` is a file or a folder of such files."""
    found: list[tuple[str, str]] = []
    for file in sorted(path.glob("*.db")) if path.is_dir() else [path]:
        # rw, not ro: a service that was killed leaves a journal, which the next reader has to roll back
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", uri=True)) as connection:
            query = "SELECT predicted_at, record FROM predictions ORDER BY predicted_at DESC LIMIT ?"
            found = nlargest(most, [*found, *connection.execute(query, (most,))])
    return (json.loads(record) for _, record in found)


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=datetime.isoformat)
