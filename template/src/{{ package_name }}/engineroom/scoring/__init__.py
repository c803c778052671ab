"""From raw records to answers, as the service and batch scoring share it, and files of any size."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "Answer",
    "Predictor",
    "Record",
    "prediction_ids",
    "score",
    "score_file",
]

if TYPE_CHECKING:
    from .files import score, score_file
    from .predictor import Answer, Predictor, Record, prediction_ids
else:
    __getattr__ = lazily(
        __name__,
        files=["score", "score_file"],
        predictor=["Answer", "Predictor", "Record", "prediction_ids"],
    )
