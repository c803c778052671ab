"""What the test part showed, for the readers of the report: sentences and pictures. Nothing is measured here."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = ["Picture", "dummy", "explain", "plots", "summary"]

if TYPE_CHECKING:
    from .picture import Picture
    from .results import dummy, explain, plots, summary
else:
    __getattr__ = lazily(__name__, picture=["Picture"], results=["dummy", "explain", "plots", "summary"])
