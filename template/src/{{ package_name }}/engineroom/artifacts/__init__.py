"""Where the stages leave their files, and how JSON is read and written there."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "BUNDLE",
    "CANDIDATE",
    "CHAMPION",
    "CHECKPOINTS",
    "CLEAN",
    "EVALUATION",
    "GATE",
    "INGEST",
    "PARTS",
    "REPORT",
    "RUN",
    "SPLIT",
    "SUMS",
    "TEST_SCORES",
    "TRAINING",
    "TUNING",
    "VALIDATION",
    "digest",
    "read_json",
    "write_json",
]

if TYPE_CHECKING:
    from .paths import (
        BUNDLE,
        CANDIDATE,
        CHAMPION,
        CHECKPOINTS,
        CLEAN,
        EVALUATION,
        GATE,
        INGEST,
        PARTS,
        REPORT,
        RUN,
        SPLIT,
        SUMS,
        TEST_SCORES,
        TRAINING,
        TUNING,
        VALIDATION,
        digest,
        read_json,
        write_json,
    )
else:
    __getattr__ = lazily(
        __name__,
        paths=[
            "BUNDLE",
            "CANDIDATE",
            "CHAMPION",
            "CHECKPOINTS",
            "CLEAN",
            "EVALUATION",
            "GATE",
            "INGEST",
            "PARTS",
            "REPORT",
            "RUN",
            "SPLIT",
            "SUMS",
            "TEST_SCORES",
            "TRAINING",
            "TUNING",
            "VALIDATION",
            "digest",
            "read_json",
            "write_json",
        ],
    )
