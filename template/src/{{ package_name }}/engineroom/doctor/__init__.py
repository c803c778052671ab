"""What one asks somebody for whose project does not do what it should: versions, settings, what answers."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "examine",
]

if TYPE_CHECKING:
    from .examination import examine
else:
    __getattr__ = lazily(
        __name__,
        examination=["examine"],
    )
