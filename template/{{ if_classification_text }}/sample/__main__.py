"""Tickets and what they are about: `topic` is billing, outage, account or cancellation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import tickets
from .phrases import TOPICS
from .tickets import Table

MISFILED = 0.04  # share of tickets that somebody filed under any topic


def topic(table: Table, rng: np.random.Generator) -> NDArray[Any]:
    """The topic that each ticket was filed under, shape (rows,)."""
    rows = len(table["topic"])
    return np.where(rng.random(rows) < MISFILED, rng.choice(list(TOPICS), rows), table["topic"])


if __name__ == "__main__":
    tickets.run("topic", topic)
