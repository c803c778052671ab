"""Tickets and how long they take: `minutes` is the working time until each was closed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import tickets
from .tickets import Table

BASE = {"billing": 35.0, "outage": 75.0, "account": 15.0, "cancellation": 45.0}  # minutes, by what it is about
MOOD = (-8.0, 0.0, 14.0, 40.0)  # minutes more that it takes to calm a customer down, from patient to desperate
SPREAD = 0.16  # of the logarithm: two colleagues need different times for the same ticket


def minutes(table: Table, rng: np.random.Generator) -> NDArray[Any]:
    """Minutes for each ticket, shape (rows,), at least 2: skewed, with noise that grows with them."""
    luck = rng.lognormal(0, SPREAD, len(table["topic"]))
    return np.round(np.maximum(expected_minutes(table) * luck, 2), 1)


def expected_minutes(table: Table) -> NDArray[np.float64]:
    """What somebody who knew the facts behind each ticket would predict."""
    subject = np.array([BASE[topic] for topic in table["topic"].tolist()])
    return subject + np.array(MOOD)[table["mood"].astype(int)]


if __name__ == "__main__":
    tickets.run("minutes", minutes)
