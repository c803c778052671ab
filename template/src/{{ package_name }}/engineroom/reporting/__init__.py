"""What the test part showed, for the readers of the report: sentences and pictures. Nothing is measured here."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "Picture",
    "draw_plots",
    "dummy",
    "explain",
    "hardly_tested",
    "limits_of_use",
    "per_1000",
    "plots",
    "render_document",
    "slice_rows",
    "summary",
]

if TYPE_CHECKING:
    from .documents import draw_plots, hardly_tested, limits_of_use, per_1000, render_document, slice_rows
    from .picture import Picture
    from .results import dummy, explain, plots, summary
else:
    __getattr__ = lazily(
        __name__,
        documents=["draw_plots", "hardly_tested", "limits_of_use", "per_1000", "render_document", "slice_rows"],
        picture=["Picture"],
        results=["dummy", "explain", "plots", "summary"],
    )
