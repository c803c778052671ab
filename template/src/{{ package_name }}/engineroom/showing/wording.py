"""Numbers as people read them: three significant digits, thousands separators, per cents. Texts that are no markup."""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping

ABSENT = "\N{EM DASH}"
LONGEST = 100  # characters of a name on a page
MARKUP = {ord(sign): chr(ord(sign) + 0xFEE0) for sign in "<>&\"'`\\$[]{}"}  # to their full-width forms


def number(value: float | None, significant: int = 3) -> str:
    """12345.6 -> 12,300; 0.087543 -> 0.0875; whole numbers stay exact: 4523 -> 4,523."""
    if value is None:
        return ABSENT
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) < 5e-5:
        return "about 0"
    digits = significant - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(0, digits)}f}"


def percent(share: float | None) -> str:
    """0.16858 -> 16.9%; 1 -> 100%."""
    if share is None:
        return ABSENT
    return f"{100 * share:.3g}%" if abs(share) < 9.99 else f"{100 * share:,.0f}%"


def of_100(interval: Mapping[str, float]) -> str:
    """A share with its interval as a count: about 53 (95% interval 47 to 59)."""
    value, low, high = (f"{100 * interval[key]:.0f}" for key in ("value", "low", "high"))
    return f"about {value} (95% interval {low} to {high})"


def as_markdown(text: str) -> str:
    """A text on one line, with a backslash before each character that Markdown would take for its own, or for HTML."""
    return re.sub(r"[\\`*\[\]<>|&~$#]|(?<!\w)_|_(?!\w)", r"\\\g<0>", " ".join(text.split()))


def harmless(texts: Iterable[str]) -> dict[str, str]:
    """Each text as no page, script or chart takes it for its own language: signs of markup become wide ones.

    Texts that differ stay different.
    """
    found: dict[str, str] = {}
    for text in texts:
        kept = (" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text[:LONGEST])
        name = "".join(kept).translate(MARKUP)
        while name in found.values():
            name += "'".translate(MARKUP)
        found[text] = name
    return found
