"""What of the data may be shown: what several share. Examples, reports and bundles name nothing that only a few have.

A level of one record, or the largest value of a column, may be what tells a person; what several have does not.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import TypeVar

FEW = 5
RARE = "(a rare level)"  # stands for the levels of fewer
Level = TypeVar("Level", bound=Hashable)


def shared(owned: Iterable[tuple[Level, Hashable]]) -> dict[Level, int]:
    """Of values and whose they are: the values that at least FEW have, in order, and how many have each."""
    counts = Counter(value for value, _ in set(owned))
    return {value: counts[value] for value in sorted(counts) if counts[value] >= FEW}  # type: ignore[type-var]


def round_between(low: float, value: float, high: float, whole: bool = False) -> float:
    """The number with the fewest digits near a value, from `low` to `high`: nobody's in particular."""
    size = math.floor(math.log10(max(abs(low), abs(high)) or 1))
    rounded = (float(round(value, digits)) for digits in range(-size, 1 if whole else 16 - size))
    return next((number for number in rounded if low <= number <= high), value)
