"""Whether new records are like those of the training."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = ["compare", "drift", "verdict"]

if TYPE_CHECKING:
    from .drifting import compare, drift, verdict
else:
    __getattr__ = lazily(__name__, drifting=["compare", "drift", "verdict"])
