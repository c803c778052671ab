"""A picture of the test part, not yet drawn."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Picture(NamedTuple):
    """Its name, how to read it, and what draws it: on axes, from targets (n,) and scores (n, outputs)."""

    title: str
    caption: str
    draw: Callable[[Any, np.ndarray, np.ndarray], None]
