"""What is in force: runs in MLflow, the bundle that passed, champion and challenger, and how they change places."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "accept",
    "deliver",
    "move",
    "track",
]

if TYPE_CHECKING:
    from .acceptance import accept
    from .delivery import deliver
    from .promotion import move
    from .runs import track
else:
    __getattr__ = lazily(
        __name__,
        acceptance=["accept"],
        delivery=["deliver"],
        promotion=["move"],
        runs=["track"],
    )
