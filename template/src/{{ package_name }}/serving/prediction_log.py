"""What was asked and what was answered, for drift and audits: a SQLite file written off the request path."""

import json
import queue
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
    """Appends predictions in batches from a thread of its own; when the queue is full it drops and counts."""

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
            with connection:
                connection.executemany(INSERT, [row for row in rows if row is not None])
        connection.close()


def read(path: Path, most: int) -> Iterator[dict[str, Any]]:
    """The newest records of a log, as raw records; `path` is a file or a folder of such files."""
    files = sorted(path.glob("*.db")) if path.is_dir() else [path]
    for file in files:
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        query = "SELECT record FROM predictions ORDER BY predicted_at DESC LIMIT ?"
        for (record,) in connection.execute(query, (most,)):
            yield json.loads(record)
        connection.close()


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
