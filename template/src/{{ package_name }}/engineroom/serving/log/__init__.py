"""The prediction log: rows of predictions and outcomes, written by a thread of its own to SQLite or PostgreSQL."""

from typing import TYPE_CHECKING

from ...lazy import lazily

__all__ = [
    "LogUnavailable",
    "PredictionLog",
    "Row",
    "connect",
    "moment",
    "read",
    "url_of",
]

if TYPE_CHECKING:
    from .database import Row, connect, moment, url_of
    from .prediction_log import LogUnavailable, PredictionLog, read
else:
    __getattr__ = lazily(
        __name__,
        database=["Row", "connect", "moment", "url_of"],
        prediction_log=["LogUnavailable", "PredictionLog", "read"],
    )
