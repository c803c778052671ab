"""How rows are divided into parts and folds."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "MERGE",
    "Parts",
    "cut_at_random",
    "cut_by_time",
    "equal_records",
    "folds",
    "groups_of",
    "labels_of",
    "method_of",
    "periods_of",
    "refuse_missing_classes",
    "refuse_overlap",
    "repeated_records",
    "rows_of",
    "units_of",
    "why_too_few",
]

if TYPE_CHECKING:
    from .parts import (
        MERGE,
        Parts,
        cut_at_random,
        cut_by_time,
        equal_records,
        folds,
        groups_of,
        labels_of,
        method_of,
        periods_of,
        refuse_missing_classes,
        refuse_overlap,
        repeated_records,
        rows_of,
        units_of,
        why_too_few,
    )
else:
    __getattr__ = lazily(
        __name__,
        parts=[
            "MERGE",
            "Parts",
            "cut_at_random",
            "cut_by_time",
            "equal_records",
            "folds",
            "groups_of",
            "labels_of",
            "method_of",
            "periods_of",
            "refuse_missing_classes",
            "refuse_overlap",
            "repeated_records",
            "rows_of",
            "units_of",
            "why_too_few",
        ],
    )
