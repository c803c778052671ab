"""How values are shown to people: as words, as text that is no markup, and nothing that only a few records have."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "FEW",
    "RARE",
    "as_markdown",
    "harmless",
    "number",
    "of_100",
    "percent",
    "round_between",
    "shared",
]

if TYPE_CHECKING:
    from .privacy import FEW, RARE, round_between, shared
    from .wording import as_markdown, harmless, number, of_100, percent
else:
    __getattr__ = lazily(
        __name__,
        privacy=["FEW", "RARE", "round_between", "shared"],
        wording=["as_markdown", "harmless", "number", "of_100", "percent"],
    )
